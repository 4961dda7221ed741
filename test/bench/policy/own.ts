/** Our own engine: the compiled mandate under the compiled policies, asked as the line asks it. */
import { compileText } from '../compile.ts'
import { problemText } from '../../../src/model/document.ts'
import { sha256 } from '../../../src/model/id.ts'
import type { CompiledPolicies } from '../../../src/policy/compile.ts'
import { guarded, type GuardedMandate } from '../../../src/policy/guarded.ts'
import { loadPolicies, type PolicyText } from '../../../src/policy/load.ts'
import { deciderOf, type Engine } from './engine.ts'
import { MANDATE, policyTexts } from './table.ts'

const REVISION = sha256('b'.repeat(64))

/** @throws Error with the problems of a set that does not load */
export function loadSet(texts: readonly PolicyText[]): CompiledPolicies {
  const { policies, problems } = loadPolicies(texts, [], REVISION)
  if (policies) return policies
  throw new Error(problems.slice(0, 5).map(problemText).join('; '))
}

export function ownMandate(): GuardedMandate {
  return guarded(compileText(MANDATE), loadSet(policyTexts()), 'prod')
}

export function ownEngine(mandate: GuardedMandate = ownMandate()): Engine {
  return {
    name: 'chaperone',
    prepare: (calls) =>
      deciderOf(
        calls,
        (asked) => asked,
        ({ tool, call }) => mandate.tool(tool).decide(call).effect,
      ),
  }
}
