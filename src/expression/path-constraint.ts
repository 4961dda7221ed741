/** The constraint `path`: a file under one of several roots, perhaps with one of several extensions. */
import type { DocNode, Problems } from '../model/document.ts'
import type { Json } from '../model/json.ts'
import { type ClauseParser, clause, TAKES } from './clause.ts'
import { extensionOf, normalisePath, pathDoubt, pathSteps, readPath } from './path.ts'
import { listed, membersOf, textsOf } from './reader.ts'

/**
 * `path: { under: /srv/data, ext: [md, csv] }`. Judged by the text alone: the guard does not see the upstream's file
 * system, so symbolic links, mounts and folded case are for the upstream or a sandbox around it to stop.
 */
export const path: ClauseParser = (node, { problems }) => {
  const members = membersOf(node, ['under', 'ext'], problems)
  if (!members) return undefined
  const under = members.get('under')
  if (!under) {
    problems.error(
      node,
      'missing_member',
      `\`${node.path}\` names no root`,
      'add `under:` with the absolute path of a folder',
    )
    return undefined
  }
  const roots = rootsOf(under, problems)
  const ext = members.get('ext')
  const extensions = ext && extensionsOf(ext, problems)
  if (!roots || (ext && !extensions)) return undefined
  const withExt = extensions ? ` with the extension ${listed([...extensions])}` : ''
  const describe = `is a path under ${listed(roots)}${withExt}, by its text alone (symbolic links are for the upstream to resolve)`
  const holds = (value: Json): boolean =>
    typeof value === 'string' && isUnder(value, roots) && hasExtension(value, extensions)
  return {
    ...clause('path', describe, TAKES.text, holds),
    cost: (value) => (typeof value === 'string' ? pathSteps(value) : 0),
    pathsUnder: roots,
    hint: (value) => (typeof value === 'string' ? hintOf(value, roots) : 'the value is no text'),
  }
}

function isUnder(value: string, roots: readonly string[]): boolean {
  const found = readPath(value)
  if (found === undefined) return false
  for (const root of roots)
    if (found.startsWith(root) && (found.length === root.length || found[root.length] === '/'))
      return true
  return false
}

function hasExtension(value: string, extensions: ReadonlySet<string> | undefined): boolean {
  if (!extensions) return true
  const found = extensionOf(value)
  return found !== undefined && extensions.has(found)
}

function hintOf(value: string, roots: readonly string[]): string {
  const doubt = pathDoubt(value)
  if (doubt !== undefined) return `it is in doubt where the path leads: ${doubt}`
  return isUnder(value, roots) ? 'the extension is another' : 'the path leads elsewhere'
}

function rootsOf(node: DocNode, problems: Problems): readonly string[] | undefined {
  const texts = textsOf(node, problems)
  if (!texts) return undefined
  const roots: string[] = []
  for (const { text, node: item } of texts) {
    const doubt = rootDoubt(text)
    if (doubt === undefined) roots.push(normalisePath(text))
    else
      problems.error(
        item,
        'invalid_root',
        `\`${text}\` cannot be a root: ${doubt}`,
        'write the absolute path of a folder, as the upstream sees it',
      )
  }
  return roots.length < texts.length ? undefined : roots
}

function rootDoubt(text: string): string | undefined {
  const doubt = pathDoubt(text)
  if (doubt !== undefined) return doubt
  if (text.includes('%')) return 'it holds a percent sign'
  if (normalisePath(text) === '/') return 'everything is under it'
  return normalisePath(text) === text.replace(/\/$/, '') ? undefined : 'it is not written plainly'
}

function extensionsOf(node: DocNode, problems: Problems): ReadonlySet<string> | undefined {
  const texts = textsOf(node, problems)
  const wrong = texts?.find(({ text }) => !/^[A-Za-z0-9_+-]+$/.test(text))
  if (!wrong) return texts && new Set(texts.map(({ text }) => text))
  problems.error(
    wrong.node,
    'invalid_extension',
    `\`${wrong.text}\` is no extension`,
    'write it without a dot: `[md, csv]`',
  )
  return undefined
}
