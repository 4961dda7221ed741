/** One case as written to the cases that it stands for: every row of `each`, every cell of the `matrix`. */
import { listOf, mapOf } from '../../document/form.ts'
import type { DocEntry, DocMap, DocNode, Place, Problems } from '../../model/document.ts'

/** A case with nothing left to fill in. */
export interface Concrete {
  readonly name: string
  readonly place: Place
  readonly node: DocMap
}

/** Members that say how many cases there are. */
export const SPREADING: readonly string[] = ['name', 'matrix', 'each']

const MOST = 10_000

type Cell = ReadonlyMap<string, DocNode>

/** `node` has a `name`; the cases are called after it. */
export function expand(name: string, node: DocMap, problems: Problems): readonly Concrete[] {
  const own = node.entries.filter(({ key }) => !SPREADING.includes(key))
  const find = (key: string): DocNode | undefined =>
    node.entries.find((entry) => entry.key === key)?.value
  const rows = rowsOf(find('each'), problems)
  const cells = cellsOf(find('matrix'), problems)
  if (rows.length * cells.length > MOST) {
    const message = `the case stands for more than ${MOST} cases`
    problems.error(node, 'too_many_cases', message, 'split it, or leave some values out')
    return []
  }
  const used = new Set<string>()
  const found = rows.flatMap((row, index) =>
    cells.map((cell): Concrete => {
      const entries = withArgs(overlaid(own, row?.entries ?? []))
      const filled = fill({ ...node, entries }, { cell, used, problems })
      const shown = [...cell].map(([key, value]) => `${key}=${cellText(value)}`).join(', ')
      const nth = row ? ` #${rowName(row) ?? index + 1}` : ''
      return {
        name: `${name}${nth}${shown === '' ? '' : ` [${shown}]`}`,
        place: row?.place ?? node.place,
        node: filled?.kind === 'map' ? filled : { ...node, entries: [] },
      }
    }),
  )
  for (const [key, value] of cells[0] ?? []) {
    if (used.has(key)) continue
    const remedy = `write \`$${key}\` where its values belong`
    problems.error(value, 'unused_variable', `nothing stands for \`${key}\``, remedy)
  }
  return found
}

function rowsOf(node: DocNode | undefined, problems: Problems): readonly (DocMap | undefined)[] {
  if (!node) return [undefined]
  const items = listOf(node, problems)?.items ?? []
  if (items.length === 0)
    problems.error(node, 'empty_list', '`each` has no row', 'write one, or remove it')
  return items.flatMap((item) => mapOf(item, problems) ?? [])
}

function rowName(row: DocMap): string | undefined {
  const node = row.entries.find(({ key }) => key === 'name')?.value
  return node?.kind === 'scalar' && typeof node.value === 'string' ? node.value : undefined
}

/** The cross product; one empty cell where there is no matrix. */
function cellsOf(node: DocNode | undefined, problems: Problems): readonly Cell[] {
  let cells: readonly Cell[] = [new Map()]
  for (const { key, keyPlace, value } of (node && mapOf(node, problems)?.entries) ?? []) {
    const items = listOf(value, problems)?.items ?? []
    if (items.length === 0)
      problems.error(
        value,
        'empty_list',
        `\`${value.path}\` has no value`,
        'write one, or remove it',
      )
    if (!NAME.test(key) || key === ABSENT) {
      const remedy = 'use letters, digits and `_`; `absent` has its own meaning'
      problems.error({ place: keyPlace }, 'invalid_name', `\`${key}\` is no name here`, remedy)
    }
    if (cells.length * items.length > MOST)
      return [...cells, ...cells].slice(0, 1).concat(overfull())
    cells = cells.flatMap((cell) => items.map((item) => new Map([...cell, [key, item]])))
  }
  return cells
}

/** Too many to build: as many as are refused. */
function overfull(): readonly Cell[] {
  return Array.from({ length: MOST + 1 }, () => new Map())
}

/** A row's members in the place of the case's own. */
function overlaid(own: readonly DocEntry[], row: readonly DocEntry[]): readonly DocEntry[] {
  const over = row.filter(({ key }) => key !== 'name')
  const replaced = new Set(over.map(({ key }) => key))
  return [...own.filter(({ key }) => !replaced.has(key)), ...over]
}

/** `args` of a case or a row are laid over those of the call. */
function withArgs(entries: readonly DocEntry[]): readonly DocEntry[] {
  const call = entries.find(({ key }) => key === 'call')
  const args = entries.find(({ key }) => key === 'args')
  if (call?.value.kind !== 'map' || args?.value.kind !== 'map') return entries
  const before = call.value.entries.find(({ key }) => key === 'args')?.value
  const value: DocMap = {
    ...args.value,
    entries: overlaid(before?.kind === 'map' ? before.entries : [], args.value.entries),
  }
  const within = call.value.entries.filter(({ key }) => key !== 'args')
  const called: DocMap = { ...call.value, entries: [...within, { ...args, value }] }
  return entries.flatMap((entry) =>
    entry === args ? [] : entry === call ? [{ ...entry, value: called }] : [entry],
  )
}

const VARIABLE = /^\$([A-Za-z_]\w*)$/
const ESCAPED = /^\$\$+[A-Za-z_]\w*$/
const NAME = /^[A-Za-z_]\w*$/
/** Takes away the member, or the element, for which it stands. */
const ABSENT = 'absent'

interface Filling {
  readonly cell: Cell
  readonly used: Set<string>
  readonly problems: Problems
}

/** The node with every `$name` replaced; undefined where it stands for nothing. `$$name` is the text `$name`. */
function fill(node: DocNode, filling: Filling): DocNode | undefined {
  switch (node.kind) {
    case 'scalar':
      return fillScalar(node, filling)
    case 'list':
      return { ...node, items: node.items.flatMap((item) => fill(item, filling) ?? []) }
    case 'map':
      return {
        ...node,
        entries: node.entries.flatMap((entry) => {
          const value = fill(entry.value, filling)
          return value ? [{ ...entry, value }] : []
        }),
      }
  }
}

function fillScalar(
  node: Extract<DocNode, { kind: 'scalar' }>,
  { cell, used, problems }: Filling,
): DocNode | undefined {
  if (typeof node.value !== 'string') return node
  if (ESCAPED.test(node.value)) return { ...node, value: node.value.slice(1) }
  const name = VARIABLE.exec(node.value)?.[1]
  if (name === undefined) return node
  if (name === ABSENT) return undefined
  const value = cell.get(name)
  if (!value) {
    const remedy = `write \`$$${name}\` where the text itself is meant, or name it in \`matrix\``
    problems.error(node, 'unknown_variable', `nothing is called \`$${name}\``, remedy)
    return node
  }
  used.add(name)
  return isAbsent(value) ? undefined : { ...value, place: node.place, path: node.path }
}

function isAbsent(node: DocNode): boolean {
  return node.kind === 'scalar' && node.value === `$${ABSENT}`
}

function cellText(node: DocNode): string {
  if (isAbsent(node)) return ABSENT
  if (node.kind === 'scalar') return JSON.stringify(node.value)
  return node.kind === 'list'
    ? `[${node.items.map(cellText).join(', ')}]`
    : `{${node.entries.map(({ key }) => key).join(', ')}}`
}
