/** What a real guard tells of itself: spans, log lines and metrics to a collector, metrics to whoever looks. */
import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, expect, test } from 'vitest'
import { parseExposition } from '../audit/export/exposition.ts'
import { type Collector, startCollector } from '../fakes/collector.ts'
import { puppet, toolsNamed, type Folder } from './folder.ts'
import { GuardPool, reasonOf } from './guard.ts'
import { seededSecrets } from './secret-shapes.ts'

const pool = new GuardPool()
const collectors: Collector[] = []
afterAll(async () => {
  await pool.close()
  await Promise.all(collectors.map((one) => one.close()))
})

async function collector(how?: Parameters<typeof startCollector>[0]): Promise<Collector> {
  const started = await startCollector(how)
  collectors.push(started)
  return started
}

const RESULTS = { 'tools/list': toolsNamed('say', 'shout'), 'tools/call': '{"content":[]}' }
const TOKEN = 'collector-token-1234567890'

function folderWith(settings: string): Folder {
  const folder = pool.folder((path) => ({
    mandate: { tools: { 'a/say': {} } },
    upstreams: { a: puppet(path, 'a', { results: RESULTS }) },
    env: { COLLECTOR_TOKEN: TOKEN },
  }))
  writeFileSync(folder.file('chaperone.yaml'), settings)
  return folder
}

interface Exported {
  readonly spans: readonly Spoken[]
  readonly logs: readonly Spoken[]
  readonly metrics: readonly string[]
}

interface Spoken {
  readonly name?: string
  readonly eventName?: string
  readonly kind?: number
  readonly traceId?: string
  readonly parentSpanId?: string
  readonly status?: { readonly code?: number }
  readonly attributes: readonly { readonly key: string; readonly value: object }[]
}

/** What a collector was sent, of all requests together. */
function exported({ received }: Collector): Exported {
  const all = (path: string, ...members: readonly string[]): readonly unknown[] =>
    received
      .filter((one) => one.path === path)
      .flatMap(({ text }) => dig([JSON.parse(text) as unknown], members))
  return {
    spans: all('/v1/traces', 'resourceSpans', 'scopeSpans', 'spans') as Spoken[],
    logs: all('/v1/logs', 'resourceLogs', 'scopeLogs', 'logRecords') as Spoken[],
    metrics: all('/v1/metrics', 'resourceMetrics', 'scopeMetrics', 'metrics').map((metric) =>
      String((metric as Spoken).name),
    ),
  }
}

function dig(from: readonly unknown[], members: readonly string[]): readonly unknown[] {
  return members.reduce<readonly unknown[]>(
    (found, member) =>
      found.flatMap((one) => (one as Readonly<Record<string, unknown[]>>)[member] ?? []),
    from,
  )
}

test('spans, log lines and metrics reach a collector, and no value of an argument does', async () => {
  const sink = await collector()
  const guard = pool.launch(
    folderWith(
      `telemetry:
  otlp: ${sink.url}
  headers: { x-token: "\${COLLECTOR_TOKEN}" }
  resource: { deployment.environment.name: test }
`,
    ),
  )
  await guard.open()
  const secrets = seededSecrets(9).map(({ value }) => value)
  await guard.call('say', { text: 'an argument', secrets })
  expect(reasonOf(await guard.call('shout', { text: 'an argument', secrets }))).toBeDefined()
  expect(await guard.close()).toMatchObject({ code: 0 })
  const { spans, logs, metrics } = exported(sink)
  expect(spans.map(({ name, kind, status }) => [name, kind, status?.code])).toEqual([
    ['tools/call say', 2, 0],
    [expect.stringMatching(/^tools\/call/), 2, 2],
  ])
  expect(logs.map(({ eventName }) => eventName)).toEqual(
    expect.arrayContaining([
      'chaperone.guard_started',
      'chaperone.refusal',
      'chaperone.guard_stopped',
    ]),
  )
  expect(metrics).toEqual(
    expect.arrayContaining(['chaperone.calls', 'mcp.server.operation.duration']),
  )
  const text = sink.received.map((one) => one.text).join('\n')
  expect(text).toContain('"deployment.environment.name"')
  expect(text).not.toContain('an argument')
  for (const secret of secrets) expect(text).not.toContain(JSON.stringify(secret).slice(1, -1))
  expect(new Set(sink.received.map(({ headers }) => headers['x-token']))).toEqual(new Set([TOKEN]))
  // Nor does what opens the collector's door reach the record or the operational log.
  expect(guard.folder.recordText() + guard.stderr).not.toContain(TOKEN)
})

test.each([
  ['answers with an error', { status: 500 }],
  ['never answers', { answers: false }],
])('a collector that %s changes no answer, and the guard ends', async (_what, how) => {
  const sink = await collector(how)
  const guard = pool.launch(folderWith(`telemetry: { otlp: ${sink.url} }\n`))
  await guard.open()
  const { result } = await guard.call('say', {})
  expect(result?.isError).toBeUndefined()
  expect(await guard.close()).toMatchObject({ code: 0 })
  expect(guard.folder.record().at(-1)?.['event']).toBe('guard_stopped')
})

test('where the packages are not installed nothing is started, and what to install is said', () => {
  const folder = folderWith('telemetry: { otlp: http://127.0.0.1:9 }\n')
  const hook = `import { registerHooks } from 'node:module'
registerHooks({ resolve: (name, context, next) => {
  if (!name.startsWith('@opentelemetry/')) return next(name, context)
  throw Object.assign(new Error("Cannot find package '" + name + "'"), { code: 'ERR_MODULE_NOT_FOUND' })
} })`
  writeFileSync(folder.file('hide.mjs'), hook)
  const { launch } = folder
  const run = (env: Readonly<Record<string, string>>, args: readonly string[]) =>
    spawnSync(launch.command, ['--import', folder.file('hide.mjs'), ...args], {
      cwd: launch.cwd,
      env: { ...process.env, ...launch.env, ...env },
      encoding: 'utf8',
      input: '',
    })
  const asked = run({}, launch.args)
  expect(asked.status).not.toBe(0)
  expect(asked.stderr).toContain('npm install @opentelemetry/api@1.10.0')
  // A variable may be meant for another program: it is said, and the guard guards.
  writeFileSync(folder.file('chaperone.yaml'), 'risk: normal\n')
  const meant = run({ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:9' }, launch.args)
  expect([meant.status, meant.stderr.includes('telemetry is not sent')]).toEqual([0, true])
})

test('metrics are served where the settings say, to whoever asks for them by a known name', async () => {
  const guard = pool.launch(folderWith('metrics: { port: 0 }\n'))
  const url = /http:[^"]+\/metrics/.exec(await guard.logged(/metrics are served/))?.[0] ?? ''
  await guard.open()
  await guard.call('say', {})
  const answer = await fetch(url)
  expect([answer.status, answer.headers.get('content-type')]).toEqual([
    200,
    'text/plain; version=0.0.4; charset=utf-8',
  ])
  const samples = parseExposition(await answer.text())
  expect(samples.find(({ name }) => name === 'chaperone_calls_total')?.labels).toEqual({
    outcome: 'complete',
    reason: 'permitted',
    server: 'a',
    effect: 'any',
  })
  await guard.close()
})

test('of two guards on stdio with one port the second guards without metrics, and says so', async () => {
  const taken = createServer()
  await new Promise<void>((resolve) => {
    taken.listen(0, '127.0.0.1', resolve)
  })
  const { port } = taken.address() as AddressInfo
  const guard = pool.launch(folderWith(`metrics: { port: ${port} }\n`))
  await guard.open()
  expect((await guard.call('say', {})).result?.isError).toBeUndefined()
  expect(guard.stderr).toContain('metrics are not served by this guard')
  await guard.close()
  taken.close()
})
