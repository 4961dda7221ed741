/** A child's environment: what a program needs to start, and nothing that the guard holds beside it. */
import { describe, expect, it } from 'vitest'
import { childEnvironment } from '../../../src/proxy/upstream/environment.ts'

describe('on POSIX', () => {
  it('what is listed passes, the rest does not', () => {
    const base = {
      PATH: '/bin',
      HOME: '/home/a',
      LC_TIME: 'C',
      TZ: 'UTC',
      AWS_SECRET_ACCESS_KEY: 's',
      GITHUB_TOKEN: 's',
      HTTPS_PROXY: 'http://u:p@h',
      NODE_OPTIONS: '--require x',
      LD_PRELOAD: 'x',
      SSH_AUTH_SOCK: 's',
      CHAPERONE_AGENT: 'a',
      path: 'x',
      EMPTY: undefined,
      LANG: undefined,
    }
    expect(childEnvironment({}, base, 'linux')).toEqual({
      PATH: '/bin',
      HOME: '/home/a',
      LC_TIME: 'C',
      TZ: 'UTC',
    })
  })

  it('the launch line wins, and may name anything', () => {
    expect(childEnvironment({ PATH: '/own', API_KEY: 'k' }, { PATH: '/bin' }, 'linux')).toEqual({
      PATH: '/own',
      API_KEY: 'k',
    })
  })

  it('a shell function in a listed name does not pass', () => {
    expect(childEnvironment({}, { TERM: '() { :;}; id' }, 'linux')).toEqual({})
  })
})

describe('on Windows', () => {
  it('names are compared without case, and given once', () => {
    expect(
      childEnvironment({ PATH: 'own' }, { Path: 'C:', SystemRoot: 'C:\\W', Secret: 's' }, 'win32'),
    ).toEqual({ PATH: 'own', SystemRoot: 'C:\\W' })
  })
})
