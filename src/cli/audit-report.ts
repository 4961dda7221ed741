/** How `audit verify` says what it found. */
import type { Finding } from '../audit/verify/finding.ts'
import type { LogReport } from '../audit/verify/log.ts'
import { type CliIo, paint, printable, type Style } from './io.ts'

const STYLES = { fine: 'green', tampered: 'red', unproven: 'yellow' } as const satisfies Record<
  LogReport['verdict'],
  Style
>

export function logLines(report: LogReport, io: CliIo): readonly string[] {
  const { log, verdict, findings, count } = report
  const label = paint(io, STYLES[verdict], verdict)
  const more = count > findings.length ? [`  and ${count - findings.length} more`] : []
  return [
    `${printable(log)}: ${label}`,
    `  ${reachText(report)}`,
    `  ${partsText(report)}`,
    ...findings.map((finding) => `  ${printable(findingText(finding))}`),
    ...more,
  ]
}

function findingText({ file, line, message }: Finding): string {
  const where = line === undefined ? file : `${file}:${line}`
  return file === '' ? message : `${where}: ${message}`
}

function reachText({ records, signed, unchecked, anchored }: LogReport): string {
  const rest = records - signed - unchecked
  const parts = [
    counted(records, 'record'),
    ...(signed > 0 ? [`signed up to ${signed}`] : []),
    ...(signed + unchecked === 0 ? ['nothing of it is signed'] : []),
    ...(unchecked > 0 ? [`${unchecked} could not be checked against what is signed`] : []),
    ...(signed + unchecked > 0 && rest > 0 ? [`the last ${rest} not signed yet`] : []),
    anchored > 0 ? `anchored up to ${anchored}` : 'not anchored',
  ]
  return parts.join(', ')
}

function partsText({ first, last, files, objects, erased }: LogReport): string {
  const parts = [
    ...(first === undefined || last === undefined ? [] : [`${first} to ${last}`]),
    counted(files, 'file'),
    counted(objects, 'object'),
    ...(erased > 0 ? [`${erased} erased`] : []),
  ]
  return parts.join(', ')
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`
}

/** What the verdict rests on. `beside`: faults that are in no one log. */
export function anchoringText(
  reports: readonly LogReport[],
  anchors: boolean,
  beside: number,
): string {
  const tampered = reports.filter(({ verdict }) => verdict === 'tampered').length
  const logs = counted(reports.length, 'log')
  const total =
    beside === 0
      ? `${logs}, ${tampered} tampered`
      : `${logs}, ${tampered} of them tampered with by itself, ${counted(beside, 'fault')} between or beside`
  if (anchors)
    return `${total}; what is not anchored can be rewritten by whoever has the private key`
  return `${total}; no anchors were given: whoever has the private key could have rewritten all of it`
}
