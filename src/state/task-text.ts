/** What happened in a task, as a text: JSON, in which there is nothing of an argument but its name and hashes. */
import { isList, isObject, type Json } from '../model/json.ts'
import type { WrittenTally } from './tally.ts'
import type { Noted, Task, WrittenTask } from './task.ts'
import type { Kept, WrittenValues } from './values.ts'

export type TaskEvent =
  | { readonly kind: 'label'; readonly labels: readonly string[] }
  /** It was let out, and was taken back as nothing left. */
  | { readonly kind: 'call' | 'back'; readonly noted: Noted }
  | { readonly kind: 'done'; readonly noted: Omit<Noted, 'args'> }

export function happen(task: Task, event: TaskEvent): void {
  if (event.kind === 'label') task.label(event.labels)
  else if (event.kind === 'call') task.add(event.noted)
  else if (event.kind === 'back') task.remove(event.noted)
  else task.complete(event.noted)
}

export function eventText(event: TaskEvent): string {
  if (event.kind === 'label') return JSON.stringify([event.kind, event.labels])
  const { server, name, at } = event.noted
  const head = [event.kind, server, name, at]
  if (event.kind === 'done') return JSON.stringify(head)
  const args = [...event.noted.args].map(([arg, { misses, words }]) => [arg, misses, words])
  return JSON.stringify([...head, args])
}

/** @throws TypeError or SyntaxError where it is the text of none */
export function eventIn(text: string): TaskEvent {
  const [kind, ...rest] = listOf(JSON.parse(text))
  if (kind === 'label') return { kind, labels: listOf(rest[0]).map(textOf) }
  const noted = { server: textOf(rest[0]), name: textOf(rest[1]), at: countOf(rest[2]) }
  if (kind === 'done') return { kind, noted }
  if (kind !== 'call' && kind !== 'back') throw wrong()
  return { kind, noted: { ...noted, args: new Map(listOf(rest[3]).map(argIn)) } }
}

function argIn(value: Json): [string, Kept] {
  const [arg, misses, words] = listOf(value)
  return [textOf(arg), { misses: countOf(misses), words: listOf(words).map(textOf) }]
}

export function writtenText({ values, ...rest }: WrittenTask): string {
  return JSON.stringify({ ...rest, values: [...values] })
}

/** @throws TypeError or SyntaxError where it is the text of none */
export function writtenIn(text: string): WrittenTask {
  const { labels, lost, tools, values } = objectOf(JSON.parse(text))
  return {
    labels: listOf(labels).map(textOf),
    lost: flagOf(lost),
    tools: listOf(tools).map((value) => {
      const { server, name, calls, completed } = objectOf(value)
      return {
        server: textOf(server),
        name: textOf(name),
        calls: tallyIn(calls),
        completed: tallyIn(completed),
      }
    }),
    values: new Map(listOf(values).map(valuesIn)),
  }
}

function tallyIn(value: Json | undefined): WrittenTally {
  const { times, total, forgottenTo } = objectOf(value)
  return {
    times: listOf(times).map(countOf),
    total: countOf(total),
    ...(forgottenTo !== undefined && { forgottenTo: countOf(forgottenTo) }),
  }
}

function valuesIn(value: Json): [string, WrittenValues] {
  const [key, written] = listOf(value)
  const { seen, lost, opaque } = objectOf(written)
  const pairs = listOf(seen).map((one): readonly [string, number] => {
    const [word, times] = listOf(one)
    return [textOf(word), countOf(times)]
  })
  return [textOf(key), { seen: pairs, lost: flagOf(lost), opaque: countOf(opaque) }]
}

function listOf(value: unknown): readonly Json[] {
  if (isList(value)) return value
  throw wrong()
}

function objectOf(value: unknown): Readonly<Record<string, Json | undefined>> {
  if (isObject(value)) return value
  throw wrong()
}

function textOf(value: Json | undefined): string {
  if (typeof value === 'string') return value
  throw wrong()
}

function countOf(value: Json | undefined): number {
  if (typeof value === 'number' && Number.isSafeInteger(value)) return value
  throw wrong()
}

function flagOf(value: Json | undefined): boolean {
  if (typeof value === 'boolean') return value
  throw wrong()
}

function wrong(): TypeError {
  return new TypeError('what happened in a task is not of its form')
}
