/** G44: those who send a byte a second, those who never stop sending, and those who never read. */
import { connect, type Socket } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { tallyOf, type Facts, type Scene } from './scene.ts'
import { openSession } from './client.ts'
import { headText, requestText } from './request.ts'

/** A socket by itself: nothing is read from it unless `heard` asks for it. */
interface Stranger {
  readonly socket: Socket
  readonly began: number
  /** When the target ended it, ms after it began. */
  cutMs: number | undefined
  said: string
}

function stranger(port: number, reads: boolean): Stranger {
  const socket = connect({ host: '127.0.0.1', port, noDelay: true })
  const one: Stranger = { socket, began: performance.now(), cutMs: undefined, said: '' }
  const cut = (): void => {
    one.cutMs ??= performance.now() - one.began
    socket.destroy()
  }
  socket.on('error', cut)
  socket.on('close', cut)
  socket.on('end', cut)
  if (reads) {
    socket.setEncoding('latin1')
    socket.on('data', (text: string) => {
      one.said = (one.said + text).slice(0, 200)
    })
  }
  return one
}

/** Before the strangers are let go: whoever was cut then was cut by the target. */
function outcome(strangers: readonly Stranger[]): Facts {
  const cuts = strangers.flatMap(({ cutMs }) => (cutMs === undefined ? [] : [cutMs]))
  const told = strangers.filter(({ said }) => /^HTTP\/1\.1 4\d\d/.test(said)).length
  const first = cuts.length === 0 ? {} : { 'first cut after ms': Math.round(Math.min(...cuts)) }
  return { connections: strangers.length, cut: cuts.length, 'told why': told, ...first }
}

function letGo(strangers: readonly Stranger[]): void {
  for (const { socket } of strangers) socket.destroy()
}

/** One byte a second on each connection: of the headers, or, after whole headers, of the body. */
export async function slowSenders(
  { port, plan }: Scene,
  { whole }: { readonly whole: boolean },
): Promise<Facts> {
  const speaker = await openSession({ port, era: 'legacy' })
  const head = `${headText(speaker, 'tools/call')}1000000\r\n\r\n`
  const strangers = Array.from({ length: plan.connections }, () => stranger(port, true))
  for (const { socket } of strangers) {
    socket.write(whole ? head : `POST /mcp HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\nx-slow: `)
  }
  const until = performance.now() + plan.slowMs
  while (performance.now() < until) {
    await pause(Math.min(1_000, plan.slowMs))
    for (const { socket } of strangers) if (!socket.destroyed) socket.write('a')
  }
  const facts = outcome(strangers)
  letGo(strangers)
  return facts
}

const PIECE = 'a'.repeat(1 << 16)
/** On one connection, never more than this. */
const ENDLESS_BYTES = 64 * 1024 * 1024

/** Chunk after chunk of one string within a call, as fast as they are taken. */
export async function endlessBodies({ port, plan }: Scene): Promise<Facts> {
  const speaker = await openSession({ port, era: 'legacy' })
  const strangers = Array.from({ length: 4 }, () => stranger(port, true))
  let bytes = 0
  const send = ({ socket }: Stranger, left: number): void => {
    let rest = left
    while (rest > 0 && !socket.destroyed) {
      const room = socket.write(`${PIECE.length.toString(16)}\r\n${PIECE}\r\n`)
      rest -= PIECE.length
      bytes += PIECE.length
      if (!room) {
        socket.once('drain', () => send({ socket } as Stranger, rest))
        return
      }
    }
  }
  const head = headText(speaker, 'tools/call').replace(/content-length: $/, '')
  const opening =
    '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"approve","arguments":{"note":"'
  for (const one of strangers) {
    one.socket.write(
      `${head}transfer-encoding: chunked\r\n\r\n${opening.length.toString(16)}\r\n${opening}\r\n`,
    )
    send(one, ENDLESS_BYTES)
  }
  await pause(plan.slowMs)
  const facts = { ...outcome(strangers), 'MB sent': Math.round(bytes / 1_000_000) }
  letGo(strangers)
  return facts
}

/** Each asks for far more than any buffer holds and never reads a byte of it. */
export async function unreadAnswers(scene: Scene): Promise<Facts> {
  const { port, plan } = scene
  const speaker = await openSession({ port, era: 'legacy' })
  const strangers = Array.from({ length: 32 }, () => stranger(port, false))
  for (const [index, { socket }] of strangers.entries()) {
    socket.pause()
    socket.write(requestText(speaker, index + 1, 'tools/call', { name: 'read_pour' }))
  }
  await pause(plan.slowMs)
  const { pouredBytes = 0, abandoned = 0 } = await tallyOf(scene)
  const facts = {
    readers: strangers.length,
    'MB poured': Math.round(pouredBytes / 1_000_000),
    'given up upstream': abandoned,
  }
  letGo(strangers)
  return facts
}
