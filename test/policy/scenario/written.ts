/** Test files and policies as texts, read and ready to run. */
import { readText } from '../../../src/document/read.ts'
import { digestOf } from '../../../src/model/digest.ts'
import { type DocNode, Problems, problemText } from '../../../src/model/document.ts'
import { canonical, type JsonObject } from '../../../src/model/json.ts'
import type { ToolDefinition } from '../../../src/model/tool.ts'
import type { EngineSelection } from '../../../src/policy/compile.ts'
import { parsePolicy } from '../../../src/policy/parse.ts'
import { parseScenario } from '../../../src/policy/scenario/parse.ts'
import {
  type PolicyDocument,
  runSuite,
  type Suite,
  type SuiteResult,
  suiteOf,
  type SuiteSource,
} from '../../../src/policy/scenario/suite.ts'
import { Task } from '../../../src/state/task.ts'

export interface With {
  readonly tools?: Readonly<Record<string, JsonObject>>
  readonly engines?: readonly EngineSelection[]
  readonly mandate?: SuiteSource['mandate']
}

function nodeOf(text: string, file: string, problems: Problems): DocNode | undefined {
  const read = readText(text, file)
  for (const problem of read.problems) problems.add(problem)
  return read.node
}

/** @throws Error with the problems where the text does not load */
export function policyOf(text: string, file = 'p.yaml'): PolicyDocument {
  const problems = new Problems()
  const node = nodeOf(text, file, problems)
  const policy = node && parsePolicy({ node, file }, problems)
  if (!node || !policy) throw new Error(problems.list.map(problemText).join('\n'))
  return { file, node, policy }
}

/** What is wrong with a test file, as `id line`. */
export function problemsOf(policy: string, test: string, given: With = {}): readonly string[] {
  const problems = new Problems()
  suiteWith(policy, test, given, problems)
  return problems.list.map(({ id, place }) => `${id} ${place?.line ?? 0}`)
}

export function suite(policy: string, test: string, given: With = {}): Suite {
  const problems = new Problems()
  const made = suiteWith(policy, test, given, problems)
  if (!made) throw new Error(problems.list.map(problemText).join('\n'))
  return made
}

function suiteWith(
  policy: string,
  test: string,
  given: With,
  problems: Problems,
): Suite | undefined {
  const node = nodeOf(test, 't.test.yaml', problems)
  const scenario = node && parseScenario({ node, file: 't.test.yaml' }, problems)
  if (!scenario) return undefined
  return suiteOf(
    {
      scenario,
      documents: [policyOf(policy)],
      engines: given.engines ?? [],
      revision: digestOf(policy),
      tools: toolsOf(given.tools ?? {}),
      newTask: (id) => new Task(id),
      ...(given.mandate && { mandate: given.mandate }),
    },
    problems,
  )
}

function toolsOf(tools: Readonly<Record<string, JsonObject>>): ReadonlyMap<string, ToolDefinition> {
  return new Map(
    Object.entries(tools).map(([full, inputSchema]) => {
      const [server = '', name = ''] = full.split('/')
      const raw = { name, inputSchema }
      return [full, { server, name, raw, definition: digestOf(canonical(raw)) }]
    }),
  )
}

export const CHANCE = { seed: 1, runs: 500 }

export function run(policy: string, test: string, given: With = {}): SuiteResult {
  return runSuite(suite(policy, test, given), () => true, CHANCE)
}

/** What differs in which case. */
export function failing(policy: string, test: string, given: With = {}): readonly string[] {
  return run(policy, test, given).cases.flatMap(({ case: one, mismatches }) =>
    mismatches.map(({ what, expected, actual }) => `${one.name}: ${what} ${expected} ≠ ${actual}`),
  )
}
