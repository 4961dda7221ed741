/** Finds constraints that stand in one mapping and can never hold together. */
import { type Clause, TAKES } from './clause.ts'

const NAMED = [
  ['a text', TAKES.text],
  ['a number', TAKES.number],
  ['a list', TAKES.list],
  ['an object', TAKES.object],
  ['a boolean', TAKES.bool],
  ['null', TAKES.null],
] as const

/** Says which do, or undefined when none were found. */
export function contradiction(clauses: readonly Clause[]): string | undefined {
  let takes: number = TAKES.any
  for (const asked of clauses) {
    if ((takes & asked.takes) === 0)
      return `\`${asked.kind}\` is about ${typesText(asked.takes)}, the constraints before it about ${typesText(takes)}`
    takes &= asked.takes
  }
  return lengths(clauses) ?? wholes(clauses) ?? values(clauses)
}

function typesText(bits: number): string {
  return NAMED.filter(([, bit]) => (bits & bit) !== 0)
    .map(([name]) => name)
    .join(' or ')
}

function lengths(clauses: readonly Clause[]): string | undefined {
  for (const short of clauses)
    for (const long of clauses)
      if (short.lengths && long.lengths && short.lengths.max < long.lengths.min)
        return `\`${long.kind}\` needs more characters than \`${short.kind}\` leaves`
  return undefined
}

function wholes(clauses: readonly Clause[]): string | undefined {
  if (!clauses.some((asked) => asked.kind === 'int')) return undefined
  const none = clauses.some(
    ({ numbers }) => numbers && Math.ceil(numbers.min) > Math.floor(numbers.max),
  )
  return none ? 'no whole number lies within its `range`' : undefined
}

function values(clauses: readonly Clause[]): string | undefined {
  for (const asked of clauses) {
    const others = clauses.filter((other) => other !== asked)
    const left = asked.values?.filter((value) =>
      others.every((other) => other.judge(value) !== 'fails'),
    )
    if (left?.length === 0) return `the constraints beside \`${asked.kind}\` refuse all its values`
  }
  return undefined
}
