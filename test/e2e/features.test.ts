/** What MCP has beside tool calls, with real clients of both eras and a server that speaks both: filtered, decided, passed on. */
import { writeFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { fakeServer, type Folder } from './folder.ts'
import { GuardPool } from './guard.ts'
import { type Connection, PEERS } from './peer.ts'

const pool = new GuardPool()
afterAll(() => pool.close())

const AUTHORITY = {
  tools: { 'b/*': {} },
  never: ['b/hidden', 'b/secret*'],
  resources: { 'b/notes://public/**': {} },
  prompts: { 'b/greet': {} },
}
const ALL_REQUESTS = { requests: { b: ['elicitation', 'sampling', 'roots'] } }

function newFolder(members: Readonly<Record<string, unknown>>): Folder {
  return pool.folder({
    mandate: { ...AUTHORITY, ...members },
    upstreams: { b: fakeServer('both-eras') },
  })
}

describe.each(PEERS.filter(({ name }) => !name.includes('auto')))('$name', (peer) => {
  let folder: Folder
  let client: Connection
  beforeAll(async () => {
    folder = newFolder(ALL_REQUESTS)
    client = await peer.connect(folder)
  })
  afterAll(() => client.close())

  test('lists of resources, templates and prompts show what the mandate grants', async () => {
    expect(await client.tools()).not.toContain('hidden')
    expect(await client.resources()).toEqual(['notes://public/a'])
    expect(await client.templates()).toEqual(['notes://public/{name}'])
    expect(await client.prompts()).toEqual(['greet'])
  })

  test('a resource is read where a grant covers it, also one of a template', async () => {
    expect(await client.read('notes://public/a')).toEqual({ text: 'public a' })
    expect(await client.read('notes://public/xyz')).toEqual({ text: 'public xyz' })
    const hidden = await client.read('notes://private/a')
    expect(hidden.reason).toBe('unknown_resource')
    expect(await client.read('notes://nowhere/a')).toEqual(hidden)
    expect((await client.read('notes://public/../private/a')).text).toBeUndefined()
  })

  test('a prompt is given where a grant covers it', async () => {
    expect(await client.prompt('greet', { who: 'you' })).toEqual({ text: 'greet you' })
    const hidden = await client.prompt('secret', { who: 'you' })
    expect(hidden).toEqual({ code: -32_602, reason: 'unknown_prompt' })
    expect(await client.prompt('no-such-prompt')).toEqual(hidden)
  })

  test('completions are decided by what they complete', async () => {
    const of = (uri: string) => ({ type: 'ref/resource', uri }) as const
    expect(await client.complete(of('notes://public/{name}'), 'name', 'a')).toEqual(['a', 'ab'])
    const hidden = await client.complete(of('notes://private/{name}'), 'name', 'a')
    expect(hidden).toMatchObject({ reason: 'unknown_resource' })
    const prompt = await client.complete({ type: 'ref/prompt', name: 'secret' }, 'who', 'a')
    expect(prompt).toMatchObject({ reason: 'unknown_prompt' })
  })

  test('structured results and tool errors come back as the upstream gave them', async () => {
    expect(await client.call('structured')).toMatchObject({ structured: { sum: 7 } })
    expect(await client.call('fail')).toEqual({ text: 'it went wrong', isError: true })
  })

  test('progress arrives, in order, at the call that asked for it', async () => {
    const heard: number[] = []
    const until = folder.file('told')
    const onprogress = ({ progress }: { readonly progress: number }): void => {
      heard.push(progress)
      if (progress === 3) writeFileSync(until, '')
    }
    expect(await client.call('progress', { until }, { onprogress })).toEqual({ text: 'done' })
    expect(heard).toEqual([1, 2, 3])
  })

  test('a cancelled call is called off upstream', async () => {
    const stop = new AbortController()
    const calling = client
      .call('wait', {}, { signal: stop.signal })
      .catch((error: unknown) => error)
    await client.logged(/wait: waiting/)
    stop.abort('enough')
    await calling
    await client.logged(/wait: called off/)
    const call = folder.record().find((entry) => JSON.stringify(entry).includes('"wait"'))
    const outcomes = folder.record().filter((entry) => entry['call'] === call?.['call'])
    expect(outcomes.map(({ type, verdict }) => [type, verdict])).toEqual([
      ['intent', undefined],
      ['outcome', { outcome: 'refused', stage: 'forward', reason: 'outcome_unknown' }],
    ])
  })

  test('a list change is told when what this agent sees has changed', async () => {
    const before = client.heard.notifications.length
    const listed = await client.tools()
    await client.call('grow', { name: 'secret-garden' })
    expect(await client.tools()).toEqual(listed)
    await client.call('grow', { name: 'garden' })
    await client.told('notifications/tools/list_changed', before + 1)
    expect(await client.tools()).toEqual([...listed, 'garden'])
    expect(await client.call('garden')).toEqual({ text: 'grown' })
    expect(await client.call('secret-garden')).toMatchObject({ reason: 'unknown_tool' })
  })

  test('questions pass where `requests` permits them, and the answers go back', async () => {
    const asked = client.heard.asked
    const answered = async (name: string): Promise<unknown> =>
      JSON.parse((await client.call(name)).text ?? 'null')
    expect(await answered('ask')).toMatchObject({ action: 'accept', content: { colour: 'red' } })
    expect(await answered('sample')).toMatchObject({ result: { content: { text: 'a guess' } } })
    expect(await answered('roots')).toMatchObject({ roots: [{ uri: 'file:///root' }] })
    expect(asked).toEqual(['elicitation/create', 'sampling/createMessage', 'roots/list'])
  })

  test('a form that asks for a password is never shown', async () => {
    const before = client.heard.asked.length
    expect((await client.call('ask-secret')).isError).toBe(true)
    expect(client.heard.asked).toHaveLength(before)
    expect(folder.recordText()).toContain('request_not_permitted')
  })
})

describe.each(
  PEERS.filter(({ era, name }) => era === 'legacy' && !name.startsWith('SDK v2, legacy')),
)('$name, in the legacy era alone', (peer) => {
  let client: Connection
  beforeAll(async () => {
    client = await peer.connect(newFolder({}))
  })
  afterAll(() => client.close())

  test('the logging level reaches the upstream, and its messages come back', async () => {
    await client.setLevel('error')
    expect(await client.call('log')).toEqual({ text: 'logged' })
    await client.told('notifications/message')
    expect(client.heard.notifications).toEqual(['notifications/message'])
    await client.setLevel('debug')
    await client.call('log')
    await client.told('notifications/message', 3)
  })

  test('updates arrive for resources that were subscribed to, and stop', async () => {
    const updated = 'notifications/resources/updated'
    const updates = (): number => client.heard.notifications.filter((one) => one === updated).length
    await client.call('touch', { uri: 'notes://public/a' })
    expect(updates()).toBe(0)
    await client.subscribe('notes://public/a')
    await client.call('touch', { uri: 'notes://public/a' })
    await client.told(updated)
    expect(await client.subscribe('notes://private/a')).toMatchObject({
      reason: 'unknown_resource',
    })
    await client.call('touch', { uri: 'notes://private/a' })
    await client.unsubscribe('notes://public/a')
    await client.logged(/unsubscribed/)
    await client.call('touch', { uri: 'notes://public/a' })
    expect(updates()).toBe(1)
  })

  test('questions are not asked where `requests` is silent', async () => {
    for (const name of ['ask', 'sample', 'roots']) {
      expect((await client.call(name)).isError).toBe(true)
    }
    expect(client.heard.asked).toEqual([])
  })
})

describe('without `requests`, in the modern era', () => {
  test('an answer that asks back is withheld, and the client is not asked', async () => {
    const peer = PEERS.find(({ name }) => name === 'SDK v2, pinned')
    const folder = newFolder({})
    const client = await peer?.connect(folder)
    try {
      for (const name of ['ask', 'sample', 'roots']) {
        const refused = await client?.call(name)
        expect(refused?.isError === true || refused?.code !== undefined).toBe(true)
      }
      expect(client?.heard.asked).toEqual([])
    } finally {
      await client?.close()
    }
  })
})
