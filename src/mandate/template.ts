/** URI templates (RFC 6570): could an expansion meet a pattern? Each expression is taken for any text at all. */
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
  const open = uriTemplate.replaceAll(EXPRESSION, '**').replaceAll(/\*{3,}/g, '**')
  if (/[{}\\[\](!]/.test(open)) return false
  // Glued to other text `**` is no URI pattern; read as a name's it spans slashes too, as an expansion may.
  const glued = open.split('/').some((segment) => segment.includes('**') && segment !== '**')
  return globsOverlap(open, pattern, 'tool') || (!glued && globsOverlap(open, pattern, 'uri'))
}
