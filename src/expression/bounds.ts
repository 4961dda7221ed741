/** Bounds as people write them: `0..200`, `1..`, `..64KiB`, or `{ min: 0, max: 200 }`. */
import type { DocNode, Problems } from '../model/document.ts'
import { membersOf, wrongForm } from './reader.ts'

/** Inclusive; infinite where nothing was written. */
export interface Bounds {
  readonly min: number
  readonly max: number
}

/** How one end is written: any number, a whole one from zero on, or bytes with a unit. */
export type Scale = 'number' | 'count' | 'bytes'

const EXAMPLE: Readonly<Record<Scale, string>> = {
  number: 'write it like `{ min: 0, max: 5000 }` or `0..5000`',
  count: 'write it like `0..200`, `1..`, `..5` or `{ min: 1, max: 5 }`',
  bytes: 'write it like `{ max: 64KiB }` or `0..64KiB`',
}

const UNITS: Readonly<Record<string, number>> = {
  B: 1,
  kB: 1000,
  KiB: 1024,
  MB: 1_000_000,
  MiB: 1_048_576,
}

/** Reads bounds of which at least one is given; undefined when a problem was reported. */
export function boundsOf(node: DocNode, scale: Scale, problems: Problems): Bounds | undefined {
  const ends = node.kind === 'map' ? membersEnds(node, scale, problems) : textEnds(node, scale)
  if (ends === 'reported') return undefined
  if (!ends) return wrongForm(node, problems, 'a range', EXAMPLE[scale])
  if (ends.min > ends.max) {
    problems.error(
      node,
      'empty_range',
      `\`${node.path}\` is empty: its least value is above its greatest`,
      'exchange the two',
    )
    return undefined
  }
  return ends
}

function textEnds(node: DocNode, scale: Scale): Bounds | undefined {
  if (node.kind !== 'scalar' || typeof node.value !== 'string') return undefined
  const [least, greatest, ...more] = node.value.split('..')
  if (least === undefined || greatest === undefined || more.length > 0) return undefined
  if (least === '' && greatest === '') return undefined
  const min = least === '' ? openEnd(scale) : endOf(least, scale)
  const max = greatest === '' ? Infinity : endOf(greatest, scale)
  return min === undefined || max === undefined ? undefined : { min, max }
}

function membersEnds(
  node: DocNode,
  scale: Scale,
  problems: Problems,
): Bounds | undefined | 'reported' {
  const members = membersOf(node, ['min', 'max'], problems)
  if (!members) return 'reported'
  const least = members.get('min')
  const greatest = members.get('max')
  const min = least ? scalarEnd(least, scale) : openEnd(scale)
  const max = greatest ? scalarEnd(greatest, scale) : Infinity
  return min === undefined || max === undefined ? undefined : { min, max }
}

function openEnd(scale: Scale): number {
  return scale === 'number' ? -Infinity : 0
}

function scalarEnd(node: DocNode, scale: Scale): number | undefined {
  if (node.kind !== 'scalar') return undefined
  if (typeof node.value === 'string')
    return scale === 'bytes' ? endOf(node.value, scale) : undefined
  return typeof node.value === 'number' ? fitting(node.value, scale) : undefined
}

function endOf(text: string, scale: Scale): number | undefined {
  const match = /^(-?\d{1,16}(?:\.\d{1,9})?)([A-Za-z]*)$/.exec(text)
  if (!match) return undefined
  const unit = match[2] === '' ? 1 : scale === 'bytes' ? UNITS[match[2] ?? ''] : undefined
  return unit === undefined ? undefined : fitting(Number(match[1]) * unit, scale)
}

function fitting(value: number, scale: Scale): number | undefined {
  if (!isExact(value)) return undefined
  return scale === 'number' || (Number.isInteger(value) && value >= 0) ? value : undefined
}

/** True for a number that JSON readers agree on: finite, and below 2^53 where it is whole. */
export function isExact(value: number): boolean {
  return Number.isFinite(value) && Math.abs(value) <= Number.MAX_SAFE_INTEGER
}

/** `between 1 and 5`, `at least 1`, `at most 5`, `exactly 5`; `floor` is the least value there is. */
export function boundsText(bounds: Bounds, floor: number): string {
  const { min, max } = bounds
  if (min === max) return `exactly ${min}`
  if (max === Infinity) return `at least ${min}`
  return min <= floor ? `at most ${max}` : `between ${min} and ${max}`
}
