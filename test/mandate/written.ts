/** Mandates written as text, as a person would, loaded without a disk. */
import { type ReadDocument, readText } from '../../src/document/read.ts'
import { compileMandate } from '../../src/mandate/compile.ts'
import { parseMandate } from '../../src/mandate/parse.ts'
import type { CompiledMandate } from '../../src/model/authority.ts'
import type { CallContext } from '../../src/model/call.ts'
import { type Problem, problemText, Problems } from '../../src/model/document.ts'
import { callId, type Instant, instant, sha256, type Sha256 } from '../../src/model/id.ts'
import type { JsonObject } from '../../src/model/json.ts'
import type { Mandate } from '../../src/model/mandate.ts'
import type { ToolDefinition } from '../../src/model/tool.ts'

export const DIGEST: Sha256 = sha256('0'.repeat(64))

/** What every mandate needs; what a test is about comes after it, from line 5 on. */
export const HEAD = `mandate: intake
agent: agent-1
purpose: { text: Approve class B vendors, ref: PROC-1182 }
valid: { until: 2026-12-31T18:00:00Z }
`

export interface Written {
  readonly mandate?: Mandate
  readonly problems: readonly Problem[]
}

/** Parses a mandate; roles are texts by the path at which the mandate looks for them. */
export function parse(text: string, roles: Readonly<Record<string, string>> = {}): Written {
  const { node, problems: found } = readText(text, 'm.yaml')
  const problems = new Problems()
  for (const problem of found) problems.add(problem)
  if (!node) return { problems: problems.list }
  const read = (path: string): ReadDocument => {
    const role = roles[path]
    if (role !== undefined) return { digest: DIGEST, ...readText(role, path) }
    const message = `cannot read \`${path}\`: no such file`
    return { problems: [{ id: 'no_such_file', level: 'error', message }] }
  }
  const mandate = parseMandate({ node, file: 'm.yaml', digest: DIGEST }, read, problems)
  return { ...(mandate && { mandate }), problems: problems.list }
}

/** What stands after the head of a mandate that must load, compiled. */
export function compiled(
  body: string,
  roles: Readonly<Record<string, string>> = {},
): CompiledMandate {
  return compiledText(HEAD + body, roles)
}

/** A whole mandate that must load, compiled. */
export function compiledText(
  text: string,
  roles: Readonly<Record<string, string>> = {},
): CompiledMandate {
  const { mandate, problems } = parse(text, roles)
  const found = new Problems()
  const result = mandate && compileMandate(mandate, found)
  if (result) return result
  throw new Error([...problems, ...found.list].map(problemText).join('\n'))
}

export function tool(server: string, name: string, properties?: JsonObject): ToolDefinition {
  const raw = properties ? { name, inputSchema: { type: 'object', properties } } : { name }
  return { server, name, raw, definition: DIGEST }
}

/** A Wednesday, 11:00 in Berlin. */
export const AT: Instant = instant(Date.UTC(2026, 10, 25, 10))

export function call(
  args: JsonObject,
  given: Partial<Pick<CallContext, 'at' | 'action' | 'resource' | 'session' | 'environment'>> = {},
): CallContext {
  return {
    id: callId('call-1'),
    at: AT,
    principal: { agent: 'agent-1', assurance: 'launch_line' },
    action: 'tools/call',
    resource: { kind: 'tool', server: 'vendors', name: 'approve', definition: DIGEST },
    args,
    environment: 'prod',
    risk: 'normal',
    session: { id: 'task-1', labels: [] },
    ...given,
  }
}
