/** The chapters of the tour, in order: what each shows, and what it claims about it. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Told } from '../agent.ts'
import type { Report } from '../report.ts'
import { launch, type Scene } from './scene.ts'
import { AGENT, PLAN, SALARIES, shortMandate } from './workplace.ts'

type Chapter = (report: Report, scene: Scene) => Promise<void>

export const CHAPTERS: readonly (readonly [title: string, chapter: Chapter])[] = [
  ['The agent sees only what its mandate permits', lists],
  ['A call within the mandate reaches its server', permitted],
  ['Arguments outside the mandate are refused', outsideArguments],
  ['Ways out of the permitted folder are refused', pathEscapes],
  ['A hidden tool is refused exactly like an unknown one', hiddenTools],
  ['Above a limit, a human has to approve', approval],
  ['Hours and ends are kept', time],
  ['Why was that?', explained],
  ['Everything is on record', recorded],
]

const OUTSIDE = 'outside_mandate'

async function lists(report: Report, scene: Scene): Promise<void> {
  const { place } = scene
  report.quote(readFileSync(place.mandate, 'utf8').replaceAll(place.office, '/office'))
  const seen = await (await scene.guarded()).listTools()
  const servers = [...place.direct.keys()]
  const offered = await Promise.all(
    servers.map(async (server) => (await scene.direct(server)).listTools()),
  )
  const rows = servers.map((name, index) => {
    const own = seen.filter((tool) => tool.startsWith(`${name}__`))
    const short = own.map((tool) => tool.slice(name.length + 2))
    return { name, cells: [(offered[index] ?? []).join(' '), short.join(' ')] as const }
  })
  report.columnsOf(['the server offers', 'the agent sees'], rows)
  const all = offered.flat().length
  const expected =
    'everything__get-sum files__read_text_file files__write_file memory__create_entities'
  report.claim({
    title: `of ${all} tools, those that are granted`,
    expected,
    actual: seen.toSorted().join(' '),
    shown: `${seen.length} of ${all} listed`,
  })
}

async function permitted(report: Report, scene: Scene): Promise<void> {
  const { office } = scene.place
  const read = await scene.call('files__read_text_file', { path: join(office, 'notes/plan.md') })
  report.claim({ title: 'read notes/plan.md', expected: PLAN, actual: read.text })
  const sum = await scene.call('everything__get-sum', { a: 2, b: 40 })
  report.claim({
    title: 'get-sum a: 2, b: 40',
    expected: 'The sum of 2 and 40 is 42.',
    actual: sum.text,
  })
  const entity = { name: 'week 47', entityType: 'report', observations: ['due on Friday'] }
  const made = await scene.call('memory__create_entities', { entities: [entity] })
  report.claim({
    title: 'create_entities [week 47]',
    expected: 'ok, and it is in the memory',
    actual: `${made.outcome}, and it is ${made.text.includes('due on Friday') ? '' : 'not '}in the memory`,
  })
}

async function outsideArguments(report: Report, scene: Scene): Promise<void> {
  for (const [title, args] of [
    ['get-sum a: 2, b: 5001 (at most 5000)', { a: 2, b: 5001 }],
    ['get-sum a: "2", b: 40 (text, not number)', { a: '2', b: 40 }],
    ['get-sum a: 2 (b is missing)', { a: 2 }],
    ['get-sum a: 2, b: 40, c: 1 (c is unnamed)', { a: 2, b: 40, c: 1 }],
  ] as const) {
    const told = await scene.call('everything__get-sum', args)
    report.claim({ title, expected: OUTSIDE, actual: told.outcome })
  }
}

async function pathEscapes(report: Report, scene: Scene): Promise<void> {
  const { office } = scene.place
  const files = await scene.direct('files')
  const secret = await files.call('read_text_file', { path: join(office, 'private/salaries.csv') })
  report.claim({
    title: 'without the guard: private/salaries.csv',
    expected: SALARIES,
    actual: secret.text,
  })
  for (const [title, path] of [
    ['private/salaries.csv', `${office}/private/salaries.csv`],
    ['notes/../private/salaries.csv', `${office}/notes/../private/salaries.csv`],
    ['notes/%2e%2e/private/salaries.csv', `${office}/notes/%2e%2e/private/salaries.csv`],
    ['notes-old/plan.md (begins like notes)', `${office}/notes-old/plan.md`],
    ['notes\\..\\private\\salaries.csv', `${office}/notes\\..\\private\\salaries.csv`],
    ['/proc/self/root/… (a link of the system)', `/proc/self/root${office}/private/salaries.csv`],
  ] as const) {
    const told = await scene.call('files__read_text_file', { path })
    report.claim({ title, expected: OUTSIDE, actual: told.outcome })
  }
  const told = await scene.call('files__read_text_file', { path: `${office}/notes/shortcut.md` })
  report.claim({
    title: 'notes/shortcut.md, a link out of it',
    expected: 'tool_error',
    actual: told.outcome,
    shown: 'its server sees it, and refuses',
  })
}

async function hiddenTools(report: Report, scene: Scene): Promise<void> {
  const hidden = await scene.call('files__move_file', { source: 'a', destination: 'b' })
  const unknown = await scene.call('files__none_such', { source: 'a', destination: 'b' })
  const said = (name: string): string => `error -32602 Unknown tool: ${name}`
  report.claim({
    title: 'move_file, which the server has',
    expected: said('files__move_file'),
    actual: `${hidden.outcome} ${hidden.text}`,
    shown: hidden.text,
  })
  report.claim({
    title: 'none_such, which no server has',
    expected: said('files__none_such'),
    actual: `${unknown.outcome} ${unknown.text}`,
    shown: unknown.text,
  })
}

async function approval(report: Report, scene: Scene): Promise<void> {
  const told = await scene.call('everything__get-sum', { a: 1001, b: 1 })
  report.claim({
    title: 'get-sum a: 1001, b: 1 (above 1000)',
    expected: 'approval_required',
    actual: told.outcome,
  })
}

async function time(report: Report, scene: Scene): Promise<void> {
  const { place } = scene
  const path = join(place.office, 'reports/week-47.md')
  const write = await scene.call('files__write_file', { path, content: 'Done.' })
  report.claim({
    title: `write a report (${place.hours} only)`,
    expected: `${OUTSIDE}, and nothing was written`,
    actual: `${write.outcome}, and ${existsSync(path) ? 'it' : 'nothing'} was written`,
    shown: `${write.outcome}, nothing written`,
  })
  const late = shortMandate(place, new Date(Date.now() - 60_000), 'expired-mandate')
  const ran = await scene.command(['run', ...launch(place, late), '--agent', AGENT])
  const why = 'the mandate expired at'
  report.claim({
    title: 'a guard under an expired mandate',
    expected: `exit 1: ${why}`,
    actual: `exit ${ran.exit}: ${ran.stderr.includes(why) ? why : ran.stderr}`,
  })
  await expiring(report, scene)
}

/** How long the mandate lasts that ends while its guard runs; longer where the last was over before the first call. */
const MOMENTS_MS = [2500, 5000, 10_000, 20_000]

async function expiring(report: Report, scene: Scene): Promise<void> {
  for (const moment of MOMENTS_MS) {
    const until = Date.now() + moment
    const mandate = shortMandate(scene.place, new Date(until), `mandate-of-${moment}-ms`)
    const call = (): Promise<Told> => scene.call('everything__get-sum', { a: 1, b: 1 }, mandate)
    const before = await call().catch((error: unknown) => {
      // On a busy machine it may be over before its guard has begun.
      if (Date.now() < until) throw error
    })
    if (!before || before.outcome === 'mandate_expired') continue
    report.claim({
      title: `under a mandate of ${moment / 1000} seconds`,
      expected: 'The sum of 1 and 1 is 2.',
      actual: before.text,
    })
    await new Promise((resolve) => setTimeout(resolve, until - Date.now() + 50))
    const after = await call()
    report.claim({
      title: 'the same call, when it has ended',
      expected: 'mandate_expired',
      actual: after.outcome,
    })
    return
  }
  throw new Error('this machine is too busy to begin a guard in 20 seconds')
}

async function explained(report: Report, scene: Scene): Promise<void> {
  const { place } = scene
  const ran = await scene.command([
    'explain',
    ...launch(place, place.mandate),
    '--agent',
    AGENT,
    '--args',
    '{"a": 2, "b": 5001}',
    'everything/get-sum',
  ])
  report.say('$ chaperone explain everything/get-sum --args \'{"a": 2, "b": 5001}\'', 'cyan')
  report.quote(ran.stdout)
  const miss = 'would be permitted if b were between 0 and 5000'
  report.claim({
    title: 'it names the nearest miss',
    expected: `exit 1: ${miss}`,
    actual: `exit ${ran.exit}: ${ran.stdout.includes(miss) ? miss : ran.stdout}`,
  })
}

async function recorded(report: Report, scene: Scene): Promise<void> {
  const { place, counted } = scene
  const log = ['log', '--state-dir', place.stateDir]
  const shown = await scene.command([...log, '--last', '8'])
  report.say('$ chaperone log --last 8', 'cyan')
  report.quote(shown.stdout)
  const { stdout } = await scene.command([...log, '--last', 'all', '--json'])
  const entries = stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as { readonly type: string })
  const count = (type: string): number => entries.filter((entry) => entry.type === type).length
  const { forwarded, refused } = counted
  report.claim({
    title: `${forwarded} calls left: intent and outcome each`,
    expected: `${forwarded} intents, ${forwarded} outcomes`,
    actual: `${count('intent')} intents, ${count('outcome')} outcomes`,
  })
  report.claim({
    title: `${refused} did not`,
    expected: `${refused} refusals`,
    actual: `${count('refusal')} refusals`,
  })
}
