/**
 * An upstream that does as it is told, on raw JSON lines: what it lists and answers is text from its configuration, byte
 * for byte, and the tool `puppet` runs the steps it is called with. Everything it receives is kept in a file.
 */
import { appendFileSync, readFileSync, writeSync } from 'node:fs'
import { fileExists } from './file.ts'
import type { PuppetConfig, Step } from './step.ts'

interface Message {
  readonly id?: string | number
  readonly method?: string
  readonly params?: {
    readonly name?: string
    readonly uri?: string
    readonly arguments?: { readonly steps?: readonly Step[] }
    readonly [member: string]: unknown
  }
}

const config = JSON.parse(readFileSync(process.argv[2] ?? '', 'utf8')) as PuppetConfig
const eras = config.eras ?? ['legacy', 'modern']
const capabilities = config.capabilities ?? { tools: {} }
const results = new Map(Object.entries(config.results ?? {}))
const steps = new Map(Object.entries(config.on ?? {}))

/** Messages that nobody waited for yet, and those who wait. */
const heard: Message[] = []
let listeners: ((message: Message) => boolean)[] = []

function write(text: string | Uint8Array): void {
  const bytes = Buffer.from(text)
  let at = 0
  while (at < bytes.length) {
    try {
      at += writeSync(1, bytes, at)
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? error.code : undefined
      // The pipe is full: its reader is slow, and this process has nothing else to do.
      if (code === 'EAGAIN') Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1)
      else if (code === 'EPIPE') process.exit(0)
      else throw error
    }
  }
}

function until(wanted: (message: Message) => boolean): Promise<Message> {
  const at = heard.findIndex(wanted)
  if (at !== -1) return Promise.resolve(heard.splice(at, 1)[0] ?? {})
  return new Promise((resolve) => {
    listeners.push((message) => {
      if (!wanted(message)) return false
      resolve(message)
      return true
    })
  })
}

/** What the placeholders of one call stand for. */
interface Filling {
  readonly message: Message
  answer: string
}

function filled(text: string, { message, answer }: Filling): string {
  const meta = message.params?.['_meta'] as { readonly progressToken?: unknown } | undefined
  const token = meta?.progressToken
  return text
    .replaceAll('$ID', () => JSON.stringify(message.id ?? null))
    .replaceAll('$TOKEN', () => JSON.stringify(token ?? null))
    .replaceAll('$PARAMS', () => JSON.stringify(JSON.stringify(message.params ?? null)))
    .replaceAll('$ANSWER', () => JSON.stringify(answer))
}

async function run(list: readonly Step[], filling: Filling): Promise<void> {
  for (const step of list) {
    if ('write' in step) write(`${filled(step.write, filling)}\n`)
    else if ('asks' in step) {
      const brings = filling.message.params?.['inputResponses'] !== undefined
      write(`${filled(brings ? step.done : step.asks, filling)}\n`)
    } else if ('bytes' in step) write(Buffer.from(step.bytes, 'base64'))
    else if ('repeat' in step) write(step.repeat.repeat(step.times))
    else if ('stderr' in step) writeSync(2, step.stderr.repeat(step.times ?? 1))
    else if ('exit' in step) process.exit(step.exit)
    else if ('heard' in step) await until(({ method }) => method === step.heard)
    else if ('file' in step) await fileExists(step.file)
    else if ('answered' in step) {
      const answer = await until(({ id, method }) => method === undefined && id === step.answered)
      filling.answer = JSON.stringify(answer)
    } else results.set(step.serve, step.result)
  }
}

function reply(message: Message, result: string): void {
  write(`{"jsonrpc":"2.0","id":${JSON.stringify(message.id)},"result":${result}}\n`)
}

function refuse(message: Message): void {
  const error = '{"code":-32601,"message":"Method not found"}'
  write(`{"jsonrpc":"2.0","id":${JSON.stringify(message.id)},"error":${error}}\n`)
}

function opening(message: Message): string | undefined {
  const declared = JSON.stringify(capabilities)
  if (message.method === 'initialize' && eras.includes('legacy')) {
    return `{"protocolVersion":"2025-11-25","capabilities":${declared},"serverInfo":{"name":"puppet","version":"1"}}`
  }
  if (message.method === 'server/discover' && eras.includes('modern')) {
    return `{"resultType":"complete","supportedVersions":["2026-07-28"],"capabilities":${declared},"ttlMs":0,"cacheScope":"private"}`
  }
  return undefined
}

function receive(message: Message): void {
  const { method, params } = message
  const waiting = listeners.findIndex((listener) => listener(message))
  if (waiting === -1) heard.push(message)
  else listeners = listeners.toSpliced(waiting, 1)
  if (method === undefined || message.id === undefined) return
  const keys = [`${method} ${params?.name ?? params?.uri ?? ''}`, method]
  const told =
    keys[0] === 'tools/call puppet'
      ? (params?.arguments?.steps ?? [])
      : keys.map((key) => steps.get(key)).find((found) => found !== undefined)
  if (told) {
    void run(told, { message, answer: 'null' })
    return
  }
  const result = opening(message) ?? keys.map((key) => results.get(key)).find((text) => text)
  if (result !== undefined) reply(message, filled(result, { message, answer: 'null' }))
  else if (method === 'ping') reply(message, '{}')
  else refuse(message)
}

await run(config.start ?? [], { message: {}, answer: 'null' })
let rest = Buffer.alloc(0)
process.stdin.on('data', (chunk: Buffer) => {
  let bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
  for (let end = bytes.indexOf(10); end !== -1; end = bytes.indexOf(10)) {
    const line = bytes.subarray(0, end)
    bytes = bytes.subarray(end + 1)
    if (config.received !== undefined)
      appendFileSync(config.received, Buffer.concat([line, Buffer.from('\n')]))
    receive(JSON.parse(line.toString('utf8')) as Message)
  }
  rest = Buffer.from(bytes)
})
if (config.stubborn === true) {
  process.on('SIGTERM', () => undefined)
  process.stdin.on('end', () => writeSync(2, 'stays\n'))
  setInterval(() => undefined, 60_000)
} else process.stdin.on('end', () => process.exit(0))
