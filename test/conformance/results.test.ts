import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { GAVE_UP, readResults } from './results.ts'

let folder: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'conformance-results-'))
})
afterEach(() => {
  rmSync(folder, { recursive: true, force: true })
})

function write(name: string, content: string, file = 'checks.json'): void {
  mkdirSync(join(folder, name), { recursive: true })
  writeFileSync(join(folder, name, file), content)
}

const CHECK = { id: 'ping', name: 'Ping', status: 'SUCCESS', timestamp: 'then', details: {} }

describe('the result files of the suite', () => {
  it('are read by scenario, without the moment of the run', () => {
    write('server-ping-2026-11-27T20-09-18-594Z', JSON.stringify([CHECK]))
    write('server-server-initialize-2026-11-27T20-09-19-000Z', '[]')
    const results = readResults(folder, 'server')
    expect([...results.keys()].toSorted()).toEqual(['ping', 'server-initialize'])
    expect(results.get('ping')).toEqual([{ id: 'ping', name: 'Ping', status: 'SUCCESS', why: '' }])
  })

  it('of scenarios with a slash lie deeper', () => {
    const failed = { ...CHECK, status: 'FAILURE', errorMessage: 'no answer' }
    write('auth/basic-cimd-2026-11-27T20-09-18-594Z', JSON.stringify([failed]))
    const results = readResults(folder, 'client')
    expect(results.get('auth/basic-cimd')?.[0]).toMatchObject({
      status: 'FAILURE',
      why: 'no answer',
    })
  })

  it('tell of a client that gave up', () => {
    const [well, badly] = ['one-2026-11-27T20-09-18-594Z', 'two-2026-11-27T20-09-18-594Z']
    write(well, JSON.stringify([CHECK]))
    write(well, 'a guard said this\n', 'stderr.txt')
    write(badly, JSON.stringify([CHECK]))
    write(badly, 'a guard said this\nclient: no such tool\n', 'stderr.txt')
    const results = readResults(folder, 'client')
    expect(results.get('one')).toHaveLength(1)
    expect(results.get('two')?.[1]).toMatchObject({
      id: GAVE_UP,
      status: 'INFO',
      why: 'no such tool',
    })
  })

  it('are not there where a scenario did not run to its end', () => {
    mkdirSync(join(folder, 'server-ping-2026-11-27T20-09-18-594Z'))
    expect(readResults(folder, 'server').size).toBe(0)
    expect(readResults(join(folder, 'nowhere'), 'server').size).toBe(0)
  })

  it.each([
    ['no JSON', 'nothing', 'not valid JSON'],
    ['no list', '{}', 'holds no list'],
    ['a check without a name', '[{"id":"ping","status":"SUCCESS"}]', 'is no check'],
    ['a status of no known kind', '[{"id":"a","name":"A","status":"PASSED"}]', 'is no check'],
  ])('are refused with %s in them', (_what, content, why) => {
    write('server-ping-2026-11-27T20-09-18-594Z', content)
    expect(() => readResults(folder, 'server')).toThrow(why)
  })

  it('are refused where a scenario was run twice', () => {
    write('server-ping-2026-11-27T20-09-18-594Z', '[]')
    write('server-ping-2026-11-27T20-09-20-000Z', '[]')
    expect(() => readResults(folder, 'server')).toThrow('run twice')
  })
})
