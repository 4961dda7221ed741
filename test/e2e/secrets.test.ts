/** Secrets stay where they are used: not in the record, not in the operational log, not in another program's environment. */
import { afterAll, describe, expect, test } from 'vitest'
import { npmServer, puppet, received, toolsNamed } from './folder.ts'
import { type GuardProcess, GuardPool, reasonOf } from './guard.ts'
import { secretPart, seededSecrets } from './secret-shapes.ts'

const pool = new GuardPool()
afterAll(() => pool.close())

const SECRETS = seededSecrets(20_261_123)

/** Everything that the guard wrote for people, as one text. */
function written(guard: GuardProcess): string {
  return `${guard.folder.recordText()}\n${guard.stderr}`
}

function leaks(text: string, secrets = SECRETS): readonly string[] {
  return secrets.filter((secret) => text.includes(secretPart(secret))).map(({ shape }) => shape)
}

const TEXT = { length: '0..5000' }

function start(): GuardProcess {
  return pool.start((path) => ({
    mandate: {
      tools: {
        'p/say': {},
        'p/note': { args: { note: TEXT } },
        'p/login': {
          args: {
            password: TEXT,
            headers: { fields: { authorization: TEXT } },
            config: { fields: { db: { fields: { api_key: TEXT } } } },
          },
        },
        'p/none': { args: { note: { one_of: ['nothing else'] } } },
      },
      resources: { 'p/https://api.example/**': {} },
    },
    upstreams: {
      p: {
        ...puppet(path, 'p', {
          capabilities: { tools: {}, resources: {} },
          results: {
            'tools/list': toolsNamed('say', 'note', 'login', 'none'),
            'tools/call': '{"content":[{"type":"text","text":$PARAMS}],"isError":true}',
            'resources/list': '{"resources":[]}',
            'resources/read': '{"contents":[]}',
          },
        }),
        env: Object.fromEntries(SECRETS.map(({ value }, n) => [`PLACE_${n}`, value])),
      },
    },
    args: ['--log-level', 'debug'],
    env: { GUARD_TOKEN: SECRETS[0]?.value ?? '', DATABASE_URL: SECRETS.at(-3)?.value ?? '' },
  }))
}

describe('fifty seeded secrets', () => {
  test('there are fifty, and all differ', () => {
    expect(new Set(SECRETS.map(secretPart)).size).toBe(50)
  })

  test('G34: in arguments, results and environments are in neither log', async () => {
    const guard = start()
    await guard.open()
    for (const { value } of SECRETS) {
      const said = await guard.call('say', { message: value, deep: [{ a: { b: value } }] })
      expect(said.result?.content?.[0]?.text).toContain(JSON.stringify(value).slice(1, -1))
      expect(reasonOf(await guard.call('none', { note: value }))).toBe('outside_mandate')
      expect(
        reasonOf(await guard.call('say', { message: value }, value.slice(0, 200))),
      ).toBeUndefined()
    }
    await guard.close()
    const calls = received(guard.folder.path, 'p').filter(
      ({ message }) => message.method === 'tools/call',
    )
    expect(calls).toHaveLength(2 * SECRETS.length)
    // What a rule read of a denied call is a fact, so a value of no telling shape stands there.
    const telling = SECRETS.filter(({ telling }) => telling)
    expect(leaks(written(guard), telling)).toEqual([])
  })

  test('in fields that are named like secrets are in neither log, though rules read them', async () => {
    const guard = start()
    await guard.open()
    for (const { value } of SECRETS) {
      const answer = await guard.call('login', {
        password: value,
        headers: { authorization: value },
        config: { db: { api_key: value } },
      })
      expect(reasonOf(answer)).toBeUndefined()
    }
    await guard.close()
    expect(leaks(written(guard))).toEqual([])
    expect(guard.folder.recordText()).toContain('"erased"')
  })

  test('of a telling shape are masked in any field that a rule reads', async () => {
    const guard = start()
    await guard.open()
    const telling = SECRETS.filter((secret) => secret.telling)
    for (const { value } of telling) {
      expect(reasonOf(await guard.call('note', { note: `see ${value}` }))).toBeUndefined()
    }
    await guard.close()
    expect(leaks(written(guard), telling)).toEqual([])
  })

  test('of a telling shape are masked in names, addresses and broken frames too', async () => {
    const guard = start()
    await guard.open()
    for (const { value, telling } of SECRETS) {
      if (!telling) continue
      await guard.call(value)
      await guard.request(`x/${value}`)
      if (!/\s/.test(value)) {
        await guard.request('resources/read', { uri: `https://api.example/${value}` })
      }
      guard.notify(`notifications/${value}`)
      guard.send(`{"jsonrpc":"2.0","id":1,"id":1,"method":${JSON.stringify(value)}}`)
      guard.send(value)
    }
    await guard.settled()
    await guard.close()
    expect(
      leaks(
        written(guard),
        SECRETS.filter(({ telling }) => telling),
      ),
    ).toEqual([])
  })

  // The record masks what it is given to read, and an address is not decoded first.
  test('of a telling shape are masked in an address that encodes them', async () => {
    const guard = start()
    await guard.open()
    const telling = SECRETS.filter((secret) => secret.telling)
    for (const { value } of telling) {
      await guard.request('resources/read', { uri: `https://api.example/${encodeURI(value)}` })
    }
    await guard.close()
    expect(leaks(written(guard), telling)).toEqual([])
  })

  // An upstream's stderr goes to the operational log cut and escaped, but not looked through for secrets.
  test('of a telling shape are masked in what an upstream writes to stderr', async () => {
    const guard = pool.start((path) => ({
      mandate: { tools: { 'p/say': {} } },
      upstreams: {
        p: puppet(path, 'p', {
          start: SECRETS.map(({ value }) => ({ stderr: `connecting with ${value}\n` })),
          results: { 'tools/list': toolsNamed('say'), 'tools/call': '{"content":[]}' },
        }),
      },
    }))
    await guard.open()
    await guard.call('say')
    await guard.close()
    await guard.logged(/connecting with/)
    const telling = SECRETS.filter((secret) => secret.telling)
    expect(leaks(written(guard), telling)).toEqual([])
  })
})

test('G33: an upstream does not see the environment of its guard, only what its entry gives it', async () => {
  const guard = pool.start(() => ({
    mandate: { tools: { 'ev/get-env': {} } },
    upstreams: {
      ev: { ...npmServer('everything'), env: { OWN: 'own value', COPIED: '${GIVEN}' } },
    },
    env: {
      GIVEN: 'given value',
      NOT_GIVEN: 'kept value',
      OPENAI_API_KEY: 'kept key',
      AWS_SECRET_ACCESS_KEY: 'kept key',
      HTTPS_PROXY: 'http://user:kept@proxy.example',
      NODE_OPTIONS: '--no-warnings',
      CHAPERONE_LOG_LEVEL: 'warn',
    },
  }))
  await guard.open()
  const answer = await guard.call('get-env')
  const seen = JSON.parse(answer.result?.content?.[0]?.text ?? '{}') as Record<string, string>
  expect(seen).toMatchObject({ OWN: 'own value', COPIED: 'given value' })
  const plain = /^(HOME|LANG|LANGUAGE|LOGNAME|PATH|SHELL|TERM|TMPDIR|TZ|USER|LC_\w+|OWN|COPIED)$/
  expect(Object.keys(seen).filter((name) => !plain.test(name))).toEqual([])
  expect(JSON.stringify(seen)).not.toContain('kept')
})
