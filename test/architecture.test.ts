/** The import table of the house, enforced on the sources, and the lint that enforces it enforced here. */
import { readdirSync, readFileSync } from 'node:fs'
import { builtinModules } from 'node:module'
import { join, relative, resolve, dirname } from 'node:path'
import { describe, expect, test } from 'vitest'

const ROOT = resolve(import.meta.dirname, '..')
const SRC = join(ROOT, 'src')

/** Which rooms a room may import, as the design says. */
const ROOMS: Readonly<Record<string, readonly string[]>> = {
  model: [],
  document: ['model'],
  expression: ['model'],
  mandate: ['model', 'expression', 'document'],
  policy: ['model', 'expression', 'document', 'mandate'],
  engine: ['model'],
  audit: ['model'],
  approval: ['model'],
  credential: ['model'],
  state: ['model'],
  webhook: ['model'],
  pipeline: ['model', 'mandate', 'policy'],
  proxy: ['model', 'pipeline'],
  config: ['model', 'document'],
  console: ['config', 'model', 'guard'],
  // A command may call one room's offline entry directly.
  cli: ['config', 'model', 'document', 'mandate', 'policy', 'audit', 'state', 'guard', 'cli'],
  bin: ['cli'],
  guard: [
    'model',
    'document',
    'expression',
    'mandate',
    'policy',
    'engine',
    'audit',
    'approval',
    'credential',
    'state',
    'webhook',
    'pipeline',
    'proxy',
    'config',
  ],
  index: ['guard', 'model', 'mandate', 'document', 'config', 'audit', 'policy'],
}

/** Third-party packages, and the only files that may import them. */
const PACKAGES: Readonly<Record<string, readonly string[]>> = {
  yaml: ['document/yaml.ts'],
  '@marcbachmann/cel-js': ['expression/'],
  re2js: ['expression/'],
  pino: ['config/operational.ts'],
  '@modelcontextprotocol/client': ['credential/oauth/'],
  'undici/lib/dispatcher/pool.js': ['proxy/upstream/http/pool.ts'],
  '@cedar-policy/cedar-wasm/nodejs': ['engine/cedar-library.ts'],
  '@opentelemetry/api': ['audit/export/otel-'],
  '@opentelemetry/exporter-logs-otlp-http': ['audit/export/otel-sdk.ts'],
  '@opentelemetry/exporter-metrics-otlp-http': ['audit/export/otel-sdk.ts'],
  '@opentelemetry/exporter-trace-otlp-http': ['audit/export/otel-sdk.ts'],
  '@opentelemetry/resources': ['audit/export/otel-'],
  '@opentelemetry/sdk-logs': ['audit/export/otel-sdk.ts'],
  '@opentelemetry/sdk-metrics': ['audit/export/otel-'],
  '@opentelemetry/sdk-trace': ['audit/export/otel-sdk.ts'],
  // Its types alone.
  undici: ['proxy/upstream/http/undici-pool.d.ts'],
}

/** Rooms that decide: no clock, no disk, no network. `mandate/load.ts` reads the file a person named, through document. */
const PURE = ['model', 'expression', 'mandate', 'policy', 'pipeline']
const IMPURE_BUILTINS = /^node:(?:fs|net|http|https|child_process|os|dns|tls|worker_threads|timers)/

interface Import {
  readonly from: string
  readonly spec: string
}

const files = readdirSync(SRC, { recursive: true, encoding: 'utf8' }).filter((file) =>
  file.endsWith('.ts'),
)
const text = new Map(files.map((file) => [file, readFileSync(join(SRC, file), 'utf8')]))

function importsOf(file: string): readonly Import[] {
  const source = text.get(file) ?? ''
  const found = source.matchAll(/ from '([^'\s,]+)'$|\bimport\('([^']+)'\)|^import '([^']+)'/gm)
  return [...found].map((match) => ({ from: file, spec: match[1] ?? match[2] ?? match[3] ?? '' }))
}
const imports = files.flatMap(importsOf)

function room(file: string): string {
  const first = file.split('/')[0] ?? ''
  return first.endsWith('.ts') ? first.slice(0, -3) : first
}

test('there are sources, and each is in a room that the table knows', () => {
  expect(files.length).toBeGreaterThan(50)
  expect(files.filter((file) => ROOMS[room(file)] === undefined)).toEqual([])
})

test('a room imports only from the rooms that the table gives it', () => {
  const strays = imports.flatMap(({ from, spec }) => {
    if (!spec.startsWith('.')) return []
    const to = room(relative(SRC, resolve(SRC, dirname(from), spec)))
    return to === room(from) || ROOMS[room(from)]?.includes(to) === true
      ? []
      : [`${from} → ${spec}`]
  })
  expect(strays).toEqual([])
})

test('a third-party package is imported only where the table says', () => {
  const strays = imports.flatMap(({ from, spec }) => {
    if (spec.startsWith('.') || spec.startsWith('node:')) return []
    return PACKAGES[spec]?.some((place) => from.startsWith(place)) === true
      ? []
      : [`${from} → ${spec}`]
  })
  expect(strays).toEqual([])
  expect(builtinModules).toContain('fs')
})

test('each third-party package is imported in one file at the most', () => {
  for (const name of ['@marcbachmann/cel-js', 're2js', 'yaml', 'pino']) {
    expect(
      new Set(imports.filter(({ spec }) => spec === name).map(({ from }) => from)).size,
      name,
    ).toBeLessThanOrEqual(1)
  }
})

test('the deciding rooms read no clock, no disk and no network', () => {
  const builtins = imports.filter(
    ({ from, spec }) => PURE.includes(room(from)) && IMPURE_BUILTINS.test(spec),
  )
  expect(builtins).toEqual([])
  const clocks = files.filter(
    (file) =>
      PURE.includes(room(file)) &&
      /Date\.now\(|new Date\(\)|performance\.now|process\.(?:env|hrtime)/.test(
        text.get(file) ?? '',
      ),
  )
  expect(clocks).toEqual([])
})

test('nothing but the guard writes to stdout, and nothing writes to a console', () => {
  const loud = files.filter((file) =>
    /console\.(?:log|info|error|warn|debug)/.test(text.get(file) ?? ''),
  )
  expect(loud).toEqual([])
  const writers = files.filter((file) =>
    /process\.stdout|\bstdout\.write/.test(text.get(file) ?? ''),
  )
  expect(writers.toSorted()).toEqual(['cli/run.ts', 'cli/start.ts'])
})

describe('the lint', () => {
  const config = JSON.parse(readFileSync(join(ROOT, '.oxlintrc.json'), 'utf8')) as {
    rules: Record<string, unknown>
    overrides: { files: string[]; rules: Record<string, unknown> }[]
  }

  test('forbids what the table forbids, room by room', () => {
    for (const [name, allowed] of Object.entries(ROOMS)) {
      if (['guard', 'index', 'bin', 'console'].includes(name)) continue
      const override = config.overrides.find(({ files: globs }) => globs.includes(`src/${name}/**`))
      const rule = JSON.stringify(override?.rules['no-restricted-imports'] ?? '')
      for (const other of Object.keys(ROOMS)) {
        if (['guard', 'index', 'bin'].includes(other) || other === name) continue
        const forbids = rule.includes(`../${other}/**`)
        expect(forbids, `${name} → ${other}`).toBe(!allowed.includes(other))
      }
    }
  })

  test('has the rules that the house stands on, as errors', () => {
    for (const rule of [
      'typescript/no-explicit-any',
      'typescript/no-floating-promises',
      'typescript/no-unsafe-type-assertion',
      'typescript/no-non-null-assertion',
      'typescript/only-throw-error',
      'no-console',
      'eqeqeq',
      'import/no-cycle',
    ]) {
      expect(config.rules[rule], rule).toBe('error')
    }
  })

  test('is switched off nowhere without a reason, and nowhere for the import table', () => {
    const disables = files.flatMap((file) =>
      (text.get(file) ?? '')
        .split('\n')
        .filter((line) => /(?:oxlint|eslint)-disable/.test(line))
        .map((line) => `${file}: ${line.trim()}`),
    )
    expect(disables.filter((line) => !/disable-next-line [\w/-]+ -- \S+/.test(line))).toEqual([])
    expect(disables.filter((line) => line.includes('restricted-imports'))).toEqual([])
  })
})

test('tests are never skipped or exclusive without saying why', () => {
  const tests = readdirSync(join(ROOT, 'test'), { recursive: true, encoding: 'utf8' }).filter(
    (file) => file.endsWith('.test.ts'),
  )
  const skipped = tests.filter(
    (file) =>
      /\.(?:only|todo)\(|\b(?:test|it|describe)\.fails\b|\b(?:test|it|describe)\.skip\(/.test(
        readFileSync(join(ROOT, 'test', file), 'utf8'),
      ) && file !== 'architecture.test.ts',
  )
  expect(skipped).toEqual([])
})
