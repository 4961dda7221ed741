/** A process that takes a log of the state folder it is given, says which, and holds it until it is killed. */
import { writeSync } from 'node:fs'
import { openRecord } from '../../src/cli/record.ts'
import { readSettings } from '../../src/config/settings.ts'
import { event } from './entry-body.ts'

const settings = readSettings({ 'state-dir': process.argv[2] }, {}, '/')
const { log, logName } = openRecord(settings, { env: {} })
await log.append(event())
writeSync(1, `${logName} \n`)
setInterval(() => undefined, 1000)
