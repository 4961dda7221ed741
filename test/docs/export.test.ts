/** The page about export against the code: its examples are read, its tables name what there is. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { Measures } from '../../src/audit/export/measures.ts'
import { CONVENTION, OWN } from '../../src/audit/export/names.ts'
import { missingPackages } from '../../src/audit/export/packages.ts'
import { metricName } from '../../src/audit/export/prometheus.ts'
import { failures } from '../../src/audit/export/telemetry.ts'
import { loadSettingsFile } from '../../src/config/settings-file.ts'
import { problemText } from '../../src/model/document.ts'
import { fakeClock } from '../fakes/clock.ts'
import { blocks, page, table } from './markdown.ts'

const PAGE = page('docs/export.md')
const folder = mkdtempSync(join(tmpdir(), 'chaperone-docs-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

test('the settings of the examples are read', () => {
  const file = join(folder, 'chaperone.yaml')
  writeFileSync(file, blocks(PAGE, 'yaml').join(''))
  const read = loadSettingsFile(file, { COLLECTOR_TOKEN: 'x' })
  expect(read.problems.map(problemText)).toEqual([])
  expect([read.metrics?.port, read.telemetry?.otlp]).toEqual([9464, 'http://127.0.0.1:4318'])
})

test('every metric has its row, with its kind and labels, and no other has', () => {
  const silent = () => undefined
  const operational = { debug: silent, info: silent, warn: silent, error: silent }
  const clock = fakeClock('2026-11-22T02:10:11.482Z')
  const more = failures(operational).collect
  const measures = new Measures({ clock, version: '1', servers: [], more })
  const known = measures.collect().map((family) => {
    const labels = family.labelNames.map((name) => name.replaceAll('.', '_'))
    return [metricName(family), family.kind, ...labels].join(' ')
  })
  const rows = table(PAGE, 'metric').map(([name = '', kind = '', labels = '']) =>
    [name, kind, labels].join(' ').replaceAll('`', '').trim(),
  )
  expect(rows.toSorted()).toEqual(known.toSorted())
})

test('the packages to install are those that are asked for', () => {
  const error = Object.assign(new Error("Cannot find package '@opentelemetry/api'"), {
    code: 'ERR_MODULE_NOT_FOUND',
  })
  const said = missingPackages(error)?.match(/@opentelemetry\/\S+@[\d.]+\d/g) ?? []
  const [install = ''] = blocks(PAGE, 'sh')
  expect((install.match(/@opentelemetry\/\S+@[\d.]+\d/g) ?? []).toSorted()).toEqual(said.toSorted())
  expect(missingPackages(new Error('another'))).toBeUndefined()
})

test('the packages to install are those that the tests use', () => {
  const manifest = JSON.parse(page('package.json')) as {
    readonly devDependencies: Readonly<Record<string, string>>
  }
  const used = Object.entries(manifest.devDependencies)
    .filter(([name]) => name.startsWith('@opentelemetry/'))
    .map(([name, version]) => `${name}@${version}`)
  const [install = ''] = blocks(PAGE, 'sh')
  expect((install.match(/@opentelemetry\/\S+/g) ?? []).toSorted()).toEqual(used.toSorted())
})

test('every attribute that is named there is one', () => {
  const known = new Set<string>([...Object.values(CONVENTION), ...Object.values(OWN)])
  const attributes = PAGE.match(/`(?:mcp|gen_ai|error|chaperone)\.[a-z0-9_.]+`/g) ?? []
  const own = attributes.map((name) => name.slice(1, -1)).filter((name) => !name.endsWith('.yaml'))
  expect(own.filter((name) => !known.has(name))).toEqual([])
})
