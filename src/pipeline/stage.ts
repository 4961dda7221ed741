/**
 * What a stage is, and how stages are joined: a stage takes the proof of the stage before it and returns its
 * own, so calling one early does not compile. There is no `next()` and nothing reorders the line.
 */
import type { DenyReason } from '../model/decision.ts'
import { isRefusal, refusal, type Refusal, type StageName } from '../model/verdict.ts'
import type { LinePorts } from './port.ts'

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
      advance(runnable, 0, input as object, ports) as Walk<In, Out> | Promise<Walk<In, Out>>,
  }
}

/** One stage after the other; a fault is caught here, once, and becomes the refusal of the stage that broke. */
function advance(
  rows: readonly Runnable[],
  from: number,
  start: object,
  ports: LinePorts,
): Walk<object, object> | Promise<Walk<object, object>> {
  let proof = start
  for (let index = from; index < rows.length; index += 1) {
    const row = rows[index]
    if (!row) break
    let answer: object | Promise<object>
    try {
      answer = row.run(proof, ports)
    } catch (fault) {
      return broken(row.name, proof, fault)
    }
    if (answer instanceof Promise) return later(answer, { rows, index, proof }, ports)
    if (isRefusal(answer)) return { refusal: answer, last: proof }
    proof = answer
  }
  return { proof }
}

interface Position {
  readonly rows: readonly Runnable[]
  readonly index: number
  readonly proof: object
}

async function later(
  pending: Promise<object>,
  { rows, index, proof }: Position,
  ports: LinePorts,
): Promise<Walk<object, object>> {
  let answer: object
  try {
    answer = await pending
  } catch (fault) {
    return broken(rows[index]?.name ?? 'admit', proof, fault)
  }
  return isRefusal(answer)
    ? { refusal: answer, last: proof }
    : advance(rows, index + 1, answer, ports)
}

function broken(stage: StageName, last: object, fault: unknown): Walk<object, object> {
  return { refusal: refusal(stage, 'internal_error'), last, fault }
}
