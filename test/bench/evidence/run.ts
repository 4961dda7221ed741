/** The evidence section: the record and the store, each part in a process of its own that nothing else has warmed or worn. */
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import {
  type AppendPlan,
  type AppendResult,
  measureAppend,
  measureWait,
  type WaitResult,
} from './append.ts'
import {
  measureProve,
  measureQueries,
  measureVerify,
  type ProveResult,
  type QueryResult,
  type RecordPlan,
  type VerifyResult,
  writeRecord,
  type WriteResult,
} from './record.ts'
import {
  measureRival,
  measureStore,
  type RivalResult,
  type RivalsResult,
  type StorePlan,
  type StoreResult,
  together,
} from './store.ts'

export interface EvidencePlan {
  readonly append: AppendPlan
  /** Entries that wait for the disk one after the other. */
  readonly waits: number
  readonly record: RecordPlan
  readonly store: StorePlan
}

export interface EvidenceResult {
  readonly append: AppendResult
  readonly wait: WaitResult
  readonly write: WriteResult
  readonly verify: VerifyResult
  readonly prove: ProveResult
  readonly queries: readonly QueryResult[]
  readonly store: StoreResult
  readonly rivals: RivalsResult
}

interface Parts {
  readonly append: AppendResult
  readonly wait: WaitResult
  readonly write: WriteResult
  readonly verify: VerifyResult
  readonly prove: ProveResult
  readonly queries: readonly QueryResult[]
  readonly store: StoreResult
  readonly rival: RivalResult
}

/** What can be asked of a process of its own, in a folder for its state. */
export const PARTS: {
  readonly [P in keyof Parts]: (folder: string, plan: EvidencePlan) => Parts[P] | Promise<Parts[P]>
} = {
  append: (folder, { append }) => measureAppend(folder, append),
  wait: (folder, { waits }) => measureWait(folder, waits),
  write: (folder, { record }) => writeRecord(folder, record),
  verify: (folder) => measureVerify(folder),
  prove: (folder, { record }) => measureProve(folder, record),
  queries: (folder, { record }) => measureQueries(folder, record),
  store: (folder, { store }) => measureStore(folder, store),
  rival: (folder, { store }) => measureRival(folder, store),
}

/** Measures one part. */
export type Print = <P extends keyof Parts>(part: P, folder: string) => Promise<Parts[P]>

/** `folder` is empty and is removed by whoever gave it. @throws Error with what a process said when it failed */
export async function runEvidence(
  folder: string,
  { plan, print }: { readonly plan: EvidencePlan; readonly print: Print },
  say: (line: string) => void,
): Promise<EvidenceResult> {
  const [appended, long] = [join(folder, 'appended'), join(folder, 'long')]
  say('evidence: entries one by one')
  const append = await print('append', appended)
  const wait = await print('wait', join(folder, 'waited'))
  say(`evidence: a record of ${plan.record.entries} entries`)
  const write = await print('write', long)
  say('evidence: verify')
  const verify = await print('verify', long)
  say('evidence: index and proofs')
  const prove = await print('prove', long)
  say('evidence: questions')
  const queries = await print('queries', long)
  say('evidence: the store')
  const store = await print('store', join(folder, 'alone'))
  const shared = join(folder, 'shared')
  const both = await Promise.all([print('rival', shared), print('rival', shared)])
  return { append, wait, write, verify, prove, queries, store, rivals: together(both, plan.store) }
}

const PATIENCE_MS = 1_800_000

/** Each part in a process of its own. */
export function printed(quick: boolean): Print {
  return (part, folder) => {
    const file = fileURLToPath(new URL('../process/evidence.ts', import.meta.url))
    const args = [file, part, folder, ...(quick ? ['--quick'] : [])]
    const options = { timeout: PATIENCE_MS, maxBuffer: 1 << 24 }
    return new Promise((resolve, reject) => {
      execFile(process.execPath, args, options, (error, stdout, stderr) => {
        if (error) reject(new Error(`${part}: ${causeIn(stderr) ?? error.message}`))
        else resolve(JSON.parse(stdout) as Parts[typeof part])
      })
    })
  }
}

/** The line that says what went wrong, among those that say where. */
function causeIn(stderr: string): string | undefined {
  return /^\w*Error(?: \[\w+\])?: (.*)$/m.exec(stderr)?.[1]
}
