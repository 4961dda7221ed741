/** Scopes of OAuth (RFC 6749 §3.3): what a login asks for, and what a token is good for. */

const SCOPE = /^[!#-[\]-~]{1,256}$/
export const MOST_SCOPES = 64

export function isScope(text: string): boolean {
  return SCOPE.test(text)
}
