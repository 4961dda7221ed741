/** Reads members of `chaperone.yaml`: each with its type, and nothing unknown ignored. */
import {
  type DocMap,
  type DocNode,
  type DocScalar,
  nearest,
  type Problems,
} from '../model/document.ts'
import type { Env } from './env.ts'

export interface Reading {
  readonly env: Env
  /** Where the file stands. */
  readonly folder: string
  readonly problems: Problems
}

export type Text = DocScalar & { readonly value: string }

export function find(node: DocMap, key: string): DocNode | undefined {
  return node.entries.find((entry) => entry.key === key)?.value
}

/** A map with no other members than these. */
export function mapOf(
  node: DocNode,
  what: string,
  known: readonly string[],
  problems: Problems,
): DocMap | undefined {
  if (node.kind !== 'map') {
    problems.error(node, 'not_a_map', `${what} must be a map`, `it has ${known.join(', ')}`)
    return undefined
  }
  for (const { key, keyPlace: place } of node.entries) {
    if (known.includes(key)) continue
    const near = nearest(key, known)
    const remedy = near === undefined ? `it has ${known.join(', ')}` : `did you mean \`${near}\`?`
    problems.error({ place }, 'unknown_member', `\`${key}\` is no member of ${what}`, remedy)
  }
  return node
}

export function textOf(node: DocNode, what: string, problems: Problems): Text | undefined {
  if (node.kind === 'scalar' && typeof node.value === 'string')
    return { ...node, value: node.value }
  problems.error(node, 'wrong_type', `\`${what}\` must be a text`, 'put it in quotes')
  return undefined
}

export function texts(
  node: DocNode | undefined,
  what: string,
  problems: Problems,
): readonly Text[] {
  if (!node) return []
  if (node.kind !== 'list') {
    problems.error(node, 'wrong_type', `\`${what}\` must be a list`, 'put it in brackets')
    return []
  }
  return node.items.flatMap((item) => {
    const text = textOf(item, `${what}[…]`, problems)
    return text ? [text] : []
  })
}

/** The name in a text that is `${NAME}` and nothing else. */
export function referenceIn(text: string): string | undefined {
  return /^\$\{(?:env:)?([A-Za-z_]\w*)\}$/.exec(text)?.[1]
}

/** What a variable of the environment stands for; undefined when it was reported that it is not set. */
export function valueOf(name: string, at: Text, { env, problems }: Reading): string | undefined {
  const value = Object.hasOwn(env, name) ? env[name] : undefined
  if (value === undefined) {
    const remedy = 'set it where the guard is started'
    problems.error(at, 'unset_variable', `the variable \`${name}\` is not set`, remedy)
  }
  return value
}
