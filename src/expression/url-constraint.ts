/** The constraint `url`: scheme, host, port and path of an address that an upstream will connect to. */
import type { DocNode, Problems } from '../model/document.ts'
import { clause, type ClauseParser, TAKES, textSteps } from './clause.ts'
import { compileGlob, type Glob } from './glob.ts'
import { hostsOf } from './host.ts'
import { listed, membersOf, textsOf, wrongForm } from './reader.ts'
import { DEFAULT_PORTS, isPlainUrlPath, readUrl, type Url } from './url.ts'

/** Schemes whose URLs name no host. */
const HOSTLESS: ReadonlySet<string> = new Set([
  'file',
  'data',
  'javascript',
  'mailto',
  'blob',
  'about',
])

/**
 * `url: { scheme: [https], host: [api.example.com], port: [8443], path: [/v1/**] }`. Scheme and host must be given;
 * without `port` only the scheme's own port holds. What the host name resolves to, and where redirects lead, only
 * whoever connects can see.
 */
export const url: ClauseParser = (node, { problems }) => {
  const members = membersOf(node, ['scheme', 'host', 'port', 'path'], problems)
  if (!members) return undefined
  const hostNode = required(node, members.get('host'), 'host', problems)
  const schemeNode = required(node, members.get('scheme'), 'scheme', problems)
  const portNode = members.get('port')
  const pathNode = members.get('path')
  const schemes = schemeNode && schemesOf(schemeNode, portNode === undefined, problems)
  const hostTexts = hostNode && textsOf(hostNode, problems)
  const hosts = hostTexts && hostsOf(hostTexts, problems)
  const ports = portNode && portsOf(portNode, problems)
  const paths = pathNode && pathsOf(pathNode, problems)
  if (!schemes || !hosts || (portNode && !ports) || (pathNode && !paths)) return undefined
  const isPermitted = (found: Url): boolean => {
    if (!schemes.has(found.scheme) || !hosts.includes(found.host)) return false
    if (ports ? !ports.has(found.port ?? 0) : found.port !== DEFAULT_PORTS[found.scheme])
      return false
    return !paths || isOnPath(found.path, paths)
  }
  const onPort = ports ? ` on port ${listed([...ports].map(String))}` : ' on its default port'
  const onPath = paths ? `, path ${listed(paths.map((glob) => glob.source))}` : ''
  const describe = `is a URL with scheme ${listed([...schemes])}, host ${hosts.describe}${onPort}${onPath}`
  return {
    ...clause('url', describe, TAKES.text, (value) => {
      const found = typeof value === 'string' ? readUrl(value) : undefined
      return found !== undefined && isPermitted(found)
    }),
    cost: textSteps(100, 2),
    hint: (value) =>
      typeof value === 'string' && !readUrl(value)
        ? 'it is no URL that every parser reads alike'
        : undefined,
  }
}

function isOnPath(path: string, globs: readonly Glob[]): boolean {
  if (!isPlainUrlPath(path)) return false
  for (const glob of globs) if (glob.matches(path)) return true
  return false
}

function required(
  node: DocNode,
  found: DocNode | undefined,
  name: string,
  problems: Problems,
): DocNode | undefined {
  if (!found)
    problems.error(
      node,
      'missing_member',
      `\`${node.path}\` names no ${name}`,
      `add \`${name}:\` with what is permitted`,
    )
  return found
}

function schemesOf(
  node: DocNode,
  needsDefault: boolean,
  problems: Problems,
): ReadonlySet<string> | undefined {
  const texts = textsOf(node, problems)
  if (!texts) return undefined
  const before = problems.list.length
  for (const { text, node: item } of texts) {
    if (!/^[a-z][a-z0-9+.-]*$/.test(text))
      wrongForm(item, problems, 'a scheme in lower case', 'write `https`, without `://`')
    else if (HOSTLESS.has(text))
      problems.error(
        item,
        'invalid_scheme',
        `\`${text}\` URLs name no host`,
        text === 'file' ? 'use `path` for files' : 'remove it',
      )
    else if (needsDefault && DEFAULT_PORTS[text] === undefined)
      problems.error(
        item,
        'missing_member',
        `\`${text}\` has no default port`,
        'add `port:` with the ports that are permitted',
      )
  }
  return problems.list.length > before ? undefined : new Set(texts.map((item) => item.text))
}

function portsOf(node: DocNode, problems: Problems): ReadonlySet<number> | undefined {
  const items = node.kind === 'list' ? node.items : [node]
  const ports = new Set<number>()
  for (const item of items) {
    const value = item.kind === 'scalar' ? item.value : undefined
    if (typeof value === 'number' && Number.isInteger(value) && value > 0 && value <= 65_535)
      ports.add(value)
    else return wrongForm(item, problems, 'a port', 'write a number from 1 to 65535')
  }
  return ports.size === 0
    ? wrongForm(node, problems, 'at least one port', 'leave it out for the default port')
    : ports
}

function pathsOf(node: DocNode, problems: Problems): readonly Glob[] | undefined {
  const texts = textsOf(node, problems)
  if (!texts) return undefined
  const globs: Glob[] = []
  for (const { text, node: item } of texts) {
    if (!text.startsWith('/')) wrongForm(item, problems, 'a path', 'begin it with a slash')
    else {
      const glob = compileGlob({ text, place: item.place }, 'uri', problems)
      if (glob) globs.push(glob)
    }
  }
  return globs.length < texts.length ? undefined : globs
}
