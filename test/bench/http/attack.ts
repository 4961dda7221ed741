/**
 * Attacks on a guard that are about time and memory: G12 (deep nesting), G27 (floods of notifications) and G44 (whoever
 * is slow) of the attack classes. Each is bounded in count, bytes and time, and says what became of it.
 */
import { setTimeout as pause } from 'node:timers/promises'
import { openSession } from './client.ts'
import { ask, Connection, type Said } from './connection.ts'
import { listenText, requestText, type Speaker } from './request.ts'
import { tallyOf, type Facts, type Scene } from './scene.ts'
import { endlessBodies, slowSenders, unreadAnswers } from './slow.ts'

export interface Attack {
  readonly id: string
  readonly attackClass: 'none' | 'G12' | 'G27' | 'G44'
  readonly what: string
  run(scene: Scene): Promise<Facts>
}

/** Nobody attacks: what a target takes and how steady a client beside it is by themselves. */
export const CONTROL = 'control'

export const ATTACKS: readonly Attack[] = [
  {
    id: CONTROL,
    attackClass: 'none',
    what: 'no attack, for comparison',
    run: async ({ plan }) => {
      await pause(plan.slowMs)
      return {}
    },
  },
  {
    id: 'deep_arguments',
    attackClass: 'G12',
    what: 'arguments nested 100 to 100,000 deep',
    run: deepArguments,
  },
  {
    id: 'deep_results',
    attackClass: 'G12',
    what: 'results nested 100 to 100,000 deep',
    run: deepResults,
  },
  {
    id: 'notification_flood',
    attackClass: 'G27',
    what: 'an upstream floods with notifications',
    run: notificationFlood,
  },
  {
    id: 'cancelled_flood',
    attackClass: 'G27',
    what: 'an agent floods with `cancelled`',
    run: cancelledFlood,
  },
  {
    id: 'slow_headers',
    attackClass: 'G44',
    what: 'headers of a byte a second',
    run: (scene) => slowSenders(scene, { whole: false }),
  },
  {
    id: 'slow_bodies',
    attackClass: 'G44',
    what: 'bodies of a byte a second',
    run: (scene) => slowSenders(scene, { whole: true }),
  },
  {
    id: 'endless_bodies',
    attackClass: 'G44',
    what: 'bodies that never end',
    run: endlessBodies,
  },
  {
    id: 'unread_answers',
    attackClass: 'G44',
    what: 'event streams that nobody reads',
    run: unreadAnswers,
  },
  {
    id: 'dripping_upstream',
    attackClass: 'G44',
    what: 'an upstream answers a byte a second',
    run: drippingUpstream,
  },
]

const LEVELS = [100, 1_000, 100_000] as const
/** How many of its calls an attacker has in flight. */
const AT_ONCE = 4

function nested(levels: number, list: boolean): unknown {
  let value: unknown = 1
  for (let level = 0; level < levels; level += 1) value = list ? [value] : { a: value }
  return value
}

/** As text, because what is nested so deep cannot be written by `JSON.stringify`. */
function deepText(speaker: Speaker, id: number, levels: number): string {
  const [open, close] = id % 2 === 0 ? ['[', ']'] : ['{"a":', '}']
  const deep = `${open.repeat(levels)}1${close.repeat(levels)}`
  const marker = '"DEEP"'
  const text = requestText(speaker, id, 'tools/call', {
    name: 'read_0001',
    arguments: { deep: 'DEEP' },
  })
  const [head = '', body = ''] = text.split('\r\n\r\n')
  const grown = body.replace(marker, deep)
  return `${head.replace(/\d+$/, String(grown.length))}\r\n\r\n${grown}`
}

async function deepArguments(scene: Scene): Promise<Facts> {
  const speaker = await openSession({ port: scene.port, era: 'legacy' })
  const twenty = await ask(
    scene.port,
    requestText(speaker, 1, 'tools/call', {
      name: 'read_0001',
      arguments: { deep: nested(20, false) },
    }),
  )
  const answers = await inParallel(scene.plan.deepCalls, (index) =>
    ask(scene.port, deepText(speaker, index + 2, LEVELS[index % LEVELS.length] ?? 0)),
  )
  return { sent: answers.length, ...sorted(answers), 'of 20 levels answered': answered(twenty) }
}

async function deepResults(scene: Scene): Promise<Facts> {
  const speaker = await openSession({ port: scene.port, era: 'legacy' })
  const answers = await inParallel(scene.plan.deepCalls, (index) => {
    const levels = LEVELS[index % LEVELS.length] ?? 0
    const asked = { name: 'read_deep', arguments: { levels, list: index % 2 === 0 } }
    return ask(scene.port, requestText(speaker, index + 1, 'tools/call', asked))
  })
  return { sent: answers.length, ...sorted(answers) }
}

async function inParallel<T>(
  count: number,
  one: (index: number) => Promise<T>,
): Promise<readonly T[]> {
  const results: T[] = []
  let next = 0
  const worker = async (): Promise<void> => {
    for (let index = next; index < count; index = next) {
      next += 1
      results.push(await one(index))
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, worker))
  return results
}

function answered({ message }: Said): number {
  return message?.result !== undefined && message.result.isError !== true ? 1 : 0
}

function sorted(answers: readonly Said[]): Facts {
  const whole = answers.filter((said) => answered(said) === 1).length
  return { answered: whole, refused: answers.length - whole }
}

async function notificationFlood(scene: Scene): Promise<Facts> {
  const { port, plan } = scene
  const speaker = await openSession({ port, era: 'legacy' })
  let onStream = 0
  const stream = new Connection(
    port,
    {
      event: () => {
        onStream += 1
      },
      answer: () => undefined,
    },
    () => undefined,
  )
  await stream.opened
  stream.send(listenText(speaker))
  // A stream upstream, where the target opens one, has to be there before what is meant for it.
  await until(async () => (await tallyOf(scene))['streams'] !== 0)
  const before = await tallyOf(scene)
  let beside = 0
  const call = requestText(speaker, 1, 'tools/call', {
    name: 'read_flood',
    arguments: { notifications: plan.notifications, overMs: plan.overMs },
    _meta: { progressToken: 1 },
  })
  const said = await ask(port, call, () => {
    beside += 1
  })
  // What is still under way, or held back to be said once, comes a little later.
  let seen = -1
  await until(() => {
    const still = seen === onStream
    seen = onStream
    return Promise.resolve(still)
  })
  stream.close()
  const after = await tallyOf(scene)
  return {
    sent: minus(after, before, 'notifications'),
    'delivered on the call': beside,
    'delivered on the stream': onStream,
    'lists fetched': minus(after, before, 'lists'),
    'call answered': answered(said),
  }
}

const LOOK_MS = 250
const LOOKS = 20

/** Looks again and again, and in the end takes it as it is. */
async function until(done: () => Promise<boolean>): Promise<void> {
  for (let look = 0; look < LOOKS; look += 1) {
    await pause(LOOK_MS)
    if (await done()) return
  }
}

function minus(after: Facts, before: Facts, name: string): number {
  return (after[name] ?? 0) - (before[name] ?? 0)
}

/** As fast as they are taken, for no longer than a flood lasts. */
async function cancelledFlood({ port, plan }: Scene): Promise<Facts> {
  const speaker = await openSession({ port, era: 'legacy' })
  const until = performance.now() + plan.overMs
  let sent = 0
  let accepted = 0
  let refused = 0
  let cut = 0
  const lane = (): Promise<void> =>
    new Promise((resolve) => {
      const next = (): void => {
        if (sent === plan.notifications || performance.now() > until) {
          connection.close()
          resolve()
          return
        }
        sent += 1
        const params = { requestId: 1_000_000 + sent, reason: 'changed my mind' }
        connection.send(requestText(speaker, undefined, 'notifications/cancelled', params))
      }
      const connection = new Connection(
        port,
        {
          event: () => undefined,
          answer: ({ status }) => {
            if (status === 202) accepted += 1
            else refused += 1
            next()
          },
        },
        () => {
          cut += 1
          resolve()
        },
      )
      connection.opened.then(next, () => undefined)
    })
  await Promise.all(Array.from({ length: 2 * AT_ONCE }, lane))
  return { sent, accepted, refused, 'connections cut': cut }
}

/** Answers before the time is up are the target's own: the upstream needs longer for its first line. */
async function drippingUpstream(scene: Scene): Promise<Facts> {
  const { port, plan } = scene
  const speaker = await openSession({ port, era: 'legacy' })
  const calls = 64
  let given = 0
  let cut = 0
  const connections = Array.from({ length: calls }, (_, index) => {
    const heard = {
      event: () => undefined,
      answer: () => {
        given += 1
      },
    }
    const connection = new Connection(port, heard, () => {
      cut += 1
    })
    connection.send(requestText(speaker, index + 1, 'tools/call', { name: 'read_drip' }))
    return connection
  })
  await pause(plan.slowMs)
  for (const connection of connections) connection.close()
  const { abandoned = 0 } = await tallyOf(scene)
  return { calls, 'answered by the target': given, cut, 'given up upstream': abandoned }
}
