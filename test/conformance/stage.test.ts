import { createConnection, type Socket } from 'node:net'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Stage, type Ending } from './stage.ts'

let stage: Stage
let played: Map<string, (ending: Ending) => void>
let arrived: (name: string) => void
const sockets: Socket[] = []

beforeEach(async () => {
  played = new Map()
  arrived = () => undefined
  stage = await Stage.open(2, ({ name }) => {
    arrived(name)
    return new Promise((resolve) => played.set(name, resolve))
  })
})
afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy()
  stage.close()
})

/** A messenger by hand: `answer` resolves with all that the stage says to it. */
async function bring(
  name: string,
): Promise<{ readonly socket: Socket; readonly answer: Promise<string> }> {
  const socket = createConnection({ host: '127.0.0.1', port: stage.port })
  sockets.push(socket)
  const answer = new Promise<string>((resolve) => {
    let text = ''
    socket.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk
    })
    socket.once('close', () => resolve(text))
  })
  await new Promise<void>((resolve) => socket.once('connect', resolve))
  socket.write(
    `${JSON.stringify({ name, url: 'http://127.0.0.1:1/mcp', revision: '', context: {} })}\n`,
  )
  return { socket, answer }
}

/** Brings it and waits until it is being played. */
async function play(name: string): ReturnType<typeof bring> {
  const begun = beginning(name)
  const brought = await bring(name)
  await begun
  return brought
}

function beginning(name: string): Promise<void> {
  return new Promise((resolve) => {
    arrived = (begun) => {
      if (begun === name) resolve()
    }
  })
}

function end(name: string, code = 0): void {
  played.get(name)?.({ code, said: `${name} ended` })
}

describe('the stage', () => {
  it('tells the messenger how its scenario ended', async () => {
    const { answer } = await play('one')
    end('one', 7)
    expect(JSON.parse(await answer)).toEqual({ code: 7, said: 'one ended' })
  })

  it('plays so many at once, and the next when one has ended', async () => {
    await play('one')
    await play('two')
    const third = await bring('three')
    expect([...played.keys()]).toEqual(['one', 'two'])
    const begun = beginning('three')
    end('one')
    await begun
    end('three')
    expect(JSON.parse(await third.answer)).toMatchObject({ code: 0 })
  })

  it('sends away who waits when it closes', async () => {
    const { answer } = await play('one')
    stage.close()
    expect(await answer).toBe('')
  })
})
