/**
 * The same rules as closures written by hand, the least that any engine does: one Map from the tool to its checks, and the
 * first that fails decides. They answer yes or no and keep nothing: no rule, no reason, none of the values that were read.
 */
import type { CallContext } from '../../../src/model/call.ts'
import { deciderOf, type Engine } from './engine.ts'
import { AGENT, KITS, type Kit, LONGEST_REPORT, PARTNERS, REPORTS } from './table.ts'

/** True where the rule lets the call pass. */
type Check = (call: CallContext) => boolean

const QUARTER = 900_000
const offsets = new Map<number, number>()

/** The wall clock in Berlin, its offset asked for once for each quarter of an hour. */
function localTime(at: number): number {
  const quarter = Math.floor(at / QUARTER)
  let offset = offsets.get(quarter)
  if (offset === undefined) offsets.set(quarter, (offset = offsetOf(at)))
  return at + offset
}

const CLOCK = new Intl.DateTimeFormat('en-US', {
  timeZone: 'Europe/Berlin',
  timeZoneName: 'longOffset',
})

function offsetOf(at: number): number {
  const name = CLOCK.formatToParts(at).find(({ type }) => type === 'timeZoneName')?.value ?? ''
  return Number(/([+-]\d\d):00/.exec(name)?.[1] ?? 0) * 3_600_000
}

/** Days count from Monday; hours are half-open. */
function within(at: number, days: number, from: number, to: number): boolean {
  const local = localTime(at)
  const day = Math.floor(local / 86_400_000)
  const hour = (local - day * 86_400_000) / 3_600_000
  return (day + 3) % 7 < days && hour >= from && hour < to
}

const ADDRESS = /^[A-Za-z0-9.!#$&'*+/=?^_{|}~-]+@([a-z0-9.-]+)$/
const DOMAINS: ReadonlySet<string> = new Set(PARTNERS)
const REPORT = new RegExp(`^${REPORTS}/(?:[\\w-][\\w.-]*/)*[\\w-][\\w.-]*\\.(?:md|csv)$`)

const BY_DAY: Check = ({ at }) => within(at, 6, 6, 22)
const NO_LEAK: Check = ({ session: { labels } }) =>
  !(labels.includes('untrusted') && labels.includes('confidential'))
const CALM: Check = ({ risk }) => risk !== 'high'
const SMALL: Check = ({ args: { amount } }) =>
  amount === undefined || (typeof amount === 'number' && amount <= 900)

const CHECKS: ReadonlyMap<string, readonly Check[]> = new Map<string, readonly Check[]>([
  [
    'vendors/approve',
    [
      BY_DAY,
      CALM,
      ({ principal }) => principal.agent === AGENT,
      ({ args }) => args['vendor_class'] === 'B',
      ({ at }) => within(at, 5, 9, 17),
      ({ args: { amount } }) => typeof amount === 'number' && amount <= 1000,
    ],
  ],
  [
    'mail/send',
    [
      BY_DAY,
      CALM,
      NO_LEAK,
      ({ args: { to } }) =>
        Array.isArray(to) && to.length >= 1 && to.length <= 5 && to.every(isPartner),
      ({ session }) => !session.labels.includes('untrusted'),
      ({ args: { body } }) => typeof body === 'string' && body.length <= 10_000,
    ],
  ],
  [
    'files/write',
    [
      BY_DAY,
      CALM,
      ({ args: { path } }) => typeof path === 'string' && REPORT.test(path),
      ({ args: { content } }) =>
        typeof content === 'string' &&
        content.length <= LONGEST_REPORT &&
        (content.length * 3 <= LONGEST_REPORT || Buffer.byteLength(content) <= LONGEST_REPORT),
    ],
  ],
  ...KITS.map((kit) => [`${kit.server}/${kit.name}`, kitChecks(kit)] as const),
])

function isPartner(address: unknown): boolean {
  const domain = typeof address === 'string' ? ADDRESS.exec(address)?.[1] : undefined
  return domain !== undefined && DOMAINS.has(domain)
}

function kitChecks({ effect, limit, regions, word, hours }: Kit): readonly Check[] {
  const [one, other] = regions
  return [
    ...(effect === 'read' ? [] : [CALM]),
    ...(effect === 'write' || effect === 'delete' ? [BY_DAY] : []),
    ...(effect === 'admin' ? [SMALL] : []),
    ({ args: { amount } }) =>
      amount === undefined || (typeof amount === 'number' && amount <= limit),
    ({ args: { region } }) => region === one || region === other,
    ({ args: { note } }) =>
      note === undefined || (typeof note === 'string' && !note.includes(word)),
    ...(hours ? [({ at }: CallContext) => within(at, 6, hours.from, hours.to)] : []),
  ]
}

export const CLOSURES: Engine = {
  name: 'closures',
  prepare: (calls) =>
    deciderOf(
      calls,
      ({ tool, call }) => ({ key: `${tool.server}/${tool.name}`, call }),
      ({ key, call }) => {
        const checks = CHECKS.get(key)
        if (checks === undefined) return 'deny'
        for (const check of checks) if (!check(call)) return 'deny'
        return 'permit'
      },
    ),
}
