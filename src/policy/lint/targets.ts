/** Targets that name a server or a tool that no upstream has: most often a misspelling. */
import { nearest } from '../../model/document.ts'
import type { ToolDefinition } from '../../model/tool.ts'
import type { LabelRule, Target } from '../language.ts'
import { compileTarget, globOf, names } from '../target.ts'
import { type Findings, type LintGiven, someOf } from './finding.ts'

interface Named {
  readonly targets: readonly Target[]
  readonly rule?: string
}

export function lintTargets(given: LintGiven, findings: Findings): void {
  const { tools, policies, engines = [] } = given
  if (!tools) return
  const servers = serversOf(given, tools)
  const all: Named[] = [
    ...policies.rules.map(({ source }) => ({ targets: source.targets ?? [], rule: source.name })),
    ...policies.files.flatMap(({ classify, labels }) => [
      ...classify.map(({ targets }) => ({ targets })),
      ...labels.map(({ targets, name }) => ({ targets, rule: name })),
    ]),
    ...engines.map(({ id, targets }) => ({ targets: targets ?? [], rule: `engine:${id}` })),
  ]
  for (const { targets, rule } of all)
    for (const target of targets) lintTarget(target, rule, { ...given, tools, servers }, findings)
  const rows = policies.files.flatMap(({ labels }) => labels)
  for (const row of rows) lintServers(row, servers, findings)
}

/** All upstreams, as far as they are known. */
export function serversOf(
  { servers }: LintGiven,
  tools: readonly ToolDefinition[],
): readonly string[] {
  return servers ?? [...new Set(tools.map(({ server }) => server))]
}

/** Servers that leave a label with whatever they say. */
function lintServers(
  { servers: patterns, place, name }: LabelRule,
  servers: readonly string[],
  findings: Findings,
): void {
  for (const text of patterns) {
    const glob = globOf({ text, place }, 'server')
    if (servers.some((server) => glob.matches(server))) continue
    const level = glob.literal ? 'error' : 'warning'
    unknownServer(text, { place, rule: name, level }, servers, findings)
  }
}

function unknownServer(
  written: string,
  about: Parameters<Findings['add']>[1],
  servers: readonly string[],
  findings: Findings,
): void {
  const near = nearest(written, servers)
  const remedy = near === undefined ? `there are ${someOf(servers)}` : `did you mean \`${near}\`?`
  const message = `no upstream is named \`${written}\``
  findings.add('unknown_server', about, message, servers.length === 0 ? 'see mcp.json' : remedy)
}

export function lintTarget(
  target: Target,
  rule: string | undefined,
  given: LintGiven & Required<Pick<LintGiven, 'tools' | 'servers'>>,
  findings: Findings,
): void {
  const { tools, servers, silent } = given
  const compiled = compileTarget(target)
  const { server, name } = compiled
  const matching = servers.filter((one) => server.matches(one))
  const level = server.literal && name.literal ? 'error' : 'warning'
  const about = { place: target.place, ...(rule !== undefined && { rule }), level } as const
  if (matching.length === 0) {
    const own = { ...about, level: server.literal ? 'error' : 'warning' } as const
    unknownServer(target.server, own, servers, findings)
    return
  }
  // Prompts and resources stand in no lock file and in no list of tools.
  if (target.kind !== 'tool' || matching.some((one) => silent?.has(one) === true)) return
  if (tools.some((one) => names(compiled, 'tool', one.server, one.name))) return
  const written = `${target.server}/${target.name}`
  const near = nearest(
    written,
    tools.map((one) => `${one.server}/${one.name}`),
  )
  const remedy = near === undefined ? 'correct the name, or remove it' : `did you mean \`${near}\`?`
  findings.add('unknown_tool', about, `no upstream has a tool \`${written}\``, remedy)
}
