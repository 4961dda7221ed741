/**
 * What a stage is, and how stages are joined: a stage takes the proof of the stage before it and returns its
 * own, so calling one early does not compile. There is no `next()` and nothing reorders the line.
 */
import type { DenyReason } from '../model/decision.ts'
import { isRefusal, refusal, type Refusal, type StageName } from '../model/verdict.ts'
import type { LinePorts } from './port.ts'
import { isUnusable } from './taken-back.ts'

/** Synchronous where it can be: a permitted call pays for promises only where it waits for something. */
export type Stage<In, Out> = (input: In, ports: LinePorts) => Out | Refusal | Promise<Out | Refusal>

/** A stage as the line lists it. */
export interface StageRow<In, Out> {
  readonly name: StageName
  /** The one question it asks. */
  readonly question: string
  /** What it may refuse with. */
  readonly codes: readonly DenyReason[]
  /** Why it stands where it stands. */
  readonly why: string
  readonly run: Stage<In, Out>
}

/** What a walk along the line ended with: the last proof, or a refusal and the proof that was reached before it. */
export type Walk<In, Out> =
  | { readonly refusal?: undefined; readonly proof: Out }
  | { readonly refusal: Refusal; readonly last: In | object; readonly fault?: unknown }

export interface Line<In, Out> {
  readonly rows: readonly Readonly<Omit<StageRow<unknown, unknown>, 'run'>>[]
  to<Next>(row: StageRow<Out, Next>): Line<In, Next>
  walk(input: In, ports: LinePorts): Walk<In, Out> | Promise<Walk<In, Out>>
}

/** A row with its types erased: the builder above has already checked that each meets the next. */
interface Runnable {
  readonly name: StageName
  readonly run: (input: object, ports: LinePorts) => object | Promise<object>
}

/** Begins a line with its first stage. */
export function begin<In extends object, Out extends object>(
  row: StageRow<In, Out>,
): Line<In, Out> {
  return joined<In, Out>([row])
}

function joined<In, Out>(rows: readonly StageRow<never, unknown>[]): Line<In, Out> {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- `to` below only joins rows whose types meet
  const runnable = rows as unknown as readonly Runnable[]
  return {
    rows,
    to: <Next>(row: StageRow<Out, Next>) => joined<In, Next>([...rows, row]),
    walk: (input, ports) =>
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the last stage's proof is Out by construction
      advance(runnable, input as object, ports) as Walk<In, Out> | Promise<Walk<In, Out>>,
  }
}

type Ended = Walk<object, object>

/**
 * One stage after the other. A stage that waits costs one promise reaction and the whole walk one promise, however many
 * stages wait. A fault is caught here and becomes the refusal of the stage that broke; a store that cannot be asked has one
 * of its own.
 */
function advance(
  rows: readonly Runnable[],
  start: object,
  ports: LinePorts,
): Ended | Promise<Ended> {
  const position = { index: 0, proof: start }
  const first = goOn(rows, position, ports)
  if (!(first instanceof Promise)) return first
  return new Promise((resolve) => waitFor(first, { rows, position, ports, resolve }))
}

interface Position {
  index: number
  proof: object
}

interface Waiting {
  readonly rows: readonly Runnable[]
  readonly position: Position
  readonly ports: LinePorts
  readonly resolve: (ended: Ended) => void
}

function waitFor(pending: Promise<object>, waiting: Waiting): void {
  const { rows, position, ports, resolve } = waiting
  pending.then(
    (answer) => {
      const ended = accept(answer, position) ?? goOn(rows, position, ports)
      if (ended instanceof Promise) waitFor(ended, waiting)
      else resolve(ended)
    },
    (fault: unknown) => resolve(broken(rows, position, fault)),
  )
}

/** Runs stages until one waits or the line ends. */
function goOn(
  rows: readonly Runnable[],
  position: Position,
  ports: LinePorts,
): Ended | Promise<object> {
  try {
    for (let row = rows[position.index]; row; row = rows[position.index]) {
      const answer = row.run(position.proof, ports)
      if (answer instanceof Promise) return answer
      const refused = accept(answer, position)
      if (refused) return refused
    }
    return { proof: position.proof }
  } catch (fault) {
    return broken(rows, position, fault)
  }
}

/** The proof of a stage moves the walk on; a refusal ends it. */
function accept(answer: object, position: Position): Ended | undefined {
  if (isRefusal(answer)) return { refusal: answer, last: position.proof }
  position.proof = answer
  position.index += 1
  return undefined
}

function broken(rows: readonly Runnable[], { index, proof }: Position, fault: unknown): Ended {
  const stage = rows[index]?.name ?? 'settle'
  if (isUnusable(fault))
    return { refusal: refusal(stage, 'state_unavailable', fault.message), last: proof }
  return { refusal: refusal(stage, 'internal_error'), last: proof, fault }
}
