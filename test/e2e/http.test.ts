/** Real clients over stdio, the real guard, and real servers over HTTP: the v2 SDK in both eras, the v1 SDK in both its transports. */
import { writeFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  bothErasOverHttp,
  v1OverEvents,
  v1OverStreamable,
  type McpOverHttp,
} from '../fakes/mcp/over-http.ts'
import { httpUpstream, json, result } from '../fakes/http-upstream.ts'
import { fakeServer, type Folder } from './folder.ts'
import { GuardPool, reasonOf } from './guard.ts'
import { type Connection, PEERS } from './peer.ts'

const pool = new GuardPool()
const servers: McpOverHttp[] = []
afterAll(async () => {
  await pool.close()
  for (const server of servers) await server.close()
})

const AUTHORITY = {
  tools: { 'far/*': {} },
  never: ['far/hidden'],
  requests: { far: ['elicitation', 'sampling', 'roots'] },
}

async function started(begin: () => Promise<McpOverHttp>): Promise<McpOverHttp> {
  const server = await begin()
  servers.push(server)
  return server
}

function folderFor(server: McpOverHttp, members: Readonly<Record<string, unknown>> = {}): Folder {
  return pool.folder({
    mandate: { ...AUTHORITY, ...members },
    upstreams: { far: { url: server.url, headers: { Authorization: 'Bearer ${FAR_TOKEN}' } } },
    env: { FAR_TOKEN: 'for-far-alone' },
  })
}

const SERVERS = [
  ['SDK v2, both eras', bothErasOverHttp],
  ['SDK v1, Streamable HTTP', v1OverStreamable],
  ['SDK v1, HTTP+SSE', v1OverEvents],
] as const
const CASES = SERVERS.flatMap(([name, begin]) =>
  PEERS.filter((peer) => !peer.name.endsWith('auto')).map((peer) => ({ peer, name, begin })),
)

describe.each(CASES)('$peer.name in front of $name', ({ peer, begin }) => {
  let server: McpOverHttp
  let folder: Folder
  let client: Connection
  beforeAll(async () => {
    server = await started(begin)
    folder = folderFor(server)
    client = await peer.connect(folder)
  })
  afterAll(() => client.close())

  test('lists what is granted, and calls reach it with the headers of their upstream', async () => {
    const tools = await client.tools()
    expect(tools).toContain('echo')
    expect(tools).not.toContain('hidden')
    expect(await client.call('echo', { a: 'é', n: 1 })).toEqual({ text: '{"a":"é","n":1}' })
    expect((await client.call('hidden')).code).toBe(-32_602)
    for (const { headers } of server.arrived)
      expect(headers.authorization).toBe('Bearer for-far-alone')
  })

  test('progress arrives in order', async () => {
    const heard: number[] = []
    // A client that is answered in the same breath drops progress that it has not looked at yet.
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
    await server.until(() =>
      server.notes.some((note) => /^(?:wait: waiting|called wait)/.test(note)),
    )
    expect(server.notes).not.toContain('wait: called off')
    stop.abort('enough')
    await calling
    await server.until(() => server.notes.includes('wait: called off'))
  })

  test('a list that changes is told of', async () => {
    const listed = await client.tools()
    await client.call('grow', { name: 'grown' })
    await client.told('notifications/tools/list_changed')
    expect((await client.tools()).toSorted()).toEqual([...listed, 'grown'].toSorted())
    expect((await client.call('grown')).isError).toBeUndefined()
  })

  test('a question reaches the client, in whichever era, and the answer goes back', async () => {
    const answer = JSON.parse((await client.call('ask')).text ?? '{}') as unknown
    expect(answer).toMatchObject({ action: 'accept', content: { colour: 'red' } })
    expect(client.heard.asked).toEqual(['elicitation/create'])
  })
})

test('a session ends with the guard', async () => {
  const server = await started(v1OverStreamable)
  const guard = pool.launch(folderFor(server))
  await guard.open()
  await guard.call('echo', {})
  expect(server.sessions()).toBe(1)
  expect(await guard.close()).toMatchObject({ code: 0 })
  await server.until(() => server.sessions() === 0)
  expect(server.arrived.at(-1)?.line).toBe('DELETE /mcp')
})

test('a server that has forgotten the session is opened anew, and the call that found out was not made', async () => {
  const server = await started(v1OverStreamable)
  const guard = pool.launch(folderFor(server))
  await guard.open()
  await guard.call('echo', {})
  await server.forget()
  const calls = (): number => server.notes.filter((note) => note === 'called echo').length
  expect(reasonOf(await guard.call('echo', { second: true }))).toBe('upstream_unavailable')
  expect(calls()).toBe(1)
  const third = await guard.call('echo', { third: true })
  expect(third.result?.content?.[0]?.text).toBe('{"third":true}')
  expect(calls()).toBe(2)
})

test('one server far away and one on this machine stand behind one guard', async () => {
  const server = await started(bothErasOverHttp)
  const guard = pool.start({
    mandate: { tools: { 'far/echo': {}, 'near/echo': {} } },
    upstreams: { far: { url: server.url }, near: fakeServer('both-eras') },
  })
  await guard.open()
  const list = await guard.request('tools/list')
  expect(list.result?.tools?.map(({ name }) => name)).toEqual(['far__echo', 'near__echo'])
  for (const place of ['far', 'near']) {
    const said = await guard.call(`${place}__echo`, { place })
    expect(said.result?.content?.[0]?.text).toBe(JSON.stringify({ place }))
  }
})

test('credentials that do not do are said to be that, and the header is nowhere to be read', async () => {
  const server = await httpUpstream(
    (_, response) =>
      void response
        .writeHead(401, { 'www-authenticate': 'Bearer resource_metadata="https://evil.example"' })
        .end(),
  )
  const guard = pool.start({
    mandate: { tools: { 'far/*': {} } },
    upstreams: { far: { url: server.url, headers: { 'X-Api-Key': '${KEY}' } } },
    env: { KEY: 'sesame-sesame-sesame' },
    args: ['--log-level', 'debug'],
  })
  await guard.open()
  expect(reasonOf(await guard.call('echo', {}))).toBe('credential_unavailable')
  await guard.logged(/does not take the credentials that it is sent \(HTTP 401\)/)
  await guard.close()
  const written = `${guard.stderr}${guard.folder.recordText()}${JSON.stringify(guard.frames)}`
  expect(written).not.toMatch(/sesame|evil/)
  await server.close()
})

test.each([
  ['the list', 'tools/list', 0],
  ['the call', 'tools/call', 1],
])('a call is refused for want of them where %s is refused', async (_what, refused, calls) => {
  const server = await httpUpstream((request, response) => {
    const { id, method } = request.message
    if (request.method !== 'POST') response.writeHead(405).end()
    else if (id === undefined) response.writeHead(202).end()
    else if (method === refused) response.writeHead(401).end()
    else if (method === 'initialize')
      json(
        response,
        result(request, { protocolVersion: '2025-11-25', capabilities: { tools: {} } }),
      )
    else if (method === 'tools/list')
      json(
        response,
        result(request, { tools: [{ name: 'echo', inputSchema: { type: 'object' } }] }),
      )
    else json(response, result(request))
  })
  const guard = pool.start({
    mandate: { tools: { 'far/*': {} } },
    upstreams: { far: { url: server.url } },
  })
  await guard.open()
  expect(reasonOf(await guard.call('echo', {}))).toBe('credential_unavailable')
  expect(server.of('tools/call')).toHaveLength(calls)
  await guard.close()
  await server.close()
})

test('what a tool wants in headers stands there, and one that cannot be called so is hidden', async () => {
  const marked = (name: string, header: string) => ({
    name,
    inputSchema: {
      type: 'object',
      properties: { region: { type: 'string', 'x-mcp-header': header }, free: { type: 'string' } },
    },
  })
  const server = await httpUpstream((request, response) => {
    const discovered = { supportedVersions: ['2026-07-28'], capabilities: { tools: {} } }
    const tools = [marked('act', 'Region'), marked('odd', 'My Region')]
    const results: Record<string, object> = {
      'server/discover': discovered,
      'tools/list': { tools },
      'tools/call': { content: [] },
    }
    json(
      response,
      result(request, { resultType: 'complete', ...results[request.message.method ?? ''] }),
    )
  })
  const guard = pool.start({
    mandate: { tools: { 'far/*': {} } },
    upstreams: { far: { url: server.url } },
  })
  const meta = {
    'io.modelcontextprotocol/protocolVersion': '2026-07-28',
    'io.modelcontextprotocol/clientCapabilities': {},
  }
  const list = await guard.request('tools/list', { _meta: meta })
  expect(list.result?.tools?.map(({ name }) => name)).toEqual(['act'])
  await guard.logged(/an `x-mcp-header` is no name for a header/)
  const call = (args: object) =>
    guard.request('tools/call', { name: 'act', arguments: args, _meta: meta })
  await call({ region: 'Zürich\r\nX-Evil: 1', free: 'x' })
  await call({ region: null })
  const [first, second] = server.of('tools/call')
  expect(first?.headers).toMatchObject({
    'mcp-method': 'tools/call',
    'mcp-name': 'act',
    'mcp-param-region': `=?base64?${Buffer.from('Zürich\r\nX-Evil: 1').toString('base64')}?=`,
  })
  expect(first?.headers['x-evil']).toBeUndefined()
  expect(first?.message.params?.['arguments']).toEqual({ region: 'Zürich\r\nX-Evil: 1', free: 'x' })
  expect(second?.headers['mcp-param-region']).toBeUndefined()
  await guard.close()
  await server.close()
})
