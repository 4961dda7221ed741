/**
 * What the headers of a request say of its message: the era that it belongs to, and whether they agree with the body (MCP
 * 2026-07-28, Streamable HTTP, Request Metadata). The body decides; headers that say otherwise are refused.
 */
import type { IncomingHttpHeaders } from 'node:http'
import { isObject, member, type JsonObject } from '../../../model/json.ts'
import type { Era } from '../../../model/record.ts'
import type { HeaderMirror } from '../../../pipeline/port.ts'
import { checkMirror, decodedHeader, mirrorOf } from '../../mirror.ts'
import { LEGACY_VERSIONS, META, MODERN_VERSIONS } from '../../protocol.ts'

export interface Head {
  readonly era: Era
  /** What disagrees, from a closed set of texts. */
  readonly fault?: string
  /** Of a modern call: compares the headers that stand for arguments, once the tool is known. */
  readonly mirror?: HeaderMirror
}

const LEGACY: Head = { era: 'legacy' }

export function headOf(headers: IncomingHttpHeaders, message: JsonObject): Head {
  const version = headers['mcp-protocol-version']
  const said = versionIn(message)
  const legacy = version === undefined || LEGACY_VERSIONS.some((known) => known === version)
  if (legacy && said === undefined) return LEGACY
  if (version === undefined) return mismatch('`MCP-Protocol-Version` is missing')
  if (said === undefined && !MODERN_VERSIONS.some((known) => known === version))
    return mismatch('`MCP-Protocol-Version` names no version that is spoken here')
  if (said !== undefined && said !== version)
    return mismatch('`MCP-Protocol-Version` is not what the body says')
  const fault = methodFault(headers, message) ?? nameFault(headers, message)
  if (fault !== undefined) return mismatch(fault)
  return message['method'] === 'tools/call' ? { era: 'modern', mirror: mirrorIn(headers) } : MODERN
}

const MODERN: Head = { era: 'modern' }

function mismatch(fault: string): Head {
  return { era: 'modern', fault }
}

function versionIn(message: JsonObject): unknown {
  const params = message['params']
  const meta = isObject(params) ? member(params, '_meta') : undefined
  return isObject(meta) ? member(meta, META.version) : undefined
}

function methodFault(headers: IncomingHttpHeaders, { id, method }: JsonObject): string | undefined {
  const said = headers['mcp-method']
  // What headers a notification has is not said anywhere.
  if (said === undefined) return id === undefined ? undefined : '`Mcp-Method` is missing'
  return said === method ? undefined : '`Mcp-Method` is not what the body says'
}

/** The member of `params` that `Mcp-Name` repeats. */
const NAMED: ReadonlyMap<unknown, string> = new Map([
  ['tools/call', 'name'],
  ['prompts/get', 'name'],
  ['resources/read', 'uri'],
])

function nameFault(
  headers: IncomingHttpHeaders,
  { method, params }: JsonObject,
): string | undefined {
  const key = NAMED.get(method)
  const said = headers['mcp-name']
  if (key === undefined) return undefined
  const name = isObject(params) ? member(params, key) : undefined
  if (said === undefined) return '`Mcp-Name` is missing'
  const text = typeof said === 'string' ? decodedHeader(said) : undefined
  return text === name ? undefined : '`Mcp-Name` is not what the body says'
}

function mirrorIn(headers: IncomingHttpHeaders): HeaderMirror {
  return {
    fault: (tool, args) => {
      const mirror = mirrorOf(tool)
      return mirror.kind === 'mirror' ? checkMirror(headers, mirror.args, args) : undefined
    },
  }
}
