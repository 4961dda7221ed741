/**
 * The small automaton behind a glob: one state for each token of the pattern. It is simulated on all states at
 * once, so matching takes time proportional to pattern × text whatever the two are.
 */

/** A token waits in its state; `any` and `name` also stay there, `deep` may be left together with the two after it. */
export type Token =
  | { readonly kind: 'exact'; readonly code: number }
  /** Any one character; `slash` says whether `/` counts. */
  | { readonly kind: 'one'; readonly slash: boolean }
  /** Any number of characters; `slash` says whether `/` counts. */
  | { readonly kind: 'many'; readonly slash: boolean }
  /** The next two tokens may be skipped together: `**` and the slash after it. */
  | { readonly kind: 'deep' }

export type Tokens = readonly Token[]

const SLASH = 47

/** What a state reads, as a number: a code point from 0 on, or one of these. */
const ANY = -1
const NO_SLASH = -2
const NOTHING = -3

/**
 * Compiles tokens to a predicate over a text from `start` on. It keeps its working memory between calls and
 * allocates nothing.
 */
export function matcher(tokens: Tokens): (text: string, start: number) => boolean {
  const goal = tokens.length
  const read = Int32Array.from([...tokens.map(readCode), NOTHING])
  const stays = Uint8Array.from([...tokens.map((token) => (token.kind === 'many' ? 1 : 0)), 0])
  const reached = tokens.map((_, state) => closure(tokens, state)).concat([[goal]])
  const entered = reached.map((states) => Int32Array.from(states))
  const seen = new Int32Array(goal + 1)
  let stamp = 0
  let active = new Int32Array(goal + 1)
  let next = new Int32Array(goal + 1)
  let count = 0

  const enter = (state: number): void => {
    const states = entered[state]
    if (states === undefined || seen[state] === stamp) return
    for (let index = 0; index < states.length; index += 1) {
      const reachedState = states[index] ?? 0
      if (seen[reachedState] === stamp) continue
      seen[reachedState] = stamp
      next[count] = reachedState
      count += 1
    }
  }
  /** Forgets what was entered; the marks are cleared before the stamp could come round again. */
  const begin = (): void => {
    if (stamp === 0x7f_ff_ff_ff) seen.fill(0)
    stamp = stamp === 0x7f_ff_ff_ff ? 1 : stamp + 1
    count = 0
  }

  return (text, start) => {
    begin()
    enter(0)
    for (let at = start; at < text.length; at += 1) {
      if (count === 0) return false
      const code = text.codePointAt(at) ?? 0
      if (code > 0xff_ff) at += 1
      const spare = active
      active = next
      next = spare
      const live = count
      begin()
      for (let index = 0; index < live; index += 1) {
        const state = active[index] ?? 0
        const wanted = read[state] ?? NOTHING
        if (wanted === code || wanted === ANY || (wanted === NO_SLASH && code !== SLASH))
          enter(state + 1 - (stays[state] ?? 0))
      }
    }
    return count > 0 && seen[goal] === stamp
  }
}

function readCode(token: Token): number {
  if (token.kind === 'exact') return token.code
  if (token.kind === 'deep') return NOTHING
  return token.slash ? ANY : NO_SLASH
}

/** A state and every state reached from it without reading. */
function closure(tokens: Tokens, state: number): readonly number[] {
  const open = [state]
  const states = new Set<number>()
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    if (states.has(next)) continue
    states.add(next)
    for (const free of skips(tokens[next])) open.push(next + free)
  }
  return [...states]
}

function reads(token: Token, code: number): boolean {
  if (token.kind === 'exact') return token.code === code
  return token.kind !== 'deep' && (token.slash || code !== SLASH)
}

/** Is there a text that both read to the end? Walks the product of the two automata. */
export function intersect(a: Tokens, b: Tokens): boolean {
  const width = b.length + 1
  const seen = new Set<number>()
  const open: number[] = []
  const visit = (left: number, right: number): void => {
    const pair = left * width + right
    if (seen.has(pair)) return
    seen.add(pair)
    open.push(pair)
  }
  visit(0, 0)
  for (let pair = open.pop(); pair !== undefined; pair = open.pop()) {
    const left = Math.floor(pair / width)
    const right = pair % width
    if (left === a.length && right === b.length) return true
    for (const free of skips(a[left])) visit(left + free, right)
    for (const free of skips(b[right])) visit(left, right + free)
    const x = a[left]
    const y = b[right]
    if (x && y && share(x, y))
      visit(x.kind === 'many' ? left : left + 1, y.kind === 'many' ? right : right + 1)
  }
  return false
}

/** How many tokens may be passed without reading. */
function skips(token: Token | undefined): readonly number[] {
  if (token?.kind === 'many') return [1]
  return token?.kind === 'deep' ? [1, 3] : []
}

/** Is there one character that both read? */
function share(a: Token, b: Token): boolean {
  if (a.kind === 'deep' || b.kind === 'deep') return false
  if (a.kind === 'exact') return reads(b, a.code)
  return b.kind !== 'exact' || reads(a, b.code)
}

/** Pairs of states that are looked at before `includes` gives up. */
const MOST_PAIRS = 20_000
/** Stands for every character that no pattern names. */
const OTHER = -9

/**
 * Is every text that `narrow` reads to the end read to the end by one of the others, too? Follows it beside all states
 * of the others at once; a no where that takes too long to find out.
 */
export function includes(wide: readonly Tokens[], narrow: Tokens): boolean {
  const codes = new Set([OTHER, SLASH])
  for (const token of [narrow, ...wide].flat()) if (token.kind === 'exact') codes.add(token.code)
  const seen = new Set<string>()
  const open: { readonly state: number; readonly among: Among }[] = []
  const visit = (state: number, among: Among): void => {
    for (const next of closure(narrow, state)) {
      const key = `${next} ${among.map((one) => one.join(',')).join(';')}`
      if (seen.has(key)) continue
      seen.add(key)
      open.push({ state: next, among })
    }
  }
  visit(
    0,
    wide.map((tokens) => closure(tokens, 0)),
  )
  for (let pair = open.pop(); pair !== undefined; pair = open.pop()) {
    const { state, among } = pair
    const token = narrow[state]
    if (seen.size > MOST_PAIRS) return false
    if (!token) {
      if (!wide.some((tokens, at) => among[at]?.includes(tokens.length))) return false
      continue
    }
    for (const code of codes) {
      if (!reads(token, code)) continue
      const after = wide.map((tokens, at) => step(tokens, among[at] ?? [], code))
      visit(token.kind === 'many' ? state : state + 1, after)
    }
  }
  return true
}

/** Of each pattern, the states that it may be in. */
type Among = readonly (readonly number[])[]

function step(tokens: Tokens, states: readonly number[], code: number): readonly number[] {
  const next = new Set<number>()
  for (const state of states) {
    const token = tokens[state]
    if (!token || !reads(token, code)) continue
    for (const one of closure(tokens, token.kind === 'many' ? state : state + 1)) next.add(one)
  }
  return [...next].toSorted((a, b) => a - b)
}
