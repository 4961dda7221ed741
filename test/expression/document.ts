/** Builds document trees and compiles what stands in them, for the tests of this room. */
import * as fc from 'fast-check'
import { readText } from '../../src/document/read.ts'
import { parseConstraint } from '../../src/expression/constraint.ts'
import type { Constraint, ConstraintScope } from '../../src/expression/clause.ts'
import { compileCondition, type Condition } from '../../src/expression/condition.ts'
import { type DocNode, Problems, problemText } from '../../src/model/document.ts'
import type { PolicyScope } from '../../src/expression/names-in-scope.ts'
import type { JsonObject } from '../../src/model/json.ts'

export function docOf(text: string): DocNode {
  const read = readText(text, 'm.yaml')
  if (!read.node) throw new Error(read.problems.map(problemText).join('\n'))
  return read.node
}

const EMPTY_SCOPE: ConstraintScope = { purpose: 'nothing in particular', context: new Map() }

/** Compiles a constraint written as YAML; throws its problems. */
export function constraint(yaml: string, scope: ConstraintScope = EMPTY_SCOPE): Constraint {
  const problems = new Problems()
  const compiled = parseConstraint(docOf(yaml), scope, problems)
  const errors = problems.list.filter((found) => found.level === 'error')
  if (!compiled || errors.length > 0) throw new Error(errors.map(problemText).join('\n'))
  return compiled
}

/** The problems of a constraint written as YAML, one line each. */
export function constraintProblems(
  yaml: string,
  scope: ConstraintScope = EMPTY_SCOPE,
): readonly string[] {
  const problems = new Problems()
  const compiled = parseConstraint(docOf(yaml), scope, problems)
  if (compiled !== undefined && problems.bad) throw new Error('compiled in spite of an error')
  return problems.list.map((found) => `${found.id} ${problemText(found)}`)
}

/** A text as a scalar that stands at line 1, column 7, as in `when: …`. */
function scalar(value: string): DocNode {
  return { kind: 'scalar', value, path: 'when', place: { file: 'm.yaml', line: 1, column: 7 } }
}

/** Compiles a condition; throws its problems. */
export function condition(source: string, inputSchema?: JsonObject): Condition {
  const problems = new Problems()
  const scope = { purpose: 'approve vendors', ref: 'PROC-1', ...(inputSchema && { inputSchema }) }
  const compiled = compileCondition(scalar(source), scope, problems)
  if (!compiled || problems.bad) throw new Error(problems.list.map(problemText).join('\n'))
  return compiled
}

/** The problems of a condition, one line each. */
export function conditionProblems(source: string, inputSchema?: JsonObject): readonly string[] {
  const problems = new Problems()
  const scope = { purpose: 'approve vendors', ...(inputSchema && { inputSchema }) }
  const compiled = compileCondition(scalar(source), scope, problems)
  if (compiled !== undefined && problems.bad) throw new Error('compiled in spite of an error')
  return problems.list.map((found) => `${found.id} ${problemText(found)}`)
}

/** Sets and a zone as a policy has them. */
const POLICY: PolicyScope['policy'] = {
  sets: new Map<string, readonly (string | number | boolean)[]>([
    ['partners', ['acme.example', 'partner.example']],
    ['levels', [1, 2]],
    ['none', []],
    ['mixed', ['a', 1]],
  ]),
  timezone: 'Europe/Berlin',
}

/** Compiles a condition of a policy; throws its problems, warnings among them. */
export function policyCondition(
  source: string,
  inputSchema?: JsonObject,
  policy: PolicyScope['policy'] = POLICY,
): Condition {
  const problems = new Problems()
  const scope = { policy, ...(inputSchema && { inputSchema }) }
  const compiled = compileCondition(scalar(source), scope, problems)
  if (!compiled || problems.list.length > 0)
    throw new Error(problems.list.map(problemText).join('\n'))
  return compiled
}

/** The problems of a policy's condition, one line each. */
export function policyProblems(
  source: string,
  inputSchema?: JsonObject,
  policy: PolicyScope['policy'] = POLICY,
): readonly string[] {
  const problems = new Problems()
  const scope = { policy, ...(inputSchema && { inputSchema }) }
  const compiled = compileCondition(scalar(source), scope, problems)
  if (compiled !== undefined && problems.bad) throw new Error('compiled in spite of an error')
  return problems.list.map((found) => `${found.id} ${problemText(found)}`)
}

/** Texts of any UTF-16 units, halves of surrogate pairs among them. */
export const anyText: fc.Arbitrary<string> = fc
  .array(fc.oneof(fc.integer({ min: 0, max: 0xff_ff }), fc.integer({ min: 0, max: 0x7f })), {
    maxLength: 30,
  })
  .map((units) => String.fromCharCode(...units))
