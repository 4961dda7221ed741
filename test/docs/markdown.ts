/** Reads the parts of a Markdown page that can be held against the code: blocks, tables, links. */
import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'

export const ROOT: string = resolve(import.meta.dirname, '..', '..')

export function page(path: string): string {
  return readFileSync(join(ROOT, path), 'utf8')
}

/** The fenced blocks of that language; a fence without one has the language ''. Indentation of the fence is taken off. */
export function blocks(markdown: string, language: string): readonly string[] {
  const found: string[] = []
  const fence = /^( *)```(\w*)[^\n]*\n([\s\S]*?)^\1```/gm
  for (const [, indent = '', tag, body = ''] of markdown.matchAll(fence)) {
    if (tag !== language) continue
    const lines = body.split('\n').map((line) => line.slice(indent.length))
    found.push(lines.join('\n'))
  }
  return found
}

/** The cells of the table whose heading begins so, without its heading; emphasis and code marks stay. */
export function table(markdown: string, firstHeading: string): readonly (readonly string[])[] {
  const lines = markdown.split('\n')
  const head = lines.findIndex((line) => line.startsWith(`| ${firstHeading} |`))
  if (head === -1) throw new Error(`no table that begins with ${firstHeading}`)
  const rows: string[][] = []
  for (const line of lines.slice(head + 2)) {
    if (!line.startsWith('|')) break
    rows.push(
      line
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim()),
    )
  }
  return rows
}

/** What stands in backquotes. */
export function codes(text: string): readonly string[] {
  return [...text.matchAll(/`([^`]+)`/g)].map(([, code = '']) => code)
}

/** Long flags, as they are written anywhere in it. */
export function flags(text: string): readonly string[] {
  return [...new Set(text.match(/(?<![\w-])--[a-z][a-z-]+/g))]
}

/** Targets of links to other files of the repository, without what follows `#`. */
export function localLinks(markdown: string): readonly string[] {
  return [...markdown.matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, target = '']) => target.replace(/#.*$/, ''))
    .filter((target) => target !== '' && !/^[a-z]+:/.test(target))
}
