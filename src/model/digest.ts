/** The hash that everything in Chaperone is named by. */
import { hash } from 'node:crypto'
import { hashed, type Sha256 } from './id.ts'

/** SHA-256 of the bytes, or of the text in UTF-8. */
export function digestOf(content: string | Uint8Array): Sha256 {
  return hashed(hash('sha256', content, 'hex'))
}
