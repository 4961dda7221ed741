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

/**
 * Compiles tokens to a predicate over a text from `start` on. It keeps its working memory between calls and
 * allocates nothing.
 */
export function matcher(tokens: Tokens): (text: string, start: number) => boolean {
  const width = tokens.length + 1
  const goal = tokens.length
  const seen = new Float64Array(width)
  let stamp = 0
  let active = new Int32Array(width)
  let next = new Int32Array(width)
  let count = 0

  /** Adds a state and every state reached from it without reading. */
  function add(state: number): void {
    if (seen[state] === stamp) return
    seen[state] = stamp
    next[count] = state
    count += 1
    const token = tokens[state]
    if (token?.kind === 'many' || token?.kind === 'deep') add(state + 1)
    if (token?.kind === 'deep') add(state + 3)
  }

  return (text, start) => {
    stamp += 1
    count = 0
    add(0)
    for (let at = start; at < text.length; at += 1) {
      const code = text.codePointAt(at) ?? 0
      if (code > 0xffff) at += 1
      const spare = active
      active = next
      next = spare
      const live = count
      stamp += 1
      count = 0
      for (let index = 0; index < live; index += 1) {
        const state = active[index] ?? 0
        const token = tokens[state]
        if (token === undefined || !reads(token, code)) continue
        add(token.kind === 'many' ? state : state + 1)
      }
      if (count === 0) return false
    }
    return seen[goal] === stamp
  }
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
