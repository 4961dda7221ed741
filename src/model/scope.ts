/** Scopes of OAuth (RFC 6749 §3.3): what a login asks for, and what a token is good for. */

const SCOPE = /^[!#-[\]-~]{1,256}$/
export const MOST_SCOPES = 64

export function isScope(text: string): boolean {
  return SCOPE.test(text)
}

/** What a `scope` parameter says, each once; undefined where that is none, or more than anybody means. */
export function scopesIn(text: string): readonly string[] | undefined {
  const scopes = new Set(text.split(' ').filter((scope) => scope !== ''))
  return scopes.size > 0 && scopes.size <= MOST_SCOPES && [...scopes].every(isScope)
    ? [...scopes]
    : undefined
}
