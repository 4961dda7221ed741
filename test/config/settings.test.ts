import { describe, expect, test } from 'vitest'
import { readServeSettings, readSettings, type SettingFlags } from '../../src/config/settings.ts'
import { GuardError } from '../../src/model/error.ts'

function refused(flags: SettingFlags, env: Record<string, string> = {}): string {
  try {
    readSettings(flags, env, '/desk')
  } catch (error) {
    if (error instanceof GuardError && error.code === 'ERR_USAGE') return error.message
    throw error
  }
  return ''
}

test('everything but the agent has a default', () => {
  expect(readSettings({}, {}, '/desk')).toEqual({
    environment: 'dev',
    risk: 'normal',
    audit: {},
    startTimeoutMs: 20_000,
    callTimeoutMs: 60_000,
    maxResultBytes: 16_777_216,
    logLevel: 'info',
    capture: 'none',
    task: 'default',
    webhooks: new Map(),
    allowWritable: [],
  })
})

test('reads the environment, and the launch line wins over it', () => {
  const env = {
    CHAPERONE_AGENT: 'from-env',
    CHAPERONE_ENVIRONMENT: 'staging',
    CHAPERONE_STATE_DIR: '/state',
    CHAPERONE_CALL_TIMEOUT: '5',
    CHAPERONE_TASK: 'q4',
  }
  expect(readSettings({}, env, '/desk')).toMatchObject({
    agent: 'from-env',
    environment: 'staging',
    stateDir: '/state',
    callTimeoutMs: 5000,
    task: 'q4',
  })
  const flags = { agent: 'from-flag', task: 'q5', environment: 'prod', 'call-timeout': '2m' }
  expect(readSettings(flags, env, '/desk')).toMatchObject({
    agent: 'from-flag',
    task: 'q5',
    environment: 'prod',
    callTimeoutMs: 120_000,
  })
})

test('takes relative paths from the folder it was started in', () => {
  const flags = { 'log-file': 'guard.log', 'state-dir': '../s', 'allow-writable': ['m.yaml', '/x'] }
  expect(readSettings(flags, {}, '/desk/project')).toMatchObject({
    logFile: '/desk/project/guard.log',
    stateDir: '/desk/s',
    allowWritable: ['/desk/project/m.yaml', '/x'],
  })
})

test.each([
  [{ agent: '' }, '--agent has no value (leave it out, or say one)'],
  [{ agent: 'two words' }, '--agent is no agent name (up to 128 characters without spaces)'],
  [{ task: 'two words' }, '--task is no task name (up to 128 characters without spaces)'],
  [{ agent: 'x\u001b[31m' }, '--agent is no agent name (up to 128 characters without spaces)'],
  [
    { environment: 'prd' },
    '--environment is `prd` (expected one of dev, test, staging, prod, did you mean `prod`?)',
  ],
  [
    { 'start-timeout': '0' },
    '--start-timeout is `0` (expected a time such as 20s or 2m, at most 24h)',
  ],
  [
    { 'call-timeout': '-1' },
    '--call-timeout is `-1` (expected a time such as 20s or 2m, at most 24h)',
  ],
  [
    { 'call-timeout': '99d' },
    '--call-timeout is `99d` (expected a time such as 20s or 2m, at most 24h)',
  ],
  [
    { 'max-result': 'lots' },
    '--max-result is `lots` (expected a size such as 16MiB, 1KiB to 1GiB)',
  ],
  [
    { 'max-result': '2GiB' },
    '--max-result is `2GiB` (expected a size such as 16MiB, 1KiB to 1GiB)',
  ],
  [
    { 'log-level': 'trace' },
    '--log-level is `trace` (expected one of debug, info, warn, error, silent)',
  ],
])('refuses %j', (flags, message) => {
  expect(refused(flags)).toBe(message)
})

test('names the variable when the value came from there, and refuses an empty one', () => {
  expect(refused({}, { CHAPERONE_ENVIRONMENT: 'live' })).toMatch(/^CHAPERONE_ENVIRONMENT is `live`/)
  expect(refused({}, { CHAPERONE_AGENT: '' })).toMatch(/^CHAPERONE_AGENT has no value/)
})

test('reads sizes', () => {
  expect(readSettings({ 'max-result': '512KiB' }, {}, '/').maxResultBytes).toBe(524_288)
  expect(readSettings({ 'max-result': '4096' }, {}, '/').maxResultBytes).toBe(4096)
})

describe('how to listen', () => {
  test('has a default for what nobody says, and the launch line wins', () => {
    expect(readServeSettings({}, {})).toEqual({ sessionIdleMs: 1_800_000 })
    const env = { CHAPERONE_HOST: '::1', CHAPERONE_PORT: '1', CHAPERONE_SESSION_IDLE: '5m' }
    expect(readServeSettings({ port: '0', 'max-sessions': '7' }, env)).toEqual({
      host: '::1',
      port: 0,
      maxSessions: 7,
      sessionIdleMs: 300_000,
    })
  })

  test.each([
    [{ port: '65536' }, '--port is `65536` (expected a number from 0 to 65535)'],
    [{ port: '-1' }, '--port is `-1` (expected a number from 0 to 65535)'],
    [{ port: '8931x' }, '--port is `8931x` (expected a number from 0 to 65535)'],
    [{ port: '' }, '--port has no value (leave it out, or say one)'],
    [{ host: 'a b' }, '--host is `a b` (expected an address such as 127.0.0.1 or ::1)'],
    [{ 'max-sessions': '0' }, '--max-sessions is `0` (expected a number from 1 to 100000)'],
    [
      { 'session-idle': 'soon' },
      '--session-idle is `soon` (expected a time such as 20s or 2m, at most 24h)',
    ],
  ])('%j is refused', (flags, message) => {
    expect(() => readServeSettings(flags, {})).toThrow(new GuardError('ERR_USAGE', message))
  })
})
