import { EventEmitter } from 'node:events'
import { expect, test } from 'vitest'
import { listenTo, type Signalled } from '../../src/cli/signals.ts'

function fakeProcess() {
  const exits: number[] = []
  const emitter = new EventEmitter()
  const process: Signalled = {
    on: (signal, listener) => emitter.on(signal, listener),
    exit: (code) => void exits.push(code),
  }
  return { ...listenTo(process), exits, send: (signal: string) => emitter.emit(signal) }
}

test.each(['SIGINT', 'SIGTERM', 'SIGHUP'])(
  '%s asks to stop; a third one ends the process',
  (signal) => {
    const { stopping, exits, send } = fakeProcess()
    expect(stopping.signal.aborted).toBe(false)
    send(signal)
    expect(stopping.signal.reason).toBe(signal)
    send(signal)
    expect(exits).toEqual([])
    send(signal)
    expect(exits).toEqual([130])
  },
)

test('SIGHUP asks to look again while somebody listens, and to stop when nobody does any more', () => {
  const { stopping, onHangup, exits, send } = fakeProcess()
  let looks = 0
  const unhook = onHangup(() => {
    looks += 1
  })
  for (let count = 0; count < 5; count += 1) send('SIGHUP')
  expect([looks, stopping.signal.aborted, exits]).toEqual([5, false, []])
  unhook()
  send('SIGHUP')
  expect([looks, stopping.signal.reason]).toEqual([5, 'SIGHUP'])
})

test('what it was asked to look at changes nothing about being stopped', () => {
  const { stopping, onHangup, send } = fakeProcess()
  onHangup(() => undefined)
  send('SIGHUP')
  send('SIGTERM')
  expect(stopping.signal.reason).toBe('SIGTERM')
})
