/** From the text of a mandate to the object that decides, through the same doors as the guard. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { compileMandate } from '../../src/mandate/compile.ts'
import { loadMandate } from '../../src/mandate/load.ts'
import type { CompiledMandate } from '../../src/model/authority.ts'
import { Problems, problemText, type Problem } from '../../src/model/document.ts'

/** @throws Error with the problems of a mandate that does not load or compile. */
export function compileText(text: string): CompiledMandate {
  const folder = mkdtempSync(join(tmpdir(), 'chaperone-bench-'))
  try {
    const file = join(folder, 'mandate.yaml')
    writeFileSync(file, text)
    const loaded = loadMandate(file)
    if (loaded.mandate === undefined) throw new Error(told(loaded.problems))
    const problems = new Problems()
    const compiled = compileMandate(loaded.mandate, problems)
    if (compiled === undefined) throw new Error(told(problems.list))
    return compiled
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function told(problems: readonly Problem[]): string {
  return problems.slice(0, 5).map(problemText).join('; ')
}
