/**
 * The story this project began from: an agent may approve class B vendors, in business hours, up to 5,000 EUR, and
 * above 1,000 EUR only with an approval. Every claim is checked against what the agent was told and against what the
 * vendor server itself noted.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Agent, agentOf } from '../agent.ts'
import { guardLine, guardProgram } from '../guard-line.ts'
import { guarded, type Story, watch } from '../in-process.ts'
import { Report } from '../report.ts'

const HERE = import.meta.dirname
const AGENT = 'procurement-agent-001'
const HAVEL = { vendor_id: 'V-2002', vendor_class: 'B', amount: 800 }

/** A class B vendor within every limit, but for what a claim says otherwise. */
type Approve = Partial<Record<keyof typeof HAVEL, string | number>>

interface Scene {
  readonly report: Report
  readonly story: Story
  readonly folder: string
  readonly program: string
  /** Where the vendor server notes what reached it. */
  readonly vendorLog: string
}

/** Everything that should have reached the vendor server so far, in order. */
const reached: string[] = []

async function approve(
  { report }: Scene,
  agent: Agent,
  claim: { readonly title: string; readonly expected: string; readonly args?: Approve },
): Promise<void> {
  const args = { ...HAVEL, ...claim.args }
  const told = await agent.call('approve', args)
  report.claim({
    title: claim.title,
    expected: claim.expected,
    actual: told.outcome,
    shown: told.outcome === 'ok' ? told.text : told.outcome,
  })
  if (claim.expected === 'ok') reached.push(`approve ${JSON.stringify(args)}`)
}

function vendorSaw({ report, vendorLog }: Scene): void {
  const lines = existsSync(vendorLog) ? readFileSync(vendorLog, 'utf8') : ''
  const saw = lines
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as { readonly tool: string; readonly args: object })
    .map(({ tool, args }) => `${tool} ${JSON.stringify(args)}`)
  report.claim({
    title: 'the vendor server noted these calls and no other',
    expected: reached.join('\n'),
    actual: saw.join('\n'),
    shown: `${saw.length} calls`,
  })
}

async function whatIsOffered({ report }: Scene, agent: Agent): Promise<void> {
  report.chapter('What the agent is offered')
  report.claim({
    title: 'of search, approve, bank_details, delete_all',
    expected: 'approve search',
    actual: (await agent.listTools()).toSorted().join(' '),
  })
  const hidden = await agent.call('delete_all', {})
  const unknown = await agent.call('delete_some', {})
  report.claim({
    title: 'delete_all exists, and is answered as unknown',
    expected: 'error -32602',
    actual: hidden.outcome,
    shown: hidden.text,
  })
  report.claim({
    title: 'in the very words of a tool that does not exist',
    expected: unknown.text.replace('delete_some', 'delete_all'),
    actual: hidden.text,
    shown: unknown.text,
  })
  const found = await agent.call('search', { query: 'B' })
  reached.push('search {"query":"B"}')
  report.claim({
    title: 'search for class B',
    expected: 'V-2002 Havel Paper (B); V-2003 Spree Logistics (B)',
    actual: found.text,
  })
}

async function whichVendors(scene: Scene, agent: Agent): Promise<void> {
  scene.report.chapter('Class B only, up to 5,000 EUR, above 1,000 EUR with an approval')
  const outside = 'outside_mandate'
  for (const claim of [
    { title: 'class B, 800 EUR', expected: 'ok' },
    { title: 'class A', expected: outside, args: { vendor_class: 'A' } },
    { title: 'class b, in lower case', expected: outside, args: { vendor_class: 'b' } },
    { title: '5,001 EUR', expected: outside, args: { amount: 5001 } },
    { title: '-1 EUR', expected: outside, args: { amount: -1 } },
    { title: '"800" EUR, as a text', expected: outside, args: { amount: '800' } },
    { title: '1,000 EUR', expected: 'ok', args: { amount: 1000 } },
    { title: '1,001 EUR', expected: 'approval_required', args: { amount: 1001 } },
  ]) {
    await approve(scene, agent, claim)
  }
  const more = await agent.call('approve', { ...HAVEL, force: true })
  scene.report.claim({
    title: 'an argument that the mandate does not name',
    expected: outside,
    actual: more.outcome,
  })
}

async function whichHours(scene: Scene, agent: Agent, set: (to: string) => void): Promise<void> {
  scene.report.chapter('Monday to Friday, 09:00-17:00 in Berlin, to the millisecond and across DST')
  for (const [at, title, expected] of [
    ['2026-10-23T14:59:59.999Z', 'Fri 23 Oct 16:59:59.999 (summer time)', 'ok'],
    ['2026-10-23T15:00:00.000Z', 'Fri 23 Oct 17:00', 'outside_mandate'],
    ['2026-10-24T10:00:00.000Z', 'Sat 24 Oct 12:00', 'outside_mandate'],
    ['2026-10-26T07:59:59.999Z', 'Mon 26 Oct 08:59:59.999 (winter time)', 'outside_mandate'],
    ['2026-10-26T08:00:00.000Z', 'Mon 26 Oct 09:00', 'ok'],
  ] as const) {
    set(at)
    await approve(scene, agent, { title, expected })
  }
}

async function whichAgent(scene: Scene): Promise<void> {
  scene.report.chapter('For this agent only')
  const clock = watch('2026-11-24T10:00:00Z')
  const other = await guarded(scene.story, 'marketing-agent-007', clock)
  await approve(scene, other, {
    title: 'marketing-agent-007, in business hours',
    expected: 'agent_mismatch',
  })
  await other.close()
  const told = launch(scene, scene.story.mandate, 'marketing-agent-007')
  const { command, args, env } = guardLine(scene.program, told)
  const started = spawnSync(command, [...args], {
    env: { ...process.env, ...env },
    encoding: 'utf8',
    input: '',
    timeout: 20_000,
  })
  scene.report.claim({
    title: 'a guard launched for it does not start',
    expected: 'exit 1, stdout ""',
    actual: `exit ${started.status}, stdout ${JSON.stringify(started.stdout)}`,
    shown: `exit ${started.status}`,
  })
  scene.report.claim({
    title: 'and says why',
    expected: 'true',
    actual: String(started.stderr.includes('the mandate is for `procurement-agent-001`')),
    shown: 'the mandate is for `procurement-agent-001`',
  })
}

/** What the guard is told when it is started as a process. */
function launch({ story }: Scene, mandate: string, agent: string): readonly string[] {
  const files = ['--mandate', mandate, '--upstreams', story.upstreams]
  return ['run', ...files, '--agent', agent, '--state-dir', story.stateDir]
}

/** Business hours that are not now: the whole day three days from now, in Berlin. */
function anotherDay(): string {
  const later = new Date(Date.now() + 3 * 86_400_000)
  const day = new Intl.DateTimeFormat('en', { weekday: 'short', timeZone: 'Europe/Berlin' })
  return day.format(later)
}

async function theProcess(scene: Scene): Promise<void> {
  scene.report.chapter('The guard as a process of its own, on the clock of this machine')
  const day = anotherDay()
  const mandate = join(scene.folder, 'mandate.yaml')
  const written = readFileSync(scene.story.mandate, 'utf8')
  writeFileSync(mandate, written.replace('Mon-Fri 09:00-17:00', `${day} 09:00-17:00`))
  const told = launch(scene, mandate, AGENT)
  const agent = await agentOf(guardLine(scene.program, told, scene.story.env))
  await approve(scene, agent, {
    title: `permitted on ${day} only, and asked today`,
    expected: 'outside_mandate',
  })
  const found = await agent.call('search', { query: 'Spree' })
  reached.push('search {"query":"Spree"}')
  scene.report.claim({
    title: 'search has no hours',
    expected: 'V-2003 Spree Logistics (B)',
    actual: found.text,
  })
  await agent.close()
}

async function main(argv: readonly string[]): Promise<number> {
  const report = new Report(argv)
  const program = guardProgram(argv)
  const folder = mkdtempSync(join(realpathSync(tmpdir()), 'chaperone-procurement-'))
  const vendorLog = join(folder, 'vendors.jsonl')
  const story: Story = {
    mandate: join(HERE, 'mandate.yaml'),
    upstreams: join(HERE, 'mcp.json'),
    env: { VENDOR_LOG: vendorLog },
    stateDir: join(folder, 'state'),
  }
  const scene: Scene = { report, story, folder, program, vendorLog }
  try {
    report.title('Procurement: class B vendors only, in business hours')
    const clock = watch('2026-10-23T08:00:00Z')
    const agent = await guarded(story, AGENT, clock)
    await whatIsOffered(scene, agent)
    await whichVendors(scene, agent)
    await whichHours(scene, agent, (to) => clock.set(to))
    await agent.close()
    await whichAgent(scene)
    await theProcess(scene)
    report.chapter('What reached the vendors')
    vendorSaw(scene)
    return report.end({ example: 'procurement' })
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

try {
  process.exit(await main(process.argv.slice(2)))
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
  process.exit(1)
}
