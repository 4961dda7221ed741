/** What the command line of the conformance comparison says. */
import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { MODES, type Mode } from './results.ts'

/** The revisions of the specification that the suite has a frozen set of requirements for. */
export const REVISIONS = ['2026-07-28', '2025-11-25'] as const
export type Revision = (typeof REVISIONS)[number]

export interface Options {
  readonly revision: Revision
  readonly modes: readonly Mode[]
  /** Names of scenarios; empty for all that the revision has. */
  readonly only: readonly string[]
  readonly json: boolean
  /** Where the suite's own result files are left; undefined where nobody wants them. */
  readonly keep?: string
  /** Another build of Chaperone, in place of the one in dist. */
  readonly against?: string
}

export const HELP: string = `Usage: npm run conformance -- --requirements REVISION [options]

  --requirements R  ${REVISIONS.join(' or ')}: the official suite's scenarios for that revision
  --mode M          server: the guard in front of a server; client: behind a client (default: both)
  --only LIST       scenarios, by the suite's names, separated by commas (default: all of the revision)
  --json            one JSON document on stdout (npm run -s conformance -- …)
  --keep FOLDER     leave the suite's own result files in this new folder
  --against F       F is the chaperone.js of another build, compared in place of this one
  --help            this text

Exit: 0 no regression, 1 regressions, 2 usage, 3 something could not be run.
`

/** Undefined where only the help is wanted. @throws Error naming what is wrong with the command line. */
export function readOptions(argv: readonly string[]): Options | undefined {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      requirements: { type: 'string' },
      mode: { type: 'string' },
      only: { type: 'string' },
      json: { type: 'boolean', default: false },
      keep: { type: 'string' },
      against: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  })
  const { requirements, mode, only = '', keep, against, json, help } = values
  if (help) return undefined
  const revision = known(REVISIONS, '--requirements', requirements)
  return {
    revision,
    modes: mode === undefined ? MODES : [known(MODES, '--mode', mode)],
    only: only.split(',').flatMap((name) => (name.trim() === '' ? [] : [name.trim()])),
    json,
    ...(keep === undefined ? {} : { keep: resolve(keep) }),
    ...(against === undefined ? {} : { against: resolve(against) }),
  }
}

function known<Value extends string>(
  values: readonly Value[],
  option: string,
  said: string | undefined,
): Value {
  const found = values.find((value) => value === said)
  if (found === undefined) {
    const wanted = `expected ${values.join(' or ')}`
    throw new Error(
      said === undefined ? `${option} is missing (${wanted})` : `${option} ${said} (${wanted})`,
    )
  }
  return found
}
