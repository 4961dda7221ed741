/** What the tour is played with: an office full of files, three servers from npm, and a mandate for one agent. */
import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { ServerLine } from '../agent.ts'

export const AGENT = 'report-writer'
export const PLAN = 'Ship the report on Friday.\n'
export const SALARIES = 'name,salary\nDana,91000\n'

export interface Workplace {
  /** Everything lies in it, and it is removed at the end. */
  readonly folder: string
  readonly office: string
  readonly mandate: string
  readonly upstreams: string
  readonly stateDir: string
  /** The same servers, to be asked without the guard. */
  readonly direct: ReadonlyMap<string, ServerLine>
  readonly versions: Readonly<Record<string, string>>
  /** When writing is permitted: a day that is not today. */
  readonly hours: string
  readonly until: string
}

export function makeWorkplace(): Workplace {
  const folder = mkdtempSync(join(realpathSync(tmpdir()), 'chaperone-demo-'))
  const office = join(folder, 'office')
  for (const [path, text] of [
    ['notes/plan.md', PLAN],
    ['notes-old/plan.md', 'Last year.\n'],
    ['reports/week-46.md', 'All quiet.\n'],
    ['private/salaries.csv', SALARIES],
  ] as const) {
    mkdirSync(dirname(join(office, path)), { recursive: true })
    writeFileSync(join(office, path), text)
  }
  // A link that leaves the office: no string shows it, only whoever opens it can tell.
  writeFileSync(join(folder, 'vault.md'), 'The combination is 4711.\n')
  symlinkSync(join(folder, 'vault.md'), join(office, 'notes', 'shortcut.md'))
  const guard = join(folder, 'guard')
  mkdirSync(guard)
  const place = {
    folder,
    office,
    mandate: join(guard, 'mandate.yaml'),
    upstreams: join(guard, 'mcp.json'),
    stateDir: join(guard, 'state'),
    hours: `${anotherDay()} 09:00-17:00`,
    until: in30Minutes(),
  }
  writeFileSync(place.mandate, mandateText(place))
  const servers = {
    files: server('filesystem', [office]),
    everything: server('everything', []),
    memory: server('memory', [], { MEMORY_FILE_PATH: join(folder, 'memory.jsonl') }),
  }
  const lines = Object.entries(servers).map(([name, { line }]) => [name, line] as const)
  const mcpServers = Object.fromEntries(lines)
  writeFileSync(place.upstreams, `${JSON.stringify({ mcpServers }, undefined, 2)}\n`)
  return {
    ...place,
    direct: new Map(lines),
    versions: Object.fromEntries(
      Object.values(servers).map(({ name, version }) => [name, version]),
    ),
  }
}

/** One upstream alone, under a mandate that ends then. */
export function shortMandate({ folder }: Workplace, until: Date, name: string): string {
  const file = join(folder, 'guard', `${name}.yaml`)
  writeFileSync(
    file,
    `mandate: ${name}
agent: ${AGENT}
purpose: Add two numbers, for a moment
valid: { until: ${until.toISOString()} }
tools:
  everything/get-sum: { effect: read }
`,
  )
  return file
}

function mandateText(place: Pick<Workplace, 'office' | 'hours' | 'until'>): string {
  return `mandate: weekly-report
agent: ${AGENT}
purpose: { text: Read the notes and write the weekly report, ref: DEMO-1 }
valid: { until: ${place.until} }
tools:
  files/read_text_file:
    effect: read
    args: { path: { path: { under: ${place.office}/notes, ext: [md] } } }
  files/write_file:
    effect: write
    args:
      path: { path: { under: ${place.office}/reports } }
      content: { length: 1..2000 }
    when: within(now, "${place.hours}", "Europe/Berlin")
  everything/get-sum:
    effect: read
    args: { a: { range: 0..5000 }, b: { range: 0..5000 } }
    approval: { when: args.a > 1000, from: [lee@acme.example] }
  memory/create_entities: { effect: write }
never: [memory/delete_*]
`
}

/** Three days from now, as it is called in Berlin. */
function anotherDay(): string {
  const day = new Intl.DateTimeFormat('en', { weekday: 'short', timeZone: 'Europe/Berlin' })
  return day.format(new Date(Date.now() + 3 * 86_400_000))
}

function in30Minutes(): string {
  return new Date(Date.now() + 30 * 60_000).toISOString()
}

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

interface Installed {
  readonly name: string
  readonly version: string
  readonly line: ServerLine
}

function server(
  name: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Installed {
  const title = `@modelcontextprotocol/server-${name}`
  const folder = join(ROOT, 'node_modules', title)
  const about = createRequire(import.meta.url)(join(folder, 'package.json')) as {
    readonly version: string
    readonly bin: Readonly<Record<string, string>>
  }
  const program = join(folder, Object.values(about.bin)[0] ?? '')
  readFileSync(program)
  return {
    name: title,
    version: about.version,
    line: { command: process.execPath, args: [program, ...args], env },
  }
}
