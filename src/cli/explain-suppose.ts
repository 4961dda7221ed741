/** What `explain` is told to suppose: what a task did before, and what external engines say. */
import { nearest } from '../model/document.ts'
import { GuardError } from '../model/error.ts'
import type { EngineFact, History } from '../model/policy.ts'

const SAID = ['permit', 'deny', 'error'] as const

/** @throws GuardError ERR_USAGE */
export function supposedBefore(flags: {
  readonly history?: readonly string[] | undefined
  readonly engine?: readonly string[] | undefined
}): Before {
  const engines = supposedEngines(flags.engine)
  const counts = supposedCounts(flags.history)
  return { counts, history: supposedHistory(counts), ...(engines.length > 0 && { engines }) }
}

export interface Before {
  readonly counts: readonly Count[]
  readonly history: History
  readonly engines?: readonly EngineFact[]
}

export interface Count {
  readonly server: string
  readonly name: string
  readonly count: number
}

function supposedEngines(given: readonly string[] = []): readonly EngineFact[] {
  return given.map((text) => {
    const [engine = '', said = ''] = split(text)
    const effect = SAID.find((one) => one === said)
    if (engine !== '' && effect) return { engine, effect, detail: 'supposed', tookMs: 0 }
    throw usage('engine', text, 'write it like `--engine cerbos=permit`, or =deny, or =error')
  })
}

/** `server/tool` names it as it is called. */
function supposedCounts(given: readonly string[] = []): readonly Count[] {
  return given.map((text) => {
    const [tool = '', written = ''] = split(text)
    const slash = tool.indexOf('/')
    if (slash < 1 || slash === tool.length - 1 || !/^\d{1,9}$/.test(written))
      throw usage('history', text, 'write it like `--history mail/send=3`')
    return { server: tool.slice(0, slash), name: tool.slice(slash + 1), count: Number(written) }
  })
}

/** Tools were called so often, each call completed, whatever window is asked about; what is not named was never called. */
function supposedHistory(counts: readonly Count[]): History {
  return {
    read: ({ kind, matches }) => {
      const found = counts.filter(({ server, name }) => matches(server, name))
      const sum = found.reduce((all, { count }) => all + count, 0)
      // With which values a tool was called is not supposed.
      if (kind === 'called_with') return sum === 0 ? false : undefined
      return sum
    },
  }
}

function split(text: string): readonly string[] {
  const at = text.lastIndexOf('=')
  return at === -1 ? [] : [text.slice(0, at), text.slice(at + 1)]
}

function usage(flag: string, text: string, remedy: string): GuardError {
  const near = flag === 'engine' ? nearest(text.slice(text.lastIndexOf('=') + 1), SAID) : undefined
  const hint = near === undefined ? remedy : `did you mean \`${near}\`?`
  return new GuardError('ERR_USAGE', `\`--${flag} ${text}\` cannot be read (${hint})`)
}
