/** The values that an entry is about: sealed under its key, or shown, hashed and left out where the settings say so. */
import { canonical, type JsonObject } from '../model/json.ts'
import type { RequestFacts } from '../model/record.ts'
import { withoutSecrets } from '../model/secret-shape.ts'
import { type Classed, classFinder, type FieldClasses, parted } from './classes.ts'
import { factsWriter } from './facts.ts'
import { cutText, LONGEST_NAME, quoted, uriOf } from './part.ts'
import type { Sealer } from './seal.ts'
import type { Sha256 } from '../model/id.ts'

const LONGEST_DETAIL = 2048

/** What of a call is written beside what its decision read. */
export interface WriteOptions {
  /** The whole arguments, sealed, where they fit; never what is secret by name or by shape. Default: no. */
  readonly capture?: boolean
  /** What is not sealed but shown, hashed or left out. */
  readonly fields?: FieldClasses
}

export interface Values {
  readonly request: RequestFacts
  readonly facts?: JsonObject | undefined
  readonly args?: JsonObject | undefined
  /** Why it was refused, for operators. */
  readonly detail?: string | undefined
  /** What external engines said, by their names. */
  readonly engines?: JsonObject | undefined
}

/** Members of an entry, each as JSON text where there is one. */
export interface ValueMembers {
  readonly sealed?: string
  readonly clear?: string
  readonly hashed?: string
}

/** The names of these tell what they are in the sealed text, in canonical order. */
type Sealed = Partial<Record<'args' | 'detail' | 'engines' | 'facts' | 'uri', string>>

export interface ValuesGiven extends WriteOptions {
  readonly log: string
  readonly sealer: Sealer
  /** Under the key of the log, which is the same for all entries. */
  readonly digest: (text: string) => Sha256
}

/** Paths of what is left out go to `erased`; what stands there already is not written. */
export function valuesWriter(
  given: ValuesGiven,
): (values: Values, seq: number, erased: string[]) => ValueMembers {
  const { log, sealer, capture = false, digest } = given
  const classesOf = classFinder(given.fields)
  const factsText = factsWriter()
  const argsText = factsWriter('args')
  return (values, seq, erased) => {
    const { request, facts, args } = values
    const classed = classesOf(request.server, request.name)
    const sealed: Sealed = {}
    if (capture && args && !erased.includes('args')) {
      const text = argsText(classed ? withoutDropped(args, classed, erased) : args, erased)
      if (!erased.includes('args')) sealed.args = text
    }
    if (values.detail !== undefined)
      sealed.detail = textMember(values.detail, { path: 'detail', longest: LONGEST_DETAIL }, erased)
    if (values.engines) sealed.engines = canonical(values.engines)
    let members: ValueMembers = {}
    if (facts && classed)
      members = classedFacts(facts, classed, { sealed, erased, factsText, digest })
    else if (facts) keep(sealed, factsText(facts, erased))
    const uri = uriOf(request)
    if (uri !== undefined)
      sealed.uri = textMember(uri, { path: 'request.name', longest: LONGEST_NAME }, erased)
    const text = objectText(sealed)
    return text === '{}'
      ? members
      : { ...members, sealed: `"${sealer.seal(text, `${log} ${seq}`)}"` }
  }
}

function keep(sealed: Sealed, facts: string): void {
  if (facts !== '{}') sealed.facts = facts
}

interface Classing {
  readonly sealed: Sealed
  readonly erased: string[]
  readonly factsText: (facts: JsonObject, erased: string[]) => string
  readonly digest: (text: string) => Sha256
}

function classedFacts(facts: JsonObject, classed: Classed, classing: Classing): ValueMembers {
  const { sealed, erased, factsText, digest } = classing
  const parts = parted(facts, classed)
  keep(sealed, factsText(parts.seal, erased))
  const clear = factsText(parts.clear, erased)
  for (const path of parts.drop) erased.push(`facts.${path}`)
  const hashes: [string, string][] = []
  for (const [path, value] of parts.hash) {
    const before = erased.length
    // What is secret is not hashed either: whoever has the key could try.
    factsText({ [path]: value }, erased)
    if (erased.length === before) hashes.push([path, digest(canonical(value))])
  }
  return {
    ...(clear !== '{}' && { clear }),
    ...(hashes.length > 0 && { hashed: canonical(Object.fromEntries(hashes)) }),
  }
}

/** Captured arguments without the fields that are hashed or left out. */
function withoutDropped(args: JsonObject, classed: Classed, erased: string[]): JsonObject {
  const hidden = new Map([...classed].filter(([, one]) => one === 'drop' || one === 'hash'))
  const { seal, hash, drop } = parted(args, hidden)
  for (const path of new Set([...drop, ...hash.map(([one]) => one)])) erased.push(`args.${path}`)
  return seal
}

function textMember(
  text: string,
  as: { readonly path: string; readonly longest: number },
  erased: string[],
): string {
  const shown = withoutSecrets(cutText(text, as.longest))
  if (shown !== text) erased.push(as.path)
  return quoted(shown)
}

function objectText({ args, detail, engines, facts, uri }: Sealed): string {
  let text = ''
  const add = (name: string, value: string | undefined): void => {
    if (value !== undefined) text += `${text === '' ? '' : ','}"${name}":${value}`
  }
  add('args', args)
  add('detail', detail)
  add('engines', engines)
  add('facts', facts)
  add('uri', uri)
  return `{${text}}`
}
