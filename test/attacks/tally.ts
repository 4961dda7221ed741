/** Counts the tests of the attacks by what is attacked: a recorded class, or a file of recorded inputs. */
import { basename } from 'node:path'
import type { AttackCase } from './cases.ts'

/** Of the test runner's own report, as far as it is read here. */
export interface RunReport {
  readonly testResults: readonly {
    readonly name: string
    readonly status: string
    readonly message?: string
    readonly assertionResults: readonly { readonly fullName: string; readonly status: string }[]
  }[]
}

export interface Family {
  /** What is attacked, in words. */
  readonly attack: string
  passed: number
  failed: number
  skipped: number
  /** What of it is not tried, and what it waits for. */
  readonly later?: string
}

export interface Tally {
  /** By the id of the class; recorded inputs, and what is no attack of its own, by the name of their file. */
  readonly families: Readonly<Record<string, Family>>
  readonly passed: number
  readonly failed: number
  /** Classes that nothing here tries yet. */
  readonly pending: readonly string[]
  /** What is wrong, a line each. */
  readonly failures: readonly string[]
}

const FOLDER = /[\\/]test[\\/]attacks[\\/]/
/** Of the folder, what tests the table and the count, and attacks nothing. */
const ABOUT = /[\\/](?:cases|tally)\.test\.ts$/
const ID = /\b(G\d\d)(?:: |, )/g

export function tally(cases: readonly AttackCase[], report: RunReport): Tally {
  const families = new Map<string, Family>()
  for (const { id, cls, files, later } of cases) {
    if (files.length > 0) families.set(id, familyOf(cls, later))
  }
  const failures: string[] = []
  for (const file of report.testResults) {
    if (ABOUT.test(file.name)) continue
    const own = FOLDER.test(file.name)
    if (own && file.status === 'failed' && file.assertionResults.length === 0) {
      const family = ofName(families, nameOf(file.name))
      family.failed += 1
      failures.push(`${basename(file.name)}: ${file.message ?? 'could not be run'}`)
    }
    for (const { fullName, status } of file.assertionResults) {
      // What a test says itself counts before what its group says.
      const id = [...fullName.matchAll(ID)].at(-1)?.[1]
      // Of a file elsewhere, the tests that bear an id are attacks.
      if (id === undefined && !own) continue
      const family = ofName(families, id ?? nameOf(file.name))
      if (status === 'passed') family.passed += 1
      else if (status === 'failed') {
        family.failed += 1
        failures.push(fullName)
      } else family.skipped += 1
    }
  }
  for (const { id, files } of cases) {
    const family = families.get(id)
    if (files.length === 0 || !family || family.passed + family.failed > 0) continue
    family.failed += 1
    failures.push(`${id}: no test of it was run`)
  }
  return {
    families: Object.fromEntries(families),
    passed: sum(families, 'passed'),
    failed: sum(families, 'failed'),
    pending: cases.filter(({ files }) => files.length === 0).map(({ id }) => id),
    failures,
  }
}

function familyOf(attack: string, later?: string): Family {
  return { attack, passed: 0, failed: 0, skipped: 0, ...(later !== undefined && { later }) }
}

function ofName(families: Map<string, Family>, name: string): Family {
  const family = families.get(name) ?? familyOf(`tests of ${name}`)
  families.set(name, family)
  return family
}

function nameOf(file: string): string {
  return basename(file).replace(/\.test\.ts$/, '')
}

function sum(families: ReadonlyMap<string, Family>, key: 'passed' | 'failed'): number {
  return [...families.values()].reduce((total, family) => total + family[key], 0)
}

export function tallyJson({ families, passed, failed, pending }: Tally): string {
  return `${JSON.stringify({ families, passed, failed, pending })}\n`
}

export function tallyText(result: Tally, cases: readonly AttackCase[]): string {
  const lines = Object.entries(result.families).map(([id, { attack, later, ...family }]) => {
    const { passed, failed, skipped } = family
    const not = skipped > 0 ? `, ${skipped} skipped` : ''
    const count = `${passed} passed${failed > 0 ? `, ${failed} FAILED` : ''}${not}`
    const rest = later === undefined ? '' : `  (later: ${later})`
    return `${id.padEnd(14)} ${attack.padEnd(46)} ${count}${rest}`
  })
  const pending = cases
    .filter(({ files }) => files.length === 0)
    .map(({ id, cls, later }) => `${id.padEnd(14)} ${cls.padEnd(46)} pending: ${later ?? ''}`)
  const failures = result.failures.map((line) => `FAILED ${line}`)
  const total = `${result.passed} passed, ${result.failed} failed, ${pending.length} classes pending`
  return `${[...lines, ...pending, '', ...failures, total].join('\n')}\n`
}
