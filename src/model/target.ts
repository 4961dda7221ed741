/** What can be taken back, as people write it: `everything`, `mandate:m`, `agent:a`, `upstream:u`, `tool:u/t`. */
import type { Target } from './state.ts'

/** How a target is written. */
export function targetText(target: Target): string {
  switch (target.kind) {
    case 'everything':
      return 'everything'
    case 'tool':
      return `tool:${target.server}/${target.name}`
    case 'mandate':
    case 'agent':
    case 'upstream':
      return `${target.kind}:${target.name}`
  }
}

/** The target of a text that says which kind it is; undefined for any other text. A server's name has no slash. */
export function targetOf(text: string): Target | undefined {
  if (text === 'everything') return { kind: 'everything' }
  const at = text.indexOf(':')
  const [kind, name] = [text.slice(0, Math.max(at, 0)), text.slice(at + 1)]
  if (!isPlain(name)) return undefined
  switch (kind) {
    case 'mandate':
    case 'agent':
    case 'upstream':
      return { kind, name }
    case 'tool':
      return toolOf(name)
    default:
      return undefined
  }
}

function toolOf(name: string): Target | undefined {
  const slash = name.indexOf('/')
  const [server, tool] = [name.slice(0, Math.max(slash, 0)), name.slice(slash + 1)]
  return server === '' || tool === '' ? undefined : { kind: 'tool', server, name: tool }
}

const LONGEST_NAME = 512

/** Something that can be a name at all, and that a terminal shows as it is. */
function isPlain(name: string): boolean {
  return name !== '' && name.length <= LONGEST_NAME && !/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u.test(name)
}
