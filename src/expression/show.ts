/** Values as an explanation shows them: cut short, with nothing invisible in them and no secrets. */
import { isList, isObject, type Json, type JsonObject } from '../model/json.ts'
import { isSecretName } from '../model/secret-name.ts'

/** Longest text shown, in UTF-16 code units. */
export const MAX_SHOWN = 120

/** Stands for the value of what is named like a secret. */
const WITHHELD = '(withheld)'
const INVISIBLE =
  /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\p{Noncharacter_Code_Point}]/gu

/** A value in JSON. `name` is what it is called; a path's last part decides whether it is a secret. */
export function shown(value: Json, name: string): string {
  const last = name.slice(Math.max(name.lastIndexOf('.'), name.lastIndexOf('/')) + 1)
  return isSecretName(last) ? WITHHELD : shownText(write(value, MAX_SHOWN))
}

/** A text with its invisible characters escaped, cut to what is shown. */
export function shownText(text: string): string {
  const visible = text.slice(0, MAX_SHOWN + 1).replaceAll(INVISIBLE, escape)
  return visible.length <= MAX_SHOWN ? visible : `${cut(visible, MAX_SHOWN - 1)}…`
}

function escape(character: string): string {
  const code = character.codePointAt(0) ?? 0
  return code > 0xff_ff ? `\\u{${code.toString(16)}}` : `\\u${code.toString(16).padStart(4, '0')}`
}

/** Cuts without leaving half a surrogate pair. */
function cut(text: string, length: number): string {
  const last = text.charCodeAt(length - 1)
  return text.slice(0, last >= 0xd8_00 && last <= 0xdb_ff ? length - 1 : length)
}

/** JSON, but it stops once the room is used up: an argument may be megabytes long. */
function write(value: Json, room: number): string {
  if (room <= 0) return '…'
  if (typeof value === 'string') return JSON.stringify(value.slice(0, room))
  if (isList(value)) return writeList(value, room)
  return isObject(value) ? writeObject(value, room) : JSON.stringify(value)
}

function writeList(list: readonly Json[], room: number): string {
  let text = '['
  for (const item of list) {
    if (text.length > room) break
    text += `${text === '[' ? '' : ', '}${write(item, room - text.length)}`
  }
  return `${text}]`
}

function writeObject(object: JsonObject, room: number): string {
  let text = '{'
  for (const [key, item] of Object.entries(object)) {
    if (text.length > room) break
    const value = isSecretName(key) ? WITHHELD : write(item, room - text.length)
    text += `${text === '{' ? '' : ', '}${JSON.stringify(key.slice(0, room))}: ${value}`
  }
  return `${text}}`
}
