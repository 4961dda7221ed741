/** What `opa build -t wasm` writes: a gzipped tar with `policy.wasm` and `data.json`, or the module alone. */
import { gunzipSync } from 'node:zlib'

export interface Bundle {
  readonly wasm: Uint8Array
  /** Text of `data.json`; empty where there is none. */
  readonly data: string
}

/** Largest bundle unpacked, in bytes. */
const LARGEST = 67_108_864
const BLOCK = 512

/** @throws Error when it is neither a module nor a bundle that holds one */
export function readBundle(bytes: Uint8Array): Bundle {
  if (startsWith(bytes, [0x00, 0x61, 0x73, 0x6d])) return { wasm: bytes, data: '' }
  if (!startsWith(bytes, [0x1f, 0x8b]))
    throw new Error('it is neither a WebAssembly module nor a bundle (.tar.gz)')
  const files = untar(gunzipSync(bytes, { maxOutputLength: LARGEST }))
  const wasm = files.get('policy.wasm')
  if (!wasm) throw new Error('the bundle holds no `policy.wasm`: build it with `opa build -t wasm`')
  const data = files.get('data.json')
  return { wasm, data: data ? new TextDecoder('utf-8', { fatal: true }).decode(data) : '' }
}

function startsWith(bytes: Uint8Array, magic: readonly number[]): boolean {
  return magic.every((byte, index) => bytes[index] === byte)
}

/** Regular files of an ustar archive by their path. Two of one path could be read two ways. */
function untar(archive: Uint8Array): ReadonlyMap<string, Uint8Array> {
  const files = new Map<string, Uint8Array>()
  for (let at = 0; at + BLOCK <= archive.length;) {
    const header = archive.subarray(at, at + BLOCK)
    if (header.every((byte) => byte === 0)) break
    checkSum(header)
    const size = octal(header.subarray(124, 136))
    const body = archive.subarray(at + BLOCK, at + BLOCK + size)
    if (body.length < size) throw new Error('the bundle is cut off')
    const type = String.fromCharCode(header[156] ?? 0)
    if (type === '0' || type === '\0') {
      const prefix = textIn(header.subarray(345, 500))
      const path = `${prefix === '' ? '' : `${prefix}/`}${textIn(header.subarray(0, 100))}`
      const name = path.replace(/^\.?\//, '')
      if (files.has(name)) throw new Error(`the bundle holds \`${name}\` twice`)
      files.set(name, body)
    }
    at += BLOCK + Math.ceil(size / BLOCK) * BLOCK
  }
  return files
}

function checkSum(header: Uint8Array): void {
  const blank = 0x20
  const sum = header.reduce(
    (total, byte, index) => total + (index >= 148 && index < 156 ? blank : byte),
    0,
  )
  if (sum !== octal(header.subarray(148, 156))) throw new Error('the bundle is damaged')
}

function octal(field: Uint8Array): number {
  const digits = /^ *([0-7]+)[ \0]*$/.exec(String.fromCharCode(...field))?.[1]
  if (digits === undefined) throw new Error('the bundle is damaged')
  return Number.parseInt(digits, 8)
}

function textIn(field: Uint8Array): string {
  const end = field.indexOf(0)
  return new TextDecoder().decode(end === -1 ? field : field.subarray(0, end))
}
