/** The names that files of a log have. */
const AUDIT = /^audit-(0|[1-9]\d{0,15})\.jsonl$/
const CHECKPOINTS = /^checkpoints-(0|[1-9]\d{0,15})$/

export const LATEST = 'checkpoint'

export interface Numbered {
  readonly name: string
  readonly first: number
}

/** Is there anything of a log in this folder? */
export function holdsLog(names: readonly string[]): boolean {
  return names.some((name) => AUDIT.test(name) || CHECKPOINTS.test(name) || name === LATEST)
}

/** In their order. */
export function auditFiles(names: readonly string[]): readonly Numbered[] {
  return numbered(names, AUDIT)
}

export function checkpointFiles(names: readonly string[]): readonly Numbered[] {
  return numbered(names, CHECKPOINTS)
}

function numbered(names: readonly string[], form: RegExp): readonly Numbered[] {
  return names
    .flatMap((name) => {
      const match = form.exec(name)
      return match ? [{ name, first: Number(match[1]) }] : []
    })
    .sort((a, b) => a.first - b.first)
}
