/** Expands the variables that client configs use in a text: `${VAR}`, `${VAR:-default}` and VS Code's `${env:VAR}`. */
import type { DocScalar, Problems } from '../model/document.ts'
import type { Env } from './settings.ts'

const VARIABLE = /\$\{([^}]*)\}?/g
const NAME = /^(?:env:)?([A-Za-z_][A-Za-z0-9_]*)(?::-(.*))?$/s

/** The expanded text, or undefined when a problem was reported. An empty variable takes its default, an unset one too. */
export function expand(
  text: string,
  at: Pick<DocScalar, 'place'>,
  env: Env,
  problems: Problems,
): string | undefined {
  let good = true
  const expanded = text.replace(VARIABLE, (written: string, inner: string) => {
    const value = written.endsWith('}') ? valueOf(inner, env) : undefined
    if (typeof value === 'string') return value
    good = false
    const { id, message, remedy } = value ?? UNCLOSED
    problems.error(at, id, message, remedy)
    return written
  })
  return good ? expanded : undefined
}

interface Wrong {
  readonly id: string
  readonly message: string
  readonly remedy: string
}

const UNCLOSED: Wrong = {
  id: 'variable_syntax',
  message: 'a variable is not closed',
  remedy: 'write `${NAME}`',
}

/** Variables that VS Code fills in from what is open, which nobody has open here. */
const EDITOR: ReadonlySet<string> = new Set([
  'workspaceFolder',
  'workspaceFolderBasename',
  'workspaceRoot',
  'userHome',
  'cwd',
  'file',
  'fileDirname',
])

function valueOf(inner: string, env: Env): string | Wrong {
  const match = NAME.exec(inner)
  const name = match?.[1]
  if (name === undefined) return unknownVariable(inner)
  const fallback = match?.[2]
  const value = Object.hasOwn(env, name) ? env[name] : undefined
  if (value === undefined && EDITOR.has(name)) return unknownVariable(inner)
  if (fallback !== undefined && (value === undefined || value === '')) return fallback
  if (value !== undefined) return value
  return {
    id: 'unset_variable',
    message: `the variable \`${name}\` is not set`,
    remedy: `set it where the guard is started, or write \`\${${name}:-default}\``,
  }
}

function unknownVariable(inner: string): Wrong {
  if (inner.startsWith('input:')) {
    return {
      id: 'input_variable',
      message: `\`\${${inner}}\` asks a person in VS Code, and here nobody can be asked`,
      remedy: 'put the value in an environment variable and write `${NAME}`',
    }
  }
  return {
    id: 'unknown_variable',
    message: `\`\${${inner}}\` is no variable that is known here`,
    remedy: 'write the value out, or use `${NAME}` for an environment variable',
  }
}
