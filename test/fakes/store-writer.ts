/** A process that writes to a store, a little in every turn of the event loop, and says how large its log of writes became. */
import { statSync, writeSync } from 'node:fs'
import { setImmediate } from 'node:timers/promises'
import { systemClock } from '../../src/config/system.ts'
import { callId, instant } from '../../src/model/id.ts'
import { openStore } from '../../src/state/sqlite.ts'

const [path = '', times = ''] = process.argv.slice(2)
const store = openStore({ path, clock: systemClock })
let largest = 0
for (let call = 0; call < Number(times); call += 1) {
  const debits = [{ budget: 'b', key: 'k', amount: 1, limit: 1_000_000, from: instant(0) }]
  const found = store.hold({ call: callId(`c${call}`), at: systemClock.now(), debits })
  if ('held' in found) store.settle(found.held)
  largest = Math.max(largest, statSync(`${path}-wal`).size)
  if (call % 10 === 0) await setImmediate()
}
// It is not closed: neither it nor its thread keeps the process.
writeSync(1, String(largest))
