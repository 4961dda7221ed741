/** Which target was meant: a kind and a name, a mandate file, or a bare name that running guards or the store know. */
import { statSync } from 'node:fs'
import { resolve } from 'node:path'
import { loadMandate } from '../mandate/load.ts'
import { nearest, problemText } from '../model/document.ts'
import { GuardError } from '../model/error.ts'
import type { StateStore } from '../model/port.ts'
import type { Instance, Target } from '../model/state.ts'
import { targetOf, targetText } from '../model/target.ts'
import { usage } from './why.ts'
import { touches } from '../state/restriction-follow.ts'
import { type CliIo, paint, printable } from './io.ts'

const FORMS = 'everything, mandate:<name>, agent:<name>, upstream:<name> or tool:<server>/<name>'

export const TARGET_HELP = `A target is \`everything\`, \`mandate:<name>\`, \`agent:<name>\`, \`upstream:<name>\`, \`tool:<server>/<name>\`, the path of a mandate
file, or a bare name that a running guard serves or the store knows.`

/** @throws GuardError ERR_USAGE where nobody can tell what is meant, ERR_MANDATE_INVALID for a file that is no mandate */
export function meant(
  word: string | undefined,
  store: Pick<StateStore, 'instances' | 'restrictions'>,
  { cwd }: Pick<CliIo, 'cwd'>,
): Target {
  if (word === undefined || word === '') throw usage('no target is named', `say ${FORMS}`)
  const said = targetOf(word)
  if (said) {
    // A mandate's globs mean many tools; here a name is one.
    if (said.kind !== 'everything' && /[*?]/.test(word))
      throw usage(
        `\`${printable(word)}\` is a pattern, and one thing is taken back at a time`,
        `name it: ${FORMS}`,
      )
    return said
  }
  const path = resolve(cwd, word)
  if (isFile(path)) return { kind: 'mandate', name: nameIn(path) }
  const known = knownIn(store)
  const found = known.filter((target) => isCalled(target, word))
  const [only] = found
  if (only && found.length === 1) return only
  const shown = printable(word)
  if (only) {
    const spellings = found.map(targetText).join(', ')
    throw usage(`\`${shown}\` may be any of several`, `say which: ${spellings}`)
  }
  const tool = toolOf(word, known)
  if (tool) return tool
  const near = nearest(word, known.map(bareName))
  const hint = known.find((target) => bareName(target) === near)
  throw usage(
    `no guard that runs serves \`${shown}\`, and nothing of that name was taken back`,
    hint ? `did you mean \`${targetText(hint)}\`?` : `say ${FORMS}`,
  )
}

/** What no running guard serves may be meant for one that starts later, or be misspelt: that is said, and it stands. */
export function warnUnserved(
  target: Target,
  store: Pick<StateStore, 'instances'>,
  io: CliIo,
): void {
  const guards = store.instances().filter(({ alive }) => alive)
  if (guards.length === 0 || guards.some((one) => touches(target, one))) return
  const { kind } = target
  const served = servedBy(guards).filter(
    (one) => one.kind === (kind === 'tool' ? 'upstream' : kind),
  )
  const near = nearest(kind === 'tool' ? target.server : bareName(target), served.map(bareName))
  const hint = served.find((one) => bareName(one) === near)
  const rest = hint ? ` (did you mean \`${printable(targetText(hint))}\`?)` : ''
  const what = `no guard that runs serves ${printable(targetText(target))}${rest}`
  io.stderr(`${paint(io, 'yellow', 'warning')}: ${what}\n`)
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() === true
}

function nameIn(path: string): string {
  const { mandate, problems } = loadMandate(path)
  if (mandate) return mandate.name
  const why = problems.find(({ level }) => level === 'error')
  const text = why ? problemText(why) : `\`${path}\` is no mandate`
  throw new GuardError('ERR_MANDATE_INVALID', `${text} (or say \`mandate:<name>\`)`)
}

/** Everything that has a name, each once. */
function knownIn(store: Pick<StateStore, 'instances' | 'restrictions'>): readonly Target[] {
  const guards = store.instances().filter(({ alive }) => alive)
  const all = [...servedBy(guards), ...store.restrictions().all.map(({ target }) => target)]
  return [...new Map(all.map((target) => [targetText(target), target])).values()]
}

function servedBy(guards: readonly Pick<Instance, 'mandates' | 'upstreams'>[]): readonly Target[] {
  return guards.flatMap(({ mandates, upstreams }): Target[] => [
    ...mandates.map(({ name }) => ({ kind: 'mandate', name }) as const),
    ...mandates.map(({ agent }) => ({ kind: 'agent', name: agent }) as const),
    ...upstreams.map((name) => ({ kind: 'upstream', name }) as const),
  ])
}

function bareName(target: Target): string {
  switch (target.kind) {
    case 'everything':
      return 'everything'
    case 'tool':
      return `${target.server}/${target.name}`
    case 'mandate':
    case 'agent':
    case 'upstream':
      return target.name
  }
}

function isCalled(target: Target, word: string): boolean {
  return bareName(target) === word || (target.kind === 'tool' && target.name === word)
}

/** Which tools an upstream has is known to the guards alone; that it is one of a known upstream is enough. */
function toolOf(word: string, known: readonly Target[]): Target | undefined {
  const tool = targetOf(`tool:${word}`)
  if (tool?.kind !== 'tool') return undefined
  const served = known.some((one) => one.kind === 'upstream' && one.name === tool.server)
  return served ? tool : undefined
}
