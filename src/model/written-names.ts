/**
 * Whether `JSON.parse` read the names of members as they are written. V8 13.6 to 14.6 (Node 24 to 26) does not
 * always: after an object with a name like `\`, it reads a name that is written with an escape as that one
 * (https://github.com/nodejs/node/issues/63785).
 */
import { isList, type Json } from './json.ts'

const QUOTE = 0x22
const BACKSLASH = 0x5c

/** From here on a search by the runtime is faster than a look at every character. */
const NEAR = 48

/** For text that `JSON.parse` has taken for this value. Also false when a member is given twice. */
export function namesAgree(text: string, value: Json): boolean {
  const written = namesWritten(text).toSorted()
  const read: string[] = []
  collectNames(value, read)
  read.sort()
  return written.length === read.length && written.every((name, index) => name === read[index])
}

function namesWritten(text: string): readonly string[] {
  const names: string[] = []
  let last = ''
  for (let at = 0; at < text.length; at += 1) {
    const char = text[at]
    if (char === '"') {
      const close = stringEnd(text, at)
      if (close === -1) return []
      last = text.slice(at, close + 1)
      at = close
    } else if (char === ':') {
      // A string by itself is read right: only names of members are looked up among those seen before.
      const name: unknown = JSON.parse(last)
      if (typeof name === 'string') names.push(name)
    }
  }
  return names
}

function collectNames(value: Json, into: string[]): void {
  if (typeof value !== 'object' || value === null) return
  if (isList(value)) {
    for (const item of value) collectNames(item, into)
    return
  }
  for (const [name, item] of Object.entries(value)) {
    into.push(name)
    collectNames(item, into)
  }
}

/** Where the string that opens at `open` closes, or -1 when it does not. */
export function stringEnd(text: string, open: number): number {
  let at = open + 1
  const near = Math.min(at + NEAR, text.length)
  for (; at < near; at += 1) {
    const code = text.charCodeAt(at)
    if (code === QUOTE) return at
    if (code === BACKSLASH) at += 1
  }
  for (;;) {
    const quote = text.indexOf('"', at)
    if (quote === -1) return -1
    let slash = quote
    while (slash > at && text.charCodeAt(slash - 1) === BACKSLASH) slash -= 1
    if ((quote - slash) % 2 === 0) return quote
    at = quote + 1
  }
}
