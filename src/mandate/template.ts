/** URI templates (RFC 6570): could any expansion meet a pattern? Each expression is taken for any text at all. */
import { globsOverlap } from '../expression/glob.ts'

const EXPRESSION = /\{[^{}]*\}/g

export function isTemplate(uri: string): boolean {
  return uri.includes('{')
}

/**
 * True when some expansion could match; an expansion is judged again when it is read. A template that cannot be
 * understood meets no pattern.
 */
export function meetsTemplate(pattern: string, uriTemplate: string): boolean {
  const open = uriTemplate.replaceAll(EXPRESSION, '**')
  if (/[{}\\[\](!]/.test(open)) return false
  return globsOverlap(open, pattern, 'uri')
}
