/** Which rules the tests of a set name: those that some case expects to decide, or to lay on a duty. */
import type { DocNode } from '../../model/document.ts'
import type { CompiledPolicies } from '../compile.ts'

/** Members of a case whose values are rules; `rule` is what a matrix of them is called. */
const NAMING = ['by', 'rule', 'shadow', 'obligations']
/** Members of a case that say what is called, and when: a word there is no rule. */
const GIVEN = ['call', 'args', 'history', 'engines', 'effects', 'data']

/** The names of these rules, `policy#rule`; a test may name one by its id alone. */
export function rulesTested(
  tests: readonly DocNode[],
  { rules }: CompiledPolicies,
): ReadonlySet<string> {
  const written = new Set(tests.flatMap(casesIn).flatMap((node) => namesIn(node, false)))
  const named = rules.filter(({ source }) => written.has(source.name) || written.has(source.id))
  return new Set(named.map(({ source }) => source.name))
}

function casesIn(test: DocNode): readonly DocNode[] {
  if (test.kind !== 'map') return []
  return test.entries.flatMap(({ key, value }) => (key === 'cases' ? [value] : []))
}

function namesIn(node: DocNode, naming: boolean): readonly string[] {
  if (node.kind === 'scalar') return naming && typeof node.value === 'string' ? [node.value] : []
  if (node.kind === 'list') return node.items.flatMap((item) => namesIn(item, naming))
  return node.entries.flatMap(({ key, value }) =>
    GIVEN.includes(key) ? [] : namesIn(value, naming || NAMING.includes(key)),
  )
}
