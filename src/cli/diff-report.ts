/** How `diff` says what widened and what narrowed. */
import type { Direction, Example, PolicyChange } from '../policy/diff/change.ts'
import { countsOf } from '../policy/diff/diff.ts'
import { type CliIo, paint, printable, shortPath, type Style } from './io.ts'

export function printDiff(
  changes: readonly PolicyChange[],
  io: CliIo,
  form: 'json' | 'text',
): void {
  if (form === 'json') io.stdout(`${JSON.stringify(jsonDiff(changes), undefined, 2)}\n`)
  else io.stdout(`${textDiff(changes, io).join('\n')}\n`)
}

function jsonDiff(changes: readonly PolicyChange[]): object {
  const { widened, narrowed, unclear } = countsOf(changes)
  return {
    widened,
    narrowed,
    unclear,
    changes: changes.map(({ place, ...change }) => ({ ...change, ...place })),
  }
}

const ORDER: readonly Direction[] = ['widened', 'unclear', 'narrowed', 'none']
const WORDS: Readonly<Record<Direction, readonly [word: string, style: Style]>> = {
  widened: ['widened ', 'red'],
  unclear: ['unclear ', 'yellow'],
  narrowed: ['narrowed', 'green'],
  none: ['no change', 'dim'],
}

/** What widened comes first: it is what a reviewer looks for. */
function textDiff(changes: readonly PolicyChange[], io: CliIo): readonly string[] {
  const sorted = ORDER.flatMap((direction) =>
    changes.filter((change) => change.direction === direction),
  )
  const { widened, narrowed, unclear } = countsOf(changes)
  const summary = `widened: ${widened}, narrowed: ${narrowed}, unclear: ${unclear}`
  return [...sorted.flatMap((change) => changeLines(change, io)), paint(io, 'bold', summary)]
}

function changeLines(
  { direction, about, message, place, example }: PolicyChange,
  io: CliIo,
): readonly string[] {
  const [word, style] = WORDS[direction]
  const where = place ? ` (${shortPath(place.file, io.cwd)}:${place.line})` : ''
  const head = `${paint(io, style, word)} ${printable(`${about}${where}: ${message}`)}`
  return example ? [head, `    ${printable(exampleText(example))}`] : [head]
}

const LONGEST = 300
const VERDICTS = {
  newly_permitted: 'newly permitted',
  newly_held: 'newly held',
  newly_denied: 'newly denied',
} as const

function exampleText({ verdict, target, args, given }: Example): string {
  const text = JSON.stringify(args)
  const shown = text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text
  const facts = given.length > 0 ? `, with ${given.join(', ')}` : ''
  const what = verdict ? VERDICTS[verdict] : 'for example, though another rule decides alike'
  return `${what}: ${target} ${shown}${facts}`
}
