/** The commands `login` and `logout` around what they do: which upstream, what is said, which exit code. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { browserLine, openBrowser } from '../../src/cli/browser.ts'
import { loginCommand } from '../../src/cli/login.ts'
import { logoutCommand } from '../../src/cli/logout.ts'
import { main } from '../../src/cli/main.ts'
import type { logInAt, LoginOutcome, LogoutOutcome } from '../../src/guard.ts'
import { GuardError } from '../../src/model/error.ts'
import { type Desk, desk } from './desk.fake.ts'

let here: Desk
beforeEach(() => {
  here = desk({ BROKEN: '' })
  write({
    tracker: { url: 'https://tracker.example/mcp', oauth: { scopes: ['read'] } },
    files: { command: 'file-server' },
    own: { url: 'https://own.example/mcp', headers: { authorization: 'Bearer ${BROKEN:-x}' } },
    bad: { url: 'https://bad.example/mcp', headers: { 'X-Key': '${NOT_SET}' } },
  })
})
afterEach(() => here.remove())

function write(servers: object): void {
  here.write('mcp.json', JSON.stringify({ mcpServers: servers }))
}

const LOGIN = {
  id: 'one',
  issuer: 'https://auth.example',
  clientId: 'c',
  scopes: ['read', 'write'],
  accessToken: 'the-access-token',
  refreshToken: 'the-refresh-token',
  obtainedAt: 0,
  endsAt: Date.parse('2026-11-24T13:00:00Z'),
  tokenEndpoint: 'https://auth.example/token',
}
const DONE: LoginOutcome = { kind: 'logged_in', login: LOGIN, withheld: [] }
const PAGE = 'https://auth.example/authorize?state=s'

interface Ran {
  readonly code: number
  readonly out: string
  readonly err: string
  readonly opened: readonly string[]
  readonly asked: readonly Parameters<typeof logInAt>[0][]
}

/** Sends the person somewhere, and then comes to this. */
async function login(
  argv: readonly string[],
  outcome: LoginOutcome | GuardError = DONE,
  missing = false,
): Promise<Ran> {
  const [opened, asked]: [string[], Parameters<typeof logInAt>[0][]] = [[], []]
  const command = loginCommand({
    logInAt: () =>
      Promise.resolve((given) => {
        asked.push(given)
        given.show(PAGE)
        return outcome instanceof GuardError ? Promise.reject(outcome) : Promise.resolve(outcome)
      }),
    open: (url, onMissing) => {
      opened.push(url)
      if (missing) onMissing()
    },
  })
  const row = { name: 'login', summary: '', load: () => Promise.resolve(command) }
  const code = await main(['login', ...argv], here.io, [row])
  return { code, out: here.io.out(), err: here.io.err(), opened, asked }
}

async function logout(
  argv: readonly string[],
  outcome: LogoutOutcome,
): Promise<Omit<Ran, 'opened' | 'asked'>> {
  const command = logoutCommand({ logOutAt: () => Promise.resolve(() => Promise.resolve(outcome)) })
  const row = { name: 'logout', summary: '', load: () => Promise.resolve(command) }
  const code = await main(['logout', ...argv], here.io, [row])
  return { code, out: here.io.out(), err: here.io.err() }
}

describe('login', () => {
  test('opens the page, says its address, and what came of it', async () => {
    const { code, out, err, opened, asked } = await login(['tracker'])
    expect(code).toBe(0)
    expect(opened).toEqual([PAGE])
    expect(err).toContain(PAGE)
    expect(out).toBe(
      'logged in at tracker (https://auth.example) for read write, until 2026-11-24T13:00:00.000Z, and renewed from then on\n',
    )
    expect(asked).toMatchObject([
      {
        upstream: { server: 'tracker', oauth: { scopes: ['read'] } },
        stateDir: here.io.env['CHAPERONE_STATE_DIR'],
      },
    ])
  })

  test('the same as JSON, without the tokens', async () => {
    const { out, err } = await login(['tracker', '--json'])
    expect(JSON.parse(out)).toEqual({
      server: 'tracker',
      loggedIn: true,
      issuer: 'https://auth.example',
      scopes: ['read', 'write'],
      until: '2026-11-24T13:00:00.000Z',
      renewable: true,
      withheld: [],
    })
    expect(out + err).not.toMatch(/the-(?:access|refresh)-token/)
  })

  test.each([
    ['wants no login', undefined],
    ['takes the login that is kept', LOGIN],
  ])('nothing to do: %s', async (why, kept) => {
    const { code, out } = await login(['tracker'], { kind: 'nothing', login: kept })
    expect([code, out]).toEqual([0, `nothing to do: tracker ${why}\n`])
  })

  test('what was not granted is told', async () => {
    const { out } = await login(['tracker'], { ...DONE, withheld: ['admin', 'pay'] })
    expect(out).toContain('asked for and not granted: admin pay\n')
  })

  test('--no-browser says the address and opens nothing', async () => {
    const { opened, err } = await login(['tracker', '--no-browser'])
    expect(opened).toEqual([])
    expect(err).toContain(PAGE)
  })

  test('where there is no browser the person is told', async () => {
    expect((await login(['tracker'], DONE, true)).err).toContain('open the page by hand')
  })

  test.each([
    ['ERR_LOGIN_REFUSED', 1],
    ['ERR_LOGIN_FAILED', 3],
    ['ERR_UPSTREAM_DOWN', 3],
  ] as const)('%s ends with %i', async (code, exit) => {
    const ran = await login(['tracker'], new GuardError(code, 'so it went'))
    expect([ran.code, ran.out]).toEqual([exit, ''])
    expect(ran.err).toContain('chaperone: so it went\n')
  })

  test.each([
    [[], 2, 'one upstream is to be named'],
    [['tracker', 'own'], 2, 'one upstream is to be named'],
    [['traker'], 1, '`traker` is none of the upstreams that could be read'],
    [['files'], 2, '`files` is started by a command'],
    [['tracker', '--upstream', 'x'], 2, 'did you mean `--upstreams`?'],
    [['own'], 1, 'has an Authorization header, which is sent in place of any login (remove it'],
    [['bad'], 1, '`NOT_SET`'],
    [['tracker', '--upstreams', 'nowhere.json'], 1, 'nowhere.json'],
  ])('%j is refused, and nobody is asked', async (argv, exit, why) => {
    const { code, err, asked } = await login(argv)
    expect(err).toContain(why)
    expect(code).toBe(exit)
    expect(asked).toEqual([])
  })

  test('a name that is not there is answered with the nearest', async () => {
    write({ tracker: { url: 'https://tracker.example/mcp' } })
    expect((await login(['traker'])).err).toContain('did you mean `tracker`?')
  })

  test('the file is the one beside the mandate that the environment names', async () => {
    here.remove()
    here = desk({ CHAPERONE_MANDATE: 'guard/m.yaml' })
    here.write(
      'guard/mcp.json',
      JSON.stringify({ mcpServers: { there: { url: 'https://t.example/mcp' } } }),
    )
    expect((await login(['there'])).code).toBe(0)
  })
})

describe('logout', () => {
  test.each<readonly [string, LogoutOutcome, string]>([
    ['nothing', { kind: 'nothing' }, 'nothing to do: no login at tracker is kept\n'],
    [
      'revoked',
      { kind: 'logged_out', login: LOGIN, unrevoked: undefined },
      'logged out of tracker; the tokens are revoked at https://auth.example\n',
    ],
    [
      'not revoked',
      { kind: 'logged_out', login: LOGIN, unrevoked: 'it was answered with HTTP 503' },
      'logged out of tracker here\nwarning: its tokens could not be revoked at https://auth.example: it was answered with HTTP 503 (they are good until they end)\n',
    ],
  ])('%s', async (_what, outcome, text) => {
    expect(await logout(['tracker'], outcome)).toEqual({ code: 0, out: text, err: '' })
  })

  test('the same as JSON, without the tokens', async () => {
    const { out } = await logout(['tracker', '--json'], {
      kind: 'logged_out',
      login: LOGIN,
      unrevoked: 'no',
    })
    expect(JSON.parse(out)).toEqual({
      server: 'tracker',
      loggedOut: true,
      issuer: 'https://auth.example',
      revoked: false,
      why: 'no',
    })
  })

  test('one that an entry shows in place of is ended all the same', async () => {
    expect((await logout(['own'], { kind: 'nothing' })).code).toBe(0)
  })
})

describe('the browser', () => {
  test.each([
    ['linux', {}, ['xdg-open', PAGE]],
    ['darwin', {}, ['open', PAGE]],
    ['win32', {}, ['rundll32', 'url.dll,FileProtocolHandler', PAGE]],
    ['linux', { BROWSER: '' }, ['xdg-open', PAGE]],
    ['darwin', { BROWSER: '/opt/my browser' }, ['/opt/my browser', PAGE]],
  ] as const)('on %s with %j', (platform, env, line) => {
    expect(browserLine(PAGE, env, platform)).toEqual(line)
  })

  test('that is not there is told of, and nothing is thrown', async () => {
    for (const program of ['/nowhere/browser', 'no\0browser']) {
      const told = await new Promise<string>((resolve) =>
        openBrowser([program, PAGE], { PATH: '/nowhere' }, () => resolve(program)),
      )
      expect(told).toBe(program)
    }
  })
})
