/**
 * One entry of the record as one canonical JSON line (RFC 8785). The two entries of every call are put together
 * from parts in their canonical order, most of them written once; `canonical(JSON.parse(line))` is the line.
 */
import type { CallContext } from '../model/call.ts'
import type { Decision } from '../model/decision.ts'
import type { Sha256 } from '../model/id.ts'
import { canonical, isList, type Json, type JsonObject } from '../model/json.ts'
import type { EntryBody, RecordHead, RequestFacts } from '../model/record.ts'
import type { BudgetState } from '../model/state.ts'
import type { Verdict } from '../model/verdict.ts'
import { budgetsWriter } from './budget-text.ts'
import { decisionWriter, enginesSaid } from './decision.ts'
import { cutFacts, factsWriter } from './facts.ts'
import {
  cutText,
  LONGEST_WORD,
  numeral,
  principalWriter,
  quoted,
  requestWriter,
  stateWriter,
  thousandths,
  timeWriter,
} from './part.ts'
import { ARGS, INPUT, Sealer } from './seal.ts'
import {
  type ValueMembers,
  type Values,
  type ValuesGiven,
  valuesWriter,
  type WriteOptions,
} from './values.ts'

export type { WriteOptions } from './values.ts'

/** Entries fit the 16-bit length of a C2SP tile. In bytes. */
export const LONGEST_ENTRY = 65_535

/** The format of entries. */
export const FORMAT = 2

/** Bytes of base64 for one of what it stands for. */
const BASE64 = 4 / 3

type Body<Type extends EntryBody['type']> = Extract<EntryBody, { readonly type: Type }>

/** Where an entry stands in its log. */
export interface Position {
  readonly seq: number
  /** Leaf hash of the entry before it. */
  readonly prev: Sha256
}

/**
 * Writes the entries of one log. Values of arguments appear in them as a keyed digest, and sealed with the key of the entry,
 * which `sealer` has until the next one is written. `digest` is under the key of the log.
 *
 * The returned function throws RangeError when the entry cannot be said in 65,535 bytes or has a number that JSON
 * or a time that RFC 3339 cannot say.
 */
export function entryWriter(
  head: RecordHead,
  digest: (text: string) => Sha256,
  options: WriteOptions = {},
  sealer: Sealer = new Sealer(),
): (body: EntryBody, at: Position) => string {
  const parts = partsOf(head, { digest, sealer, ...options, log: head.log })
  return (body, at) => {
    const line = write(parts, body, at)
    if (fits(line)) return line
    // What was captured goes first: a decision needs no more than its facts.
    const gone = options.capture === true && callOf(body) ? ['args'] : []
    const plain = gone.length === 0 ? line : write(parts, body, at, gone)
    if (fits(plain)) return plain
    const facts = factsOf(body)
    const worth = body.type === 'event' ? 1 : BASE64
    const cut = cutFacts(facts, Buffer.byteLength(plain) - LONGEST_ENTRY, worth)
    const shorter = write(parts, withFacts(body, cut.facts), at, [...gone, ...cut.erased])
    if (fits(shorter)) return shorter
    const bare = write(parts, withFacts(body, {}), at, [...gone, 'facts'])
    if (fits(bare)) return bare
    throw new RangeError(`an entry of ${Buffer.byteLength(bare)} bytes`)
  }
}

function fits(line: string): boolean {
  return line.length * 3 <= LONGEST_ENTRY || Buffer.byteLength(line) <= LONGEST_ENTRY
}

function factsOf(body: EntryBody): JsonObject {
  if (body.type === 'event') return body.facts
  if (body.type === 'intent') return body.decision.facts
  return body.type === 'refusal' ? (decisionOf(body)?.facts ?? {}) : {}
}

function callOf(body: EntryBody): CallContext | undefined {
  return body.type === 'intent' || body.type === 'refusal' ? body.call : undefined
}

function withFacts(body: EntryBody, facts: JsonObject): EntryBody {
  if (body.type === 'event') return { ...body, facts }
  if (body.type === 'intent') return { ...body, decision: { ...body.decision, facts } }
  if (body.type !== 'refusal') return body
  const decision = decisionOf(body)
  return decision ? { ...body, decision: { ...decision, facts } } : body
}

function decisionOf(body: Body<'refusal'>): Decision | undefined {
  return body.decision ?? body.refusal.decision
}

/** What the entries of one log have in common, and what its writer remembers between them. */
interface Parts {
  readonly log: string
  readonly mandate: string | undefined
  readonly principal: (of?: CallContext['principal']) => string | undefined
  readonly sealer: Sealer
  readonly facts: (facts: JsonObject, erased: string[]) => string
  readonly values: (values: Values, seq: number, erased: string[]) => ValueMembers
  readonly request: (request: RequestFacts, erased: string[]) => string
  readonly state: (call: CallContext) => string
  readonly decision: (decision: Decision) => string
  readonly budgets: (budgets: readonly BudgetState[]) => string
  readonly time: (at: number) => string
}

function partsOf(head: RecordHead, given: ValuesGiven): Parts {
  const { mandate } = head
  return {
    log: quoted(head.log),
    mandate:
      mandate && canonical({ name: mandate.name, s256: mandate.digest, signed: mandate.signed }),
    principal: principalWriter(head),
    sealer: given.sealer,
    facts: factsWriter(),
    values: valuesWriter(given),
    request: requestWriter(),
    state: stateWriter(),
    decision: decisionWriter(),
    budgets: budgetsWriter(),
    time: timeWriter(),
  }
}

function write(parts: Parts, body: EntryBody, at: Position, cut: readonly string[] = []): string {
  // A text that was too long is written again: under another key.
  parts.sealer.begin()
  switch (body.type) {
    case 'intent':
      return intentLine(parts, body, at, [...cut])
    case 'outcome':
      return outcomeLine(parts, body, at)
    case 'refusal':
      return refusalLine(parts, body, at, [...cut])
    case 'listed': {
      const { era, method, offered, hidden, catalog } = body
      const own = {
        catalog: quoted(catalog),
        era: quoted(era),
        method: quoted(cutText(method, LONGEST_WORD)),
      }
      return composed(parts, body, at, {
        ...own,
        hidden: numeral(hidden),
        offered: numeral(offered),
      })
    }
    case 'upstream_request': {
      const { server, method, verdict, reason } = body
      const own = { server: quoted(server), method: quoted(cutText(method, LONGEST_WORD)) }
      const why = reason === undefined ? {} : { reason: quoted(reason) }
      return composed(parts, body, at, { ...own, ...why, verdict: quoted(verdict) })
    }
    case 'event': {
      const erased = [...cut]
      const facts = parts.facts(body.facts, erased)
      return composed(parts, body, at, {
        event: quoted(body.event),
        facts,
        ...erasedMember(erased),
      })
    }
  }
}

function intentLine(parts: Parts, body: Body<'intent'>, at: Position, erased: string[]): string {
  const { call, decision, budgets, input } = body
  const { sealer } = parts
  const request = parts.request(body.request, erased)
  const values = { request: body.request, facts: decision.facts, args: call.args }
  const { sealed, clear, hashed } = parts.values(withEngines(values, decision), at.seq, erased)
  const commit = sealer.commit(ARGS, canonicalArgs(call.args))
  const gone = erased.length === 0 ? '' : `,"erased":${canonical(erased)}`
  const given =
    input === undefined ? '' : `,"input_commit":"${sealer.commit(INPUT, canonicalArgs(input))}"`
  return (
    `{"args_commit":"${commit}"${budgets ? `,"budgets":${parts.budgets(budgets)}` : ''}` +
    `,"call":${quoted(call.id)}${optional('clear', clear)},"decision":${parts.decision(decision)}` +
    `${gone}${optional('hashed', hashed)}${given},"log":${parts.log}` +
    `${acting(parts, call)},"prev":"${at.prev}","principal":${parts.principal(call.principal) ?? 'null'}` +
    `,"request":${request}${optional('sealed', sealed)},"seq":${numeral(at.seq)}` +
    `,"state":${parts.state(call)},"ts":"${parts.time(body.at)}","type":"intent","v":${FORMAT}}`
  )
}

function optional(name: string, text: string | undefined): string {
  return text === undefined ? '' : `,"${name}":${text}`
}

function withEngines(values: Values, decision: Decision): Values {
  const engines = decision.policy?.engines ? enginesSaid(decision) : undefined
  return engines ? { ...values, engines } : values
}

/** A call is always made under a mandate; a head without one would be a fault, and the entry says so. */
function acting({ mandate }: Parts, { principal }: CallContext): string {
  if (mandate === undefined) throw new RangeError(`a call of ${principal.agent} under no mandate`)
  return `,"mandate":${mandate}`
}

function outcomeLine(parts: Parts, body: Body<'outcome'>, at: Position): string {
  return (
    `{"bytes":${numeral(body.bytes)},"call":${quoted(body.call)},"log":${parts.log}` +
    `,"prev":"${at.prev}","seq":${numeral(at.seq)},"took_ms":${thousandths(body.tookMs)}` +
    `,"ts":"${parts.time(body.at)}","type":"outcome","v":${FORMAT},"verdict":${verdictText(body.verdict)}}`
  )
}

function refusalLine(parts: Parts, body: Body<'refusal'>, at: Position, erased: string[]): string {
  const { refusal, call } = body
  const decision = decisionOf(body)
  const members: Record<string, string> = {
    request: parts.request(body.request, erased),
    stage: quoted(refusal.stage),
    reason: quoted(refusal.reason),
  }
  const values: Values = {
    request: body.request,
    facts: decision?.facts,
    args: call?.args,
    detail: refusal.detail,
  }
  const sealing = decision ? withEngines(values, decision) : values
  Object.assign(members, parts.values(sealing, at.seq, erased))
  if (call) {
    members['call'] = quoted(call.id)
    members['args_commit'] = quoted(parts.sealer.commit(ARGS, canonicalArgs(call.args)))
    members['state'] = parts.state(call)
  }
  if (decision) members['decision'] = parts.decision(decision)
  const principal = parts.principal(call?.principal)
  if (principal !== undefined) members['principal'] = principal
  return composed(parts, body, at, { ...members, ...erasedMember(erased) })
}

function erasedMember(erased: readonly string[]): Readonly<Record<string, string>> {
  return erased.length === 0 ? {} : { erased: canonical(erased) }
}

/** A line from its members, each already JSON text, for what is not on the path of a permitted call. */
function composed(
  parts: Parts,
  body: EntryBody,
  at: Position,
  own: Readonly<Record<string, string>>,
): string {
  const principal = parts.principal()
  const members: Record<string, string> = {
    log: parts.log,
    ...(parts.mandate === undefined ? {} : { mandate: parts.mandate }),
    prev: quoted(at.prev),
    ...(principal === undefined ? {} : { principal }),
    ...own,
    seq: numeral(at.seq),
    ts: quoted(parts.time(body.at)),
    type: quoted(body.type),
    v: numeral(FORMAT),
  }
  const names = Object.keys(members).toSorted()
  return `{${names.map((name) => `"${name}":${members[name] ?? 'null'}`).join(',')}}`
}

function verdictText(verdict: Verdict): string {
  return verdict.outcome === 'forwarded'
    ? `{"outcome":"forwarded","result":"${verdict.result}"}`
    : `{"outcome":"refused","reason":"${verdict.reason}","stage":"${verdict.stage}"}`
}

/** Arguments mostly arrive with their names in order, and then the platform's own writer gives the canonical form. */
function canonicalArgs(args: JsonObject): string {
  if (inOrder(args)) return JSON.stringify(args)
  const sorted = sortedCopy(args)
  return sorted ? JSON.stringify(sorted) : canonical(args)
}

const DIGIT = /^\d/

/** A flat object with its names in order, for the platform to write; undefined where that would not be canonical. */
function sortedCopy(args: JsonObject): JsonObject | undefined {
  const copy: Record<string, Json> = {}
  for (const name of Object.keys(args).sort()) {
    const value = args[name]
    // Names that look like numbers come first in every object, whatever order they were given in.
    if (
      value === undefined ||
      typeof value === 'object' ||
      DIGIT.test(name) ||
      name === '__proto__'
    )
      return undefined
    if (typeof value === 'number' && !Number.isFinite(value)) return undefined
    copy[name] = value
  }
  return copy
}

function inOrder(value: Json): boolean {
  if (typeof value === 'number') return Number.isFinite(value)
  if (typeof value !== 'object' || value === null) return true
  if (isList(value)) return value.every(inOrder)
  let last: string | undefined
  for (const key of Object.keys(value)) {
    const item = value[key]
    if (item === undefined || (last !== undefined && last > key) || !inOrder(item)) return false
    last = key
  }
  return true
}
