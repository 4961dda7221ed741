/** What names a policy set: a hash over every file that decides. */
import { digestOf } from '../model/digest.ts'
import type { Sha256 } from '../model/id.ts'
import { canonical } from '../model/json.ts'

/** A file of the set: its path in the folder, with `/`, and the hash of its bytes. */
export interface RevisionPart {
  readonly relative: string
  readonly digest: Sha256
}

/** The files in one order, as canonical JSON. Kept beside the record, it says what a revision was made of. */
export function revisionManifest(files: readonly RevisionPart[]): string {
  const parts = files.map(({ relative, digest }) => canonical({ file: relative, s256: digest }))
  return `[${[...new Set(parts)].toSorted((a, b) => (a < b ? -1 : 1)).join(',')}]`
}

/** The hash of the manifest: the same for the same files, in whatever order and wherever they lie. */
export function revisionOf(files: readonly RevisionPart[]): Sha256 {
  return digestOf(revisionManifest(files))
}
