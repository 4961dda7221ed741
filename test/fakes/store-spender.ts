/** A process that takes from one budget until it is exhausted, and says how often it could. */
import { writeSync } from 'node:fs'
import { systemClock } from '../../src/config/system.ts'
import { callId, instant } from '../../src/model/id.ts'
import { openStore } from '../../src/state/sqlite.ts'

const [path = '', limit = '', amount = '1'] = process.argv.slice(2)
const store = openStore({ path, clock: systemClock })
const debits = [
  { budget: 'b', key: 'k', amount: Number(amount), limit: Number(limit), from: instant(0) },
]
let taken = 0
for (let call = 0; ; call += 1) {
  const found = store.hold({ call: callId(`c${call}`), at: systemClock.now(), debits })
  if (!('held' in found)) break
  // Some of it is given back: others may take it.
  if (call % 10 === 9) store.release(found.held)
  else {
    store.settle(found.held)
    taken += 1
  }
}
writeSync(1, `${taken}\n`)
store.close()
