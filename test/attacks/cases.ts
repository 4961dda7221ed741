/**
 * The attacks on the guard itself, by their recorded ids: which are held off here and by which test file, and which
 * come with a later part of the guard and why. A test named `<id>: …` stands in the first file of each row.
 */

export interface AttackCase {
  readonly id: string
  readonly cls: string
  /** Files, from the root of the repository, whose tests make the attack; empty where all of it comes later. */
  readonly files: readonly string[]
  /** What of it is not tried here, and what it waits for. */
  readonly later?: string
}

const CLOCK = 'test/attacks/clock.test.ts'
const DEFINITIONS = 'test/attacks/definitions.test.ts'
const SEVERAL = 'test/e2e/several.test.ts'
const AGENT = 'test/attacks/agent.test.ts'
const UPSTREAM = 'test/attacks/upstream.test.ts'
const FULL_DISK = 'test/attacks/full-disk.test.ts'
const HTTP = 'test/attacks/http.test.ts'
const HTTP_UPSTREAM = 'test/attacks/http-upstream.test.ts'
const WIRE = 'test/attacks/wire.test.ts'
const POLICIES = 'test/attacks/policies.test.ts'
const POISONED = 'test/attacks/poisoned.test.ts'
const RELOAD = 'test/attacks/reload.test.ts'
const TAMPERING = 'test/attacks/tampering.test.ts'
const VALUES = 'test/attacks/values.test.ts'

function here(id: string, cls: string, files: readonly string[], later?: string): AttackCase {
  return later === undefined ? { id, cls, files } : { id, cls, files, later }
}
function comes(id: string, cls: string, later: string): AttackCase {
  return { id, cls, files: [], later }
}

export const CASES: readonly AttackCase[] = [
  here('G01', 'name collision between upstreams', [DEFINITIONS]),
  here('G02', 'namespace forgery', [DEFINITIONS, 'test/proxy/public-name.test.ts', SEVERAL]),
  here('G03', 'homoglyph / invisible names', [DEFINITIONS, 'test/model/rival.test.ts']),
  here('G04', 'rug pull between two lists', [DEFINITIONS, 'test/proxy/catalog.test.ts']),
  here(
    'G05',
    'rug pull between list and call',
    [DEFINITIONS, 'test/proxy/catalog.test.ts'],
    'approvals: a held call is decided afresh',
  ),
  here('G06', 'benign churn must not look like a rug pull', [DEFINITIONS]),
  here(
    'G07',
    'poisoned schema, clean description',
    [DEFINITIONS],
    'a definition that is poisoned from the start: nobody searches definitions for instructions',
  ),
  here('G08', 'poisoned result / error / progress text', [POISONED, 'test/proxy/overhear.test.ts']),
  here('G09', 'instructions hidden by encoding', [DEFINITIONS, POISONED, 'test/cli/pin.test.ts']),
  here('G10', 'duplicate JSON keys', [AGENT, WIRE]),
  here('G11', 'key case / Unicode key collision', [AGENT, WIRE]),
  here('G12', 'deep nesting', [AGENT, WIRE]),
  here('G13', 'oversized frames, no newline', [
    AGENT,
    WIRE,
    HTTP_UPSTREAM,
    'test/e2e/trouble.test.ts',
  ]),
  here('G14', 'prototype pollution', [AGENT, WIRE, HTTP]),
  here('G15', 'number tricks', [AGENT, WIRE, 'test/mandate/budget.test.ts']),
  here('G16', 'type confusion', [AGENT, WIRE]),
  here('G17', 'regex constraint bypass', [AGENT]),
  here('G18', 'path traversal and encodings', [AGENT, VALUES]),
  here('G19', 'URL allowlist bypass', [AGENT, VALUES]),
  here(
    'G20',
    'SSRF through arguments',
    [VALUES],
    'redirects, and where a name leads: only the upstream or an egress proxy can tell',
  ),
  here('G21', 'command / shell arguments', [AGENT, HTTP_UPSTREAM]),
  here('G22', 'config file as code', [AGENT, 'test/e2e/commands.test.ts', 'test/cli/lock.test.ts']),
  here('G23', 'id reuse / answer misrouting', [UPSTREAM, HTTP]),
  here('G24', 'replay', ['test/e2e/replay.test.ts', CLOCK], 'once-only approvals'),
  here('G25', 'progress-token confusion', [UPSTREAM, HTTP, 'test/e2e/notices.test.ts']),
  here('G26', 'cancellation races', [UPSTREAM, HTTP], 'during an approval'),
  here('G27', 'notification spam', [HTTP]),
  here('G28', 'server-initiated requests', [UPSTREAM, WIRE, 'test/e2e/questions.test.ts']),
  here('G29', 'side doors beside tools/call', [AGENT, WIRE, HTTP]),
  here('G30', 'DNS rebinding', [HTTP]),
  comes('G31', 'CSRF on the approval page', 'the approval page'),
  here('G32', 'session hijack / fixation', [HTTP]),
  here('G33', 'token passthrough / confused deputy', [
    'test/e2e/secrets.test.ts',
    HTTP_UPSTREAM,
    HTTP,
  ]),
  here(
    'G34',
    'secrets in logs',
    ['test/e2e/secrets.test.ts', 'test/e2e/secrets-at-rest.test.ts', 'test/audit/secrets.test.ts'],
    'approval pages',
  ),
  comes('G35', 'approval TOCTOU: arguments', 'approvals'),
  comes('G36', 'approval TOCTOU: world changed', 'approvals'),
  comes('G37', 'approval display spoofing', 'approvals'),
  comes('G38', 'approval flooding', 'approvals'),
  here('G39', 'audit tampering', [TAMPERING, 'test/audit/verify/log.test.ts']),
  here('G40', 'audit completeness', [
    'test/e2e/crash.test.ts',
    FULL_DISK,
    'test/e2e/audit.test.ts',
    'test/e2e/state.test.ts',
  ]),
  here('G41', 'clock skew', [CLOCK, 'test/pipeline/line.test.ts'], 'approvals and tokens'),
  here(
    'G42',
    'policy reload races',
    [
      RELOAD,
      POLICIES,
      'test/e2e/mandate-file.test.ts',
      'test/cli/policy-keeper.test.ts',
      'test/e2e/policies.test.ts',
    ],
    'mandates that are replaced while a guard runs, which reads them once, and calls that wait for an approval',
  ),
  here('G43', 'upstream crash mid-call', [
    UPSTREAM,
    HTTP_UPSTREAM,
    'test/e2e/trouble.test.ts',
    'test/pipeline/state.test.ts',
  ]),
  here('G44', 'slow loris', [HTTP]),
  here('G45', 'response spoofing by an upstream', [
    UPSTREAM,
    HTTP_UPSTREAM,
    'test/e2e/trouble.test.ts',
  ]),
  here('G46', 'lethal trifecta across servers', [POLICIES, 'test/policy/starter.test.ts']),
  here('G47', 'malicious upstream with a clean definition', ['test/docs/security.test.ts']),
  here('G48', 'guard bypass', ['test/cli/check.test.ts', 'test/config/client-configs.test.ts']),
  here('G49', 'error oracle', [AGENT, HTTP]),
  here(
    'G50',
    'fail-open on internal error',
    ['test/e2e/audit.test.ts', 'test/pipeline/line.test.ts', FULL_DISK],
    'the approval store',
  ),
]
