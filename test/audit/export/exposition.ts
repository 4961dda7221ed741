/** Reads the text format of Prometheus back, strictly: a line that is none fails. */

export interface Sample {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

const SAMPLE = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$/su
const LABEL = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\"n])*)"(?:,|$)/gsu

export function parseExposition(text: string): readonly Sample[] {
  if (text !== '' && !text.endsWith('\n')) throw new Error('the last line has no end')
  return text
    .split('\n')
    .slice(0, -1)
    .filter((line) => !/^# (?:HELP|TYPE) [a-zA-Z_:]/.test(line))
    .map(sampleOf)
}

function sampleOf(line: string): Sample {
  const [, name, labels = '', value = ''] = SAMPLE.exec(line) ?? []
  if (name === undefined) throw new Error(`no sample: ${line}`)
  const found = [...labels.matchAll(LABEL)]
  if (found.map(([all]) => all).join('') !== labels) throw new Error(`no labels: ${labels}`)
  const unescaped = (text: string): string =>
    text.replaceAll(/\\([\\"n])/g, (_, sign: string) => (sign === 'n' ? '\n' : sign))
  return {
    name,
    labels: Object.fromEntries(found.map(([, key = '', text = '']) => [key, unescaped(text)])),
    value: value === '+Inf' ? Number.POSITIVE_INFINITY : Number(value),
  }
}
