/** `chaperone audit`: what proves a record, and what is done with it beside reading it. */
import type { Command, CommandRow } from './io.ts'

const AUDIT_COMMANDS: readonly CommandRow[] = [
  {
    name: 'verify',
    summary: 'was anything done to the record? finds what, with the number of the record',
    load: async () => (await import('./audit-verify.ts')).command,
  },
  {
    name: 'explain',
    summary: 'who approved the agent, what state was it in, what was it allowed to do?',
    load: async () => (await import('./audit-explain.ts')).command,
  },
  {
    name: 'anchor',
    summary: 'publish what is signed where nobody can take it back',
    load: async () => (await import('./audit-anchor.ts')).command,
  },
  {
    name: 'prove',
    summary: 'one decision and the proof that it is on record, in a file for anybody',
    load: async () => (await import('./audit-prove.ts')).command,
  },
  {
    name: 'erase',
    summary: 'make the content of a decision unreadable for good; every proof still holds',
    load: async () => (await import('./audit-erase.ts')).command,
  },
  {
    name: 'key',
    summary: 'the public key that verifies the record',
    load: async () => (await import('./audit-key.ts')).command,
  },
]

const WIDTH = Math.max(...AUDIT_COMMANDS.map(({ name }) => name.length))
const ROWS = AUDIT_COMMANDS.map(({ name, summary }) => `  ${name.padEnd(WIDTH)}  ${summary}`)

const HELP = `usage: chaperone audit <command> [options]

${ROWS.join('\n')}

  chaperone audit <command> --help   what a command takes

Exit codes: 0 fine, 1 something is wrong with what was looked at, 2 usage, 3 it could not be checked or done.
`

export const command: Command = {
  name: 'audit',
  summary: 'prove the record: verify, anchor, prove, erase',
  help: HELP,
  commands: AUDIT_COMMANDS,
  run: (_argv, io) => {
    io.stderr(HELP)
    return Promise.resolve(2)
  },
}
