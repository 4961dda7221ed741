/** What is measured: the upstream alone, the two baselines, Chaperone, and peers that happen to be installed. */
import {
  accessSync,
  closeSync,
  constants,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { LaunchLine } from './child.ts'

export interface Target {
  readonly name: string
  /** Baselines are what the rest is compared with. */
  readonly kind: 'baseline' | 'chaperone' | 'peer'
  readonly line: LaunchLine
  /** Why it cannot be measured here: not built, not installed. */
  readonly missing?: string
}

export const DIRECT = 'direct'
export const PIPE = 'byte pipe'
export const RELAY = 'parsing relay'
export const CHAPERONE = 'chaperone'
/** Its calls change the world: each waits for the disk before it leaves. */
export const WRITES = 'chaperone, writes'
/** Each of its calls takes from two budgets. */
export const BUDGET = 'chaperone, budget'
export const POLICIES = 'chaperone, policies'

/** The upstream lists twenty tools; the mandate grants `approve` and `read_*`, the other nine are hidden. */
export const OFFERED_TOOLS = 20
export const PERMITTED_TOOLS = 11

export function bundlePath(): string {
  return fileURLToPath(new URL('../../dist/bin/chaperone.js', import.meta.url))
}

const STARTER = fileURLToPath(new URL('../../policies/', import.meta.url))

export function processPath(name: string): string {
  return fileURLToPath(new URL(`process/${name}.js`, import.meta.url))
}

export function node(...args: readonly string[]): LaunchLine {
  return { command: process.execPath, args }
}

export const UPSTREAM: readonly string[] = [
  process.execPath,
  processPath('upstream'),
  '--tools',
  String(OFFERED_TOOLS),
]

/** The runtime that every Node target pays for, doing nothing. */
export const BARE: LaunchLine = node(processPath('bare'))

export function baselines(): readonly Target[] {
  return [
    { name: DIRECT, kind: 'baseline', line: node(...UPSTREAM.slice(1)) },
    { name: PIPE, kind: 'baseline', line: node(processPath('pipe'), ...UPSTREAM) },
    { name: RELAY, kind: 'baseline', line: node(processPath('relay'), ...UPSTREAM) },
  ]
}

/** A temporary folder that holds every file a measured guard reads or writes; removed by `remove`. */
export interface Workshop {
  readonly folder: string
  readonly stateDir: string
  remove(): void
}

export function openWorkshop(): Workshop {
  const folder = mkdtempSync(join(tmpdir(), 'chaperone-bench-'))
  const stateDir = join(folder, 'state')
  const upstreams = { mcpServers: { bench: { command: UPSTREAM[0], args: UPSTREAM.slice(1) } } }
  writeFileSync(join(folder, 'mcp.json'), JSON.stringify(upstreams, null, 2))
  const mandate = mandateText(Date.now())
  writeFileSync(join(folder, MANDATE), mandate)
  writeFileSync(join(folder, WRITING), mandate.replace('    effect: read', '    effect: write'))
  writeFileSync(join(folder, BUDGETED), `${mandate}${BUDGETS}`)
  writeFileSync(join(folder, 'intercept.yaml'), INTERCEPT_POLICY)
  return {
    folder,
    stateDir,
    remove: () => rmSync(folder, { recursive: true, force: true }),
  }
}

const MANDATE = 'mandate.yaml'
const WRITING = 'mandate-writes.yaml'
const BUDGETED = 'mandate-budget.yaml'

/** A count and an amount, which a million calls do not exhaust. */
const BUDGETS = `budgets:
  - { id: calls, limit: 1000000000, per: day, timezone: Europe/Berlin }
  - { id: eur, of: [bench/approve], amount: args.amount, scale: 2, limit: 9000000000000.00, per: mandate }
`

/** Argument rules of the usual kinds and a condition on the tool that is called; hidden tools beside it. */
function mandateText(now: number): string {
  const day = 86_400_000
  return `mandate: bench
agent: bench-agent
onBehalfOf: none
purpose: { text: Measure what a guarded call costs, ref: BENCH-1 }
owner: bench@acme.example
environment: [dev]
valid: { from: ${new Date(now - day).toISOString()}, until: ${new Date(now + 7 * day).toISOString()} }
tools:
  bench/approve:
    effect: read
    data: [internal]
    args:
      vendor_class: { one_of: [A, B] }
      amount: { range: { min: 0, max: 5000 } }
      to: { email: { domain: [acme.example] } }
      file: { path: { under: [/srv/catalog] } }
      note: { length: 0..2000 }
    when: within(now, "Mon-Sun 00:00-24:00", "Europe/Berlin")
  bench/read_*: { effect: read }
never: [bench/delete_*]
`
}

/** The same launch line that a client config holds, with the state in the workshop. */
export function chaperone(workshop: Workshop): Target {
  return build(CHAPERONE, 'chaperone', bundlePath(), workshop)
}

/** The same tools, but a call of them waits for the disk. */
export function withWrites(workshop: Workshop): Target {
  const stateDir = join(workshop.folder, 'state-writes')
  return build(WRITES, 'chaperone', bundlePath(), { ...workshop, stateDir }, WRITING)
}

/** The same tools, but a call of them is held in the store that all guards share, and settled there. */
export function withBudget(workshop: Workshop, bundle: string = bundlePath()): Target {
  const stateDir = join(workshop.folder, 'state-budget')
  return build(BUDGET, 'chaperone', bundle, { ...workshop, stateDir }, BUDGETED)
}

/** The same under the starter policies, which know no agent of the bench's name until they are told. */
export function underPolicies(workshop: Workshop): Target {
  const folder = join(workshop.folder, 'starter')
  mkdirSync(folder, { recursive: true })
  for (const name of readdirSync(STARTER)) {
    if (!name.endsWith('.yaml') || name.endsWith('.test.yaml')) continue
    const text = readFileSync(join(STARTER, name), 'utf8')
    writeFileSync(join(folder, name), text.replace('procurement-agent-001', 'bench-agent'))
  }
  const stateDir = join(workshop.folder, 'state-policies')
  const { line, ...target } = build(POLICIES, 'peer', bundlePath(), { ...workshop, stateDir })
  return { ...target, line: { ...line, args: [...line.args, '--policies', folder] } }
}

/** Another build of Chaperone; its record goes to a folder of its own. */
export function other(bundle: string, workshop: Workshop): Target {
  const stateDir = join(workshop.folder, 'state-other')
  return build(`${CHAPERONE} (other)`, 'peer', bundle, { ...workshop, stateDir })
}

/** The guard as it stands in src, so that a profile names files and lines that a person finds. */
export function fromSource(workshop: Workshop): Target {
  return build(CHAPERONE, 'chaperone', sourcePath(), workshop)
}

export function sourcePath(): string {
  return fileURLToPath(new URL('../../src/bin/chaperone.ts', import.meta.url))
}

function build(
  name: string,
  kind: Target['kind'],
  bundle: string,
  { folder, stateDir }: Workshop,
  mandate: string = MANDATE,
): Target {
  const files = ['--mandate', join(folder, mandate), '--upstreams', join(folder, 'mcp.json')]
  const line = node(bundle, 'run', ...files, '--agent', 'bench-agent', '--state-dir', stateDir)
  if (existsSync(bundle)) return { name, kind, line }
  return { name, kind, line, missing: `no \`${bundle}\`: run \`npm run build\`` }
}

const INTERCEPT_POLICY = `version: "1"
description: "bench"
tools:
  approve:
    rules:
      - name: "class"
        conditions:
          - { path: "args.vendor_class", op: "in", value: ["A", "B"] }
      - name: "amount"
        conditions:
          - { path: "args.amount", op: "lte", value: 5000 }
`

/** Guards of the same kind. None is a dependency: one is measured where its command stands on the PATH. */
export function peers(workshop: Workshop): readonly Target[] {
  const policy = join(workshop.folder, 'intercept.yaml')
  return [
    peer('intercept', ['-c', policy, '--', ...UPSTREAM]),
    peer('agentmesh-mcp-proxy', ['protect', '--policy', 'minimal', ...UPSTREAM]),
  ]
}

function peer(command: string, args: readonly string[]): Target {
  const found = onPath(command)
  const target = { name: command, kind: 'peer', line: { command: found ?? command, args } } as const
  return found === undefined ? { ...target, missing: 'not installed' } : target
}

function onPath(command: string): string | undefined {
  for (const folder of (process.env['PATH'] ?? '').split(delimiter)) {
    const file = join(folder, command)
    try {
      accessSync(file, constants.X_OK)
      return file
    } catch {
      // Not in this folder.
    }
  }
  return undefined
}

/** What is on record after a run: how many entries, and how many bytes they take. */
export interface RecordSize {
  readonly entries: number
  readonly bytes: number
}

/** Every line of every record in the state folder. */
export function recordSize(workshop: Workshop): RecordSize {
  let entries = 0
  let bytes = 0
  if (!existsSync(workshop.stateDir)) return { entries, bytes }
  for (const name of readdirSync(workshop.stateDir, { recursive: true, encoding: 'utf8' })) {
    if (!name.endsWith('.jsonl')) continue
    const file = join(workshop.stateDir, name)
    bytes += statSync(file).size
    entries += linesOf(file)
  }
  return { entries, bytes }
}

function linesOf(file: string): number {
  const piece = Buffer.allocUnsafe(1 << 20)
  const descriptor = openSync(file, 'r')
  let lines = 0
  try {
    for (let size = readSync(descriptor, piece); size > 0; size = readSync(descriptor, piece)) {
      const read = piece.subarray(0, size)
      for (let at = read.indexOf(10); at !== -1; at = read.indexOf(10, at + 1)) lines += 1
    }
  } finally {
    closeSync(descriptor)
  }
  return lines
}
