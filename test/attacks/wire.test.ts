/**
 * Every recorded frame that applies to stdio, end to end through the guard as a process: whole and cut into single
 * bytes, under a mandate that permits everything about the tool and under one that constrains its arguments.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Entry, puppet, received, toolsNamed } from '../e2e/folder.ts'
import { type Frame, GuardPool, payload, type RawGuard, reasonOf } from '../e2e/guard.ts'
import { type Carrier, CARRIERS, pollution, startBy, watched } from './carrier.ts'
import { bytesOf, type FrameRow, FRAMES, RECORDED } from './recorded.ts'

const pool = new GuardPool()
afterAll(() => pool.close())

const MANDATES = {
  open: { 'up/fs_read_file': {}, 'up/puppet': {} },
  strict: {
    'up/puppet': {},
    'up/fs_read_file': {
      args: {
        path: { path: { under: '/srv/data' }, optional: true },
        amount: { range: { min: 0.01, max: 100 }, optional: true },
        recipient: { length: '1..40', optional: true },
      },
    },
  },
} as const

function start(carrier: Carrier, tools: object): RawGuard {
  return startBy(carrier, pool, (path) => ({
    mandate: { tools },
    upstreams: {
      up: puppet(path, 'up', {
        capabilities: { tools: {}, resources: {}, prompts: {}, completions: {} },
        results: {
          'tools/list': toolsNamed('fs_read_file', 'fs_write_file', 'puppet'),
          'tools/call': '{"content":[{"type":"text","text":"read"}]}',
          'resources/read': '{"contents":[]}',
          'prompts/get': '{"messages":[]}',
          'completion/complete': '{"completion":{"values":[]}}',
        },
      }),
    },
    env: watched(path),
  }))
}

/** Pieces in which a frame is written: single bytes, or what is feasible of a large one. */
function pieces(bytes: Buffer, how: 'whole' | 'in pieces'): readonly Buffer[] {
  const size = how === 'whole' ? bytes.length : bytes.length > 4096 ? 65_521 : 1
  const cut: Buffer[] = []
  for (let at = 0; at < bytes.length; at += size) cut.push(bytes.subarray(at, at + size))
  return cut
}

interface Seen {
  /** What the guard answered to the frame. */
  readonly answers: readonly Frame[]
  /** What reached the upstream because of it, other than lists. */
  readonly upstream: readonly string[]
  readonly record: readonly Entry[]
}

let probes = 0

/** Writes the frame, and waits until the guard has dealt with it and with everything it started. */
async function sent(
  guard: RawGuard,
  bytes: Buffer,
  how: 'whole' | 'in pieces',
  due: boolean,
): Promise<Seen> {
  const mark = guard.frames.length
  const before = acted(guard).length
  const entries = guard.folder.record().length
  for (const piece of pieces(Buffer.concat([bytes, Buffer.from('\n')]), how)) {
    await guard.push(piece)
  }
  await guard.answered()
  // A permitted call goes the whole way; whatever came before it has been decided by the time it is answered.
  probes += 1
  const probe = `probe ${probes}`
  const done = [{ write: '{"jsonrpc":"2.0","id":$ID,"result":{"content":[]}}' }]
  await guard.call('puppet', { steps: done }, probe)
  if (due) await guard.since(mark, ({ id }) => id === 1 || id === 'abc', 'an answer')
  return {
    answers: guard.frames.slice(mark).filter(({ id }) => id !== probe),
    upstream: acted(guard)
      .slice(before)
      .filter((line) => !line.includes('"puppet"')),
    record: withoutProbe(guard.folder.record().slice(entries)),
  }
}

function withoutProbe(entries: readonly Entry[]): readonly Entry[] {
  const isProbe = ({ request }: Entry): boolean =>
    (request as { readonly name?: string } | undefined)?.name === 'puppet'
  const probes = new Set(entries.filter(isProbe).map(({ call }) => call))
  return entries.filter(({ type, call }) => type !== 'event' && !probes.has(call))
}

function acted(guard: RawGuard): readonly string[] {
  return received(guard.folder.path, 'up')
    .filter(
      ({ message }) => message.id !== undefined && !/list$|^initialize$/.test(message.method ?? ''),
    )
    .map(({ line }) => Buffer.from(line, 'latin1').toString('utf8'))
}

/** Refused before anything was decided: an error or nothing, a refusal on record, and nothing sent on. */
function expectRejected({ answers, upstream, record }: Seen): void {
  expect(upstream).toEqual([])
  for (const { result, error, id } of answers) {
    expect(result).toBeUndefined()
    expect([-32_700, -32_600, -32_601, -32_602]).toContain(error?.code)
    expect([1, null, 'abc']).toContain(id)
  }
  expect(record.length).toBeGreaterThan(0)
  for (const entry of record) {
    expect(entry.type).toBe('refusal')
    expect(entry['reason']).toMatch(/^(malformed|unsupported)$/)
  }
}

/** Decided, and not permitted. */
function expectDenied({ answers, upstream, record }: Seen): void {
  expect(upstream).toEqual([])
  expect(answers).toHaveLength(1)
  const [answer] = answers
  expect(answer?.result === undefined || answer.result.isError === true).toBe(true)
  expect(answer && reasonOf(answer)).toMatch(
    /^(unknown_tool|unknown_resource|unknown_prompt|outside_mandate|unsupported|malformed)$/,
  )
  expect(record.map(({ type }) => type)).toEqual(['refusal'])
}

/** Decided and permitted: what reached the upstream is the value, written anew. */
function expectForwarded({ answers, upstream, record }: Seen, row: FrameRow): void {
  const sentValue = JSON.parse(bytesOf(row).toString('utf8')) as {
    readonly params: { readonly name: string; readonly arguments?: unknown }
  }
  expect(answers).toHaveLength(1)
  expect(answers[0]?.result?.isError).toBeUndefined()
  expect(upstream).toHaveLength(1)
  const { params } = JSON.parse(upstream[0] ?? '') as { readonly params: unknown }
  expect(JSON.stringify(params)).toBe(JSON.stringify(sentValue.params))
  expect(record.map(({ type }) => type)).toEqual(['intent', 'outcome'])
}

const FROM_CLIENT = FRAMES.filter(({ id }) => !id.startsWith('srv-'))
/** These are denied for their arguments, which only a mandate that constrains them does. */
const ABOUT_ARGUMENTS = new Set(['type_confusion', 'extra_args'])
/** Decided by both mandates, and permitted by the open one alone. */
const STRICTLY_DENIED = new Set(['nest-3', 'num-3', 'trail-3'])

function expectListed({ answers, record }: Seen): void {
  const names = answers[0]?.result?.tools?.map(({ name }) => name)
  expect(names).toEqual(['fs_read_file', 'puppet'])
  expect(record.map(({ type }) => type)).toEqual(['listed'])
}

/** The guard has opened the upstream itself: the agent's own opening is heard and goes no further. */
function expectHeard(seen: Seen): void {
  expect(seen).toEqual({ answers: [], upstream: [], record: [] })
}

const VERDICTS = {
  rejected: expectRejected,
  denied: expectDenied,
  forwarded: expectForwarded,
  listed: expectListed,
  heard: expectHeard,
} as const

/** What the verdict of a row comes to under a mandate. */
function verdictOf(
  { id, cls, expect: listed }: FrameRow,
  mandate: 'open' | 'strict',
): keyof typeof VERDICTS {
  if (listed === 'forward') return 'heard'
  if (id === 'ok-2') return 'listed'
  if (listed === 'decide') {
    return mandate === 'strict' && STRICTLY_DENIED.has(id) ? 'denied' : 'forwarded'
  }
  if (listed !== 'deny') return 'rejected'
  return mandate === 'open' && ABOUT_ARGUMENTS.has(cls) ? 'forwarded' : 'denied'
}

describe.skipIf(!RECORDED)(
  'recorded frames from the agent (skipped where ../shared/evaluation is absent)',
  () => {
    test('there are frames to send', () => {
      expect(FRAMES.length).toBeGreaterThan(60)
    })

    const ways = CARRIERS.flatMap((carrier) =>
      (['open', 'strict'] as const).map((mandate) => ({ carrier, mandate })),
    )
    describe.each(ways)('over $carrier, under the $mandate mandate', ({ carrier, mandate }) => {
      let guard: RawGuard
      beforeAll(async () => {
        guard = start(carrier, MANDATES[mandate])
        await guard.open()
      })

      describe.each(['whole', 'in pieces'] as const)('%s', (how) => {
        test.each(FROM_CLIENT)('$id ($cls) $expect', async (row) => {
          expect.hasAssertions()
          const verdict = verdictOf(row, mandate)
          const seen = await sent(guard, bytesOf(row), how, !/heard|rejected/.test(verdict))
          VERDICTS[verdict](seen, row)
        })
      })

      test('the next call is answered, and nothing stands on the prototypes', async () => {
        const answer = await guard.call('fs_read_file', { path: '/srv/data/a.txt' }, 'last')
        expect(payload(answer)).toBe('{"content":[{"type":"text","text":"read"}]}')
        expect(await pollution(guard, carrier)).toEqual([[], []])
      })
    })
  },
)

describe.skipIf(!RECORDED)(
  'recorded frames from an upstream (skipped where ../shared/evaluation is absent)',
  () => {
    let guard: RawGuard
    beforeAll(async () => {
      guard = pool.start((path) => ({
        // Everything may be asked here, and still these are not passed on.
        mandate: { tools: { 'up/puppet': {} }, requests: { up: ['elicitation'] } },
        upstreams: { up: puppet(path, 'up', { results: { 'tools/list': toolsNamed('puppet') } }) },
      }))
      await guard.open({ elicitation: {}, sampling: {}, roots: {} })
    })

    const FROM_UPSTREAM = FRAMES.filter(({ id }) => id.startsWith('srv-'))
    const denied = FROM_UPSTREAM.flatMap((row, at) => (row.expect === 'deny' ? [at] : []))
    test.each(FROM_UPSTREAM)('$id ($why) $expect', async (row) => {
      const mark = guard.frames.length
      const bytes = bytesOf(row)
      const { id } = JSON.parse(bytes.toString('utf8')) as { readonly id?: number }
      const answered = row.expect === 'deny' && id !== undefined ? [{ answered: id }] : []
      const steps = [
        ...pieces(bytes, 'in pieces').map((piece) => ({ bytes: piece.toString('base64') })),
        { write: '' },
        ...answered,
        {
          write: '{"jsonrpc":"2.0","id":$ID,"result":{"content":[{"type":"text","text":$ANSWER}]}}',
        },
      ]
      const call = await guard.call('puppet', { steps })
      // Nothing of it is shown to the agent: neither a question, nor progress that it did not ask for, nor an answer.
      expect(guard.frames.slice(mark)).toEqual([call])
      const told = row.expect === 'deny' ? /"error":\{"code":-31403/ : /^"null"$|^null$/
      expect(call.result?.content?.[0]?.text).toMatch(told)
      const declined = guard.folder.record().filter(({ verdict }) => verdict === 'declined')
      expect(declined).toHaveLength(
        denied.filter((one) => one <= FROM_UPSTREAM.indexOf(row)).length,
      )
    })
  },
)
