/** What an example claims and what it found: shown line by line, kept for `--json`, and counted for the exit code. */
import { paint, printable, wantsColor } from '../src/cli/io.ts'

/** One claim. `expected` and `actual` are compared as they are. */
export interface Claim {
  readonly title: string
  readonly expected: string
  readonly actual: string
  /** What to show beside it in place of `actual`. */
  readonly shown?: string
}

interface Step extends Claim {
  readonly chapter: string
  readonly ok: boolean
}

const LEAST_COLUMNS = 60
const MOST_COLUMNS = 120
const DEFAULT_COLUMNS = 100
const INDENT = '   '

export class Report {
  readonly json: boolean
  readonly columns: number
  readonly #color: boolean
  readonly #steps: Step[] = []
  readonly #began: number = performance.now()
  #chapter = ''
  #chapters = 0

  constructor(argv: readonly string[]) {
    const { stdout, env } = process
    this.json = argv.includes('--json')
    this.#color = !this.json && wantsColor(env, stdout.isTTY)
    const wide = stdout.isTTY ? stdout.columns : DEFAULT_COLUMNS
    this.columns = Math.min(Math.max(wide, LEAST_COLUMNS), MOST_COLUMNS)
  }

  title(text: string): void {
    this.#print(paint({ color: this.#color }, 'bold', text))
  }

  chapter(title: string): void {
    this.#chapter = title
    this.#chapters += 1
    this.#print('')
    this.#print(paint({ color: this.#color }, 'bold', `${this.#chapters}  ${title}`))
  }

  /** Says something that is not claimed. */
  say(text: string, style: 'dim' | 'cyan' = 'dim'): void {
    for (const line of wrapped(text, this.columns - INDENT.length)) {
      this.#print(`${INDENT}${paint({ color: this.#color }, style, line)}`)
    }
  }

  /** Shows what another program printed, as it printed it, cut to the width. */
  quote(text: string): void {
    for (const line of text.trimEnd().split('\n')) {
      this.#print(`${INDENT}${paint({ color: this.#color }, 'dim', `│ ${this.#fit(line, 5)}`)}`)
    }
  }

  /** Two columns under two headings, each wrapped to its half. */
  columnsOf(
    headings: readonly [string, string],
    rows: readonly { readonly name: string; readonly cells: readonly [string, string] }[],
  ): void {
    const names = Math.max(...rows.map(({ name }) => name.length)) + 2
    const right = Math.max(headings[1].length, Math.floor(this.columns / 4))
    const left = this.columns - INDENT.length - names - right - 2
    const look = { color: this.#color }
    const head = `${''.padEnd(names)}${headings[0].padEnd(left)}  ${headings[1]}`
    this.#print(`${INDENT}${paint(look, 'dim', head)}`)
    for (const { name, cells } of rows) {
      const [offered, seen] = [wrapped(cells[0], left), wrapped(cells[1], right)]
      for (let at = 0; at < Math.max(offered.length, seen.length); at += 1) {
        const first = (at === 0 ? name : '').padEnd(names)
        const second = paint(look, 'dim', (offered[at] ?? '').padEnd(left))
        const last = seen[at]
        const third = last === undefined ? '' : `  ${paint(look, 'green', last)}`
        this.#print(`${INDENT}${first}${second}${third}`.trimEnd())
      }
    }
  }

  /** Compares, shows and keeps. */
  claim(claim: Claim): void {
    const ok = claim.expected === claim.actual
    this.#steps.push({ chapter: this.#chapter, ...claim, ok })
    const look = { color: this.#color }
    const mark = ok ? paint(look, 'green', '✓') : paint(look, 'red', '✗')
    const left = Math.floor((this.columns - INDENT.length - 2) * 0.56)
    const title = cut(printable(claim.title), left - 1).padEnd(left)
    const right = this.#fit(
      (ok ? claim.shown : undefined) ?? claim.actual,
      INDENT.length + 2 + left,
    )
    this.#print(`${INDENT}${mark} ${title}${paint(look, ok ? 'cyan' : 'red', right)}`)
    if (!ok)
      this.#print(`${INDENT}  ${paint(look, 'red', `expected ${printable(claim.expected)}`)}`)
  }

  /** The verdict, and the exit code that says it. */
  end(facts: Readonly<Record<string, unknown>>): number {
    const wrong = this.#steps.filter(({ ok }) => !ok).length
    const ok = wrong === 0 && this.#steps.length > 0
    const tookMs = Math.round(performance.now() - this.#began)
    if (this.json) {
      const document = { ok, tookMs, ...facts, steps: this.#steps }
      process.stdout.write(`${JSON.stringify(document, undefined, 2)}\n`)
      return ok ? 0 : 1
    }
    const look = { color: this.#color }
    const count = `${this.#steps.length} claims in ${(tookMs / 1000).toFixed(1)} s`
    this.#print('')
    this.#print(
      ok
        ? `${paint(look, 'green', 'all as claimed')}: ${count}`
        : `${paint(look, 'red', `${wrong} not as claimed`)}: ${count}`,
    )
    return ok ? 0 : 1
  }

  #fit(text: string, used: number): string {
    return cut(printable(text.replaceAll('\n', ' ')), this.columns - used)
  }

  #print(line: string): void {
    if (!this.json) process.stdout.write(`${line}\n`)
  }
}

function cut(text: string, width: number): string {
  return text.length <= width ? text : `${text.slice(0, Math.max(0, width - 1))}…`
}

function wrapped(text: string, width: number): readonly string[] {
  const lines: string[] = []
  let line = ''
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line)
      line = word
    } else line = line === '' ? word : `${line} ${word}`
  }
  return [...lines, line].map((one) => cut(one, width))
}
