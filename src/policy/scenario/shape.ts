/** What is known of an argument, from whatever mentions it, and values made after it: near hits, near misses, and worse. */
import { isList, type Json, type JsonObject } from '../../model/json.ts'
import type { Random } from './random.ts'

export type Hint = 'text' | 'number' | 'boolean' | 'list' | 'object' | 'email' | 'url' | 'time'

export interface Shape {
  readonly hints: Set<Hint>
  /** Values that were mentioned for it. */
  readonly values: Set<Json>
  /** Lengths that were mentioned for it. */
  readonly sizes: Set<number>
  /** Of a list's elements. */
  items?: Shape
  readonly members: Map<string, Shape>
}

export function newShape(): Shape {
  return { hints: new Set(), values: new Set(), sizes: new Set(), members: new Map() }
}

export function itemsOfShape(shape: Shape): Shape {
  shape.hints.add('list')
  return (shape.items ??= newShape())
}

export function memberOfShape(shape: Shape, name: string): Shape {
  shape.hints.add('object')
  const found = shape.members.get(name) ?? newShape()
  shape.members.set(name, found)
  return found
}

/** A value that was used before. */
export function learnValue(value: Json, shape: Shape): void {
  if (isList(value)) {
    shape.sizes.add(value.length)
    for (const item of value) learnValue(item, itemsOfShape(shape))
    return
  }
  if (typeof value === 'object' && value !== null) {
    for (const [key, item] of Object.entries(value)) learnValue(item, memberOfShape(shape, key))
    return
  }
  shape.values.add(value)
}

const DEEPEST = 4
const LONGEST_LIST = 40

/** Arguments of a call: most members that are known, now and then one that is not. */
export function argumentsOf(shape: Shape, random: Random): JsonObject {
  const entries: [string, Json][] = []
  for (const [name, member] of shape.members) {
    if (random.chance(ABSENT)) continue
    entries.push([random.chance(0.01) ? twin(name, random) : name, valueOf(member, random, 0)])
  }
  if (random.chance(0.06)) entries.push([random.pick(STRANGE) ?? '', hostile(random)])
  // Defines members: a key named __proto__ stays a plain member.
  return Object.fromEntries(entries)
}

const ABSENT = 0.12

/** The arguments with one of them, or two, made up anew. */
export function changed(args: JsonObject, shape: Shape, random: Random): JsonObject {
  const names = [...new Set([...Object.keys(args), ...shape.members.keys()])]
  const which = [random.pick(names), random.chance(0.3) ? random.pick(names) : undefined]
  const kept = Object.entries(args).filter(([name]) => !which.includes(name))
  const anew = [...shape.members].filter(([name]) => which.includes(name) && !random.chance(ABSENT))
  return Object.fromEntries([
    ...kept,
    ...anew.map(([name, member]) => [name, valueOf(member, random, 0)] as const),
  ])
}

const STRANGE = ['__proto__', 'constructor', 'toString', 'other', '', 'bcc']

function twin(name: string, random: Random): string {
  return random.chance(0.5) ? name.toUpperCase() : `${name}\u200B`
}

function valueOf(shape: Shape, random: Random, depth: number): Json {
  if (random.chance(0.06)) return hostile(random)
  const values = [...shape.values]
  const structured = shape.items !== undefined || shape.members.size > 0
  if (values.length > 0 && random.chance(structured ? 0.15 : 0.75)) {
    const value = random.pick(values) ?? null
    return random.chance(0.65) ? value : near(value, random)
  }
  return made(random.pick(kindsOf(shape)) ?? 'text', shape, random, depth)
}

function kindsOf({ hints, items, members }: Shape): readonly Hint[] {
  if (items) return ['list']
  if (members.size > 0) return ['object']
  return hints.size > 0 ? [...hints] : ['text', 'number', 'boolean', 'list', 'object']
}

function made(kind: Hint, shape: Shape, random: Random, depth: number): Json {
  switch (kind) {
    case 'text':
      return random.pick(TEXTS) ?? ''
    case 'number':
      return random.chance(0.5) ? random.below(2000) - 500 : random.next() * 1e6
    case 'boolean':
      return random.chance(0.5)
    case 'email':
      return `someone@${random.pick(DOMAINS) ?? ''}`
    case 'url':
      return `https://${random.pick(DOMAINS) ?? ''}/a`
    case 'time':
      return random.chance(0.8) ? '2026-11-24T10:30:00Z' : 'yesterday'
    case 'list':
      return listOf(shape, random, depth)
    case 'object':
      return depth > DEEPEST ? {} : argumentsOf(shape, random)
  }
}

function listOf(shape: Shape, random: Random, depth: number): Json {
  if (depth > DEEPEST) return []
  const mentioned = [...shape.sizes].flatMap((size) => [size - 1, size, size + 1])
  const size = random.chance(0.3) ? random.pick(mentioned) : undefined
  const length = Math.min(LONGEST_LIST, Math.max(0, size ?? random.below(4)))
  const items = shape.items ?? newShape()
  return Array.from({ length }, () => valueOf(items, random, depth + 1))
}

const TEXTS = ['', 'a', 'A', 'some words', '../../etc/passwd', '*', 'x'.repeat(300), '0', 'true']
const DOMAINS = [
  'evil.example',
  'acme.example',
  'localhost',
  '127.0.0.1',
  'a.b',
  'xn--80ak6aa92e.com',
]

/** What a careless rule takes for the value, or a careless tool. */
function near(value: Json, random: Random): Json {
  if (typeof value === 'number') {
    const nearby = [value - 1, value + 1, value + 0.5, -value, value * 10, String(value)]
    return random.pick(nearby) ?? value
  }
  if (typeof value !== 'string') return hostile(random)
  return random.pick(nearTexts(value)) ?? value
}

function nearTexts(text: string): readonly string[] {
  const changed = [
    text.toUpperCase(),
    `${text} `,
    `${text}x`,
    `x${text}`,
    text.slice(0, -1),
    text.replace(/a/, '\u0430'),
    `${text}\n`,
  ]
  const address = /^[^@\s]+@(\S+)$/.exec(text)
  if (address) {
    const [, domain = ''] = address
    return [
      ...changed,
      `someone@evil.${domain}`,
      `someone@${domain}.evil.example`,
      `someone@x${domain}`,
      `someone@evil.example, ${text}`,
      `someone@evil.example`,
    ]
  }
  if (!/^[\w-]+(\.[\w-]+)+$/.test(text)) return changed
  return [...changed, `evil.${text}`, `${text}.evil.example`, `someone@${text}`, `https://${text}/`]
}

/** What no rule should have to expect, and each has to survive. */
function hostile(random: Random): Json {
  return random.pick(HOSTILE) ?? null
}

const HOSTILE: readonly Json[] = [
  null,
  true,
  '',
  0,
  -1,
  1e308,
  2 ** 53 + 2,
  -0,
  Number.MIN_VALUE,
  [],
  {},
  [[]],
  [null],
  ['a', 1, null],
  '\uD800',
  'a\u0000b',
  '__proto__',
  'constructor',
  Object.fromEntries([['__proto__', { admin: true }]]),
  { constructor: { prototype: {} } },
  { length: 1, 0: 'a' },
  { toString: 'a' },
]
