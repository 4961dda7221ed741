/** Cedar's own library. The only file that loads it. */
import type * as Cedar from '@cedar-policy/cedar-wasm/nodejs'

export type CedarLibrary = typeof Cedar
export type {
  DetailedError,
  PolicyJson,
  Schema,
  StatefulAuthorizationCall,
} from '@cedar-policy/cedar-wasm/nodejs'

export async function loadLibrary(): Promise<CedarLibrary> {
  return import('@cedar-policy/cedar-wasm/nodejs')
}

/** What a list of Cedar's errors says, in one line. */
export function errorsText(errors: readonly Cedar.DetailedError[]): string {
  return errors
    .map(({ message, help }) => (help === null ? message : `${message} (${help})`))
    .join('; ')
}
