/** Constraints compared: is every value that the one takes taken by the other, too? A no where it cannot be told. */
import { boundsOf, type Scale } from '../../expression/bounds.ts'
import { type DocMap, type DocNode, plain, Problems } from '../../model/document.ts'
import { canonical } from '../../model/json.ts'
import type { RuleSource } from '../language.ts'
import { type Sets, withSets } from '../sets.ts'

type Exemption = NonNullable<RuleSource['unlessArgs']>

/** Are all calls that the second exempts exempt by the first? */
export function exemptsAll(
  wide: Exemption,
  narrow: Exemption,
  sets: readonly [Sets, Sets],
): boolean {
  if (wide.otherArgs === 'refuse') {
    // What the first does not name must not be there.
    if (narrow.otherArgs === 'permit') return false
    if ([...narrow.args.keys()].some((name) => !wide.args.has(name))) return false
  }
  const resolved = (node: DocNode, of: Sets): DocNode => withSets(node, of, new Problems())
  return [...wide.args].every(([name, node]) => {
    const other = narrow.args.get(name)
    return other !== undefined && takesAll(resolved(node, sets[0]), resolved(other, sets[1]))
  })
}

/** Members whose values name what is taken: more of them take more. */
const LISTS = ['one_of', 'subset_of', 'domain', 'address', 'scheme', 'host', 'ext', 'under', 'port']
const BOUNDS: Readonly<Record<string, Scale>> = {
  range: 'number',
  length: 'count',
  size: 'count',
  bytes: 'bytes',
}
/** These say that more is taken. */
const OPENING = ['optional', 'otherFields']
const NESTED = ['each', 'any', 'fields', 'email', 'url', 'path', 'host']

/** Both without references to sets. */
export function takesAll(wide: DocNode, narrow: DocNode): boolean {
  if (isSame(wide, narrow)) return true
  if (wide.kind !== 'map' || narrow.kind !== 'map') return false
  // What only the narrower one says makes it narrower, unless it is of the members that open.
  const opens = narrow.entries.some(({ key, value }) => {
    const other = memberOf(wide, key)
    return OPENING.includes(key) && !(other && isSame(other, value))
  })
  if (opens) return false
  return wide.entries.every(({ key, value }) => {
    if (OPENING.includes(key)) return true
    const other = memberOf(narrow, key)
    return other !== undefined && clauseTakesAll(key, value, other)
  })
}

function memberOf(map: DocMap, key: string): DocNode | undefined {
  return map.entries.find((entry) => entry.key === key)?.value
}

function clauseTakesAll(key: string, wide: DocNode, narrow: DocNode): boolean {
  if (isSame(wide, narrow)) return true
  const scale = Object.hasOwn(BOUNDS, key) ? BOUNDS[key] : undefined
  if (scale) {
    const a = boundsOf(wide, scale, new Problems())
    const b = boundsOf(narrow, scale, new Problems())
    return a !== undefined && b !== undefined && a.min <= b.min && a.max >= b.max
  }
  if (key === 'not_one_of') return isWithin(wide, narrow)
  if (wide.kind === 'map' || narrow.kind === 'map') {
    if (key === 'fields') return fieldsTakeAll(wide, narrow)
    return NESTED.includes(key) && takesAll(wide, narrow)
  }
  return LISTS.includes(key) && isWithin(narrow, wide)
}

/** Each field has a constraint of its own, whatever its name. */
function fieldsTakeAll(wide: DocNode, narrow: DocNode): boolean {
  if (wide.kind !== 'map' || narrow.kind !== 'map') return false
  if (wide.entries.length !== narrow.entries.length) return false
  return wide.entries.every(({ key, value }) => {
    const other = memberOf(narrow, key)
    return other !== undefined && takesAll(value, other)
  })
}

function isWithin(few: DocNode, many: DocNode): boolean {
  const texts = new Set(itemsOf(many).map(textOf))
  return itemsOf(few).every((one) => texts.has(textOf(one)))
}

function itemsOf(node: DocNode): readonly DocNode[] {
  return node.kind === 'list' ? node.items : [node]
}

function textOf(node: DocNode): string {
  return canonical(plain(node))
}

function isSame(a: DocNode, b: DocNode): boolean {
  return textOf(a) === textOf(b)
}
