/** That an entry was written, for tests of what sees it. */
import type { Seen } from '../../../src/audit/observe.ts'
import { sha256 } from '../../../src/model/id.ts'

export const WRITTEN: Pick<Seen, 'receipt'> = { receipt: { seq: 7, leaf: sha256('c'.repeat(64)) } }
