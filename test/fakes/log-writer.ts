/** A process that appends to the log in the folder it is given until it is killed, and says each receipt that it gets. */
import { writeSync } from 'node:fs'
import { openLog } from '../../src/audit/log.ts'
import { HEAD } from './audit-log.ts'
import { intent, outcome } from './entry-body.ts'

const log = openLog({ dir: process.argv[2] ?? '', head: HEAD })
for (let number = 0; ; number += 1) {
  const id = `c${process.pid}-${number}`
  for (const body of [intent({ id, args: { number } }), outcome(id)]) {
    const { seq, leaf } = await log.append(body)
    writeSync(1, `${seq} ${leaf}\n`)
  }
}
