/** The figures over HTTP as tables for people. */
import { failures, number, table, turnsText } from '../report.ts'
import type { HostileResult } from './hostile.ts'
import type { Facts } from './scene.ts'
import type { HttpResult } from './section.ts'

export function httpText(results: readonly HttpResult[]): string {
  return results
    .map(({ era, targets }) => turnsText(`http, ${era}`, '÷ pass', targets))
    .join('\n\n')
}

/** One table for each attack: what it did to each target, then what became of it. */
export function hostileText(results: readonly HostileResult[]): string {
  const attacks = new Map(results.map((one) => [one.attack, one]))
  const parts = [...attacks.values()].map(({ attack, attackClass, what }) => {
    const rows = results.filter((one) => one.attack === attack)
    const measured = rows.filter((one) => one.failed === undefined)
    const title = `hostile${attackClass === 'none' ? '' : `, ${attackClass}`}: ${what}`
    if (measured.length === 0) return [title, ...failures(rows)].join('\n')
    const times = ['calm p50 µs', 'during p50 µs', 'calm p99 µs', 'during p99 µs', 'p99 ×']
    const cells = measured.map(({ name, growthMb, calm, during, slower }) => [
      name,
      growthMb,
      calm.p50Us,
      during.p50Us,
      calm.p99Us,
      during.p99Us,
      slower,
      during.calls,
    ])
    const head = ['', 'RSS grew MB', ...times, 'calls beside']
    const told = measured
      .map((one) => `${one.name}: ${factsText(one.facts)}`)
      .filter((line) => !line.endsWith(': '))
    return [title, table(head, cells), ...told, ...failures(rows)].join('\n')
  })
  return parts.join('\n\n')
}

function factsText(facts: Facts): string {
  return Object.entries(facts)
    .map(([name, value]) => `${name} ${number(value)}`)
    .join(', ')
}
