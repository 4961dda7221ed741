/** Looks for mistakes in Cedar policies before anything is asked: against the schema of the tools that are known. */
import { GuardError } from '../model/error.ts'
import type { Place, Problem } from '../model/document.ts'
import { inputSchema, type ToolDefinition } from '../model/tool.ts'
import {
  type CedarLibrary,
  type DetailedError,
  errorsText,
  loadLibrary,
  type Schema,
} from './cedar-library.ts'
import { METHODS, schemaJson } from './cedar-schema.ts'
import { argumentsType, unread } from './cedar-type.ts'
import { missingPackage } from './package.ts'
import type { CedarText } from './thread.ts'

export interface CedarCheck {
  readonly policies: readonly CedarText[]
  /** Those that the engine is asked about. */
  readonly tools: readonly ToolDefinition[]
  readonly send: readonly string[]
}

/**
 * What is wrong with the policies: what does not parse, an unknown tool or argument, a type that does not fit, an optional
 * argument read without `has`, a policy that can never match.
 *
 * @throws GuardError ERR_CONFIG_INVALID when the package is not installed
 */
export async function validateCedar(check: CedarCheck): Promise<readonly Problem[]> {
  const cedar = await library()
  const tools = check.tools.map((tool) => ({
    id: `${tool.server}/${tool.name}`,
    type: argumentsType(inputSchema(tool)),
  }))
  const typed = { tools, methods: [], mentioned: Object.values(METHODS), send: check.send }
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- built to be one; Cedar says so where it is none
  const schema = schemaJson(typed) as unknown as Schema
  const unseen = tools.flatMap(({ id, type }) =>
    unread(type).map((path) => unseenArgument(id, path)),
  )
  return [...check.policies.flatMap((text) => problemsIn(text, schema, cedar)), ...unseen]
}

async function library(): Promise<CedarLibrary> {
  try {
    return await loadLibrary()
  } catch (error) {
    const missing = missingPackage(error)
    if (missing === undefined) throw error
    throw new GuardError('ERR_CONFIG_INVALID', `a Cedar engine: ${missing}`, { cause: error })
  }
}

function unseenArgument(tool: string, path: string): Problem {
  return {
    id: 'cedar_unseen_argument',
    level: 'warning',
    message: `Cedar has no type for the argument \`${path}\` of \`${tool}\`: no Cedar policy can read it`,
    remedy: 'restrict it in the mandate or in a rule of a policy',
  }
}

function problemsIn(source: CedarText, schema: Schema, cedar: CedarLibrary): readonly Problem[] {
  const parts = cedar.policySetTextToParts(source.text)
  if (parts.type === 'failure')
    return parts.errors.map((error) => problemOf('cedar_syntax', 'error', error, source))
  const [template] = parts.policy_templates
  if (template !== undefined)
    return [
      {
        ...TEMPLATE,
        place: placeAt(source, Buffer.byteLength(source.text.slice(0, source.text.indexOf('?')))),
      },
    ]
  const answer = cedar.validate({ schema, policies: { staticPolicies: source.text } })
  if (answer.type === 'failure')
    return answer.errors.map((error) => problemOf('cedar_invalid', 'error', error, source))
  return [
    ...answer.validationErrors.map(({ error }) =>
      problemOf('cedar_invalid', 'error', error, source),
    ),
    ...answer.validationWarnings.map(({ error }) =>
      problemOf('cedar_suspect', 'warning', error, source),
    ),
  ]
}

const TEMPLATE: Problem = {
  id: 'cedar_template',
  level: 'error',
  message: 'it holds a template, which nothing here fills in',
  remedy: 'write the policy out',
}

function problemOf(
  id: string,
  level: Problem['level'],
  error: DetailedError,
  source: CedarText,
): Problem {
  const start = error.sourceLocations?.[0]?.start ?? 0
  return { id, level, place: placeAt(source, start), message: errorsText([error]) }
}

/** Cedar counts bytes of UTF-8. */
function placeAt({ file, text }: CedarText, offset: number): Place {
  const before = Buffer.from(text).subarray(0, Math.max(0, offset)).toString().split('\n')
  return { file, line: before.length, column: (before.at(-1)?.length ?? 0) + 1 }
}
