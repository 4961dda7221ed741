/** The version of this package, read from its `package.json` when somebody asks. */
import { readFileSync } from 'node:fs'
import { isObject } from '../model/json.ts'

/** As published: `0.1.0`. */
export function version(): string {
  // Two folders up from `src/config`, and from where the build puts what it bundles (`dist/bin`).
  const file = new URL('../../package.json', import.meta.url)
  const document: unknown = JSON.parse(readFileSync(file, 'utf8'))
  const found = isObject(document) ? document['version'] : undefined
  return typeof found === 'string' ? found : 'unknown'
}
