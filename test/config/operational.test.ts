import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { operationalLog } from '../../src/config/operational.ts'

test('what would act on a terminal is written as JSON escapes it, and reads back as it was', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'chaperone-log-'))
  const file = join(folder, 'guard.log')
  try {
    const log = operationalLog({ level: 'info', file })
    const name = 'bad\u009b31m\u202e\u200b\u{e0073}'
    log.warn({ name }, 'a tool is hidden')
    await log.close()
    const text = readFileSync(file, 'utf8')
    expect(text).toMatch(/^[ -~]*\n$/)
    expect(JSON.parse(text)).toMatchObject({ name, msg: 'a tool is hidden', level: 40 })
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test.skipIf(!existsSync('/proc/self'))(
  'a file where no folder can be made is refused at once (needs /proc)',
  () => {
    const file = '/proc/chaperone/none/guard.log'
    const open = (): unknown => operationalLog({ level: 'info', file })
    expect(open).toThrow(expect.objectContaining({ code: 'ERR_LOG_FILE' }))
    expect(open).toThrow(file)
  },
)

// A device that is always full exists on Linux.
test.skipIf(!existsSync('/dev/full'))(
  'a full disk loses lines, and neither ends the guard nor keeps it from ending (needs /dev/full)',
  async () => {
    const log = operationalLog({ level: 'info', file: '/dev/full' })
    log.info({}, 'lost')
    await new Promise((resolve) => setImmediate(resolve))
    log.error({}, 'lost as well')
    await expect(log.close()).resolves.toBeUndefined()
  },
)
