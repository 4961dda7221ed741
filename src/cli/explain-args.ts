/** Reads the arguments of a supposed call as strictly as the wire does: what the guard would refuse is refused here. */
import { resolve } from 'node:path'
import { readDocument, readText, type ReadText } from '../document/read.ts'
import { plain, problemText } from '../model/document.ts'
import { GuardError } from '../model/error.ts'
import { isObject, type JsonObject } from '../model/json.ts'
import type { CliIo } from './io.ts'

/** @throws GuardError ERR_USAGE when they are given twice, cannot be read, or are no JSON object */
export async function readArgs(
  given: { readonly text: string | undefined; readonly file: string | undefined },
  io: CliIo,
): Promise<JsonObject> {
  const { text, file } = given
  if (text !== undefined && file !== undefined) {
    throw new GuardError('ERR_USAGE', '`--args` and `--args-file` are both given (keep one)')
  }
  if (text === undefined && file === undefined) return {}
  const read = await readGiven(text, file, io)
  const [problem] = read.problems
  if (!read.node || problem) {
    const why = problem ? problemText(problem) : 'nothing is there'
    throw new GuardError('ERR_USAGE', `the arguments cannot be read: ${why}`)
  }
  const value = plain(read.node)
  if (isObject(value)) return value
  throw new GuardError('ERR_USAGE', 'the arguments are no JSON object (write {"name": value})')
}

async function readGiven(
  text: string | undefined,
  file: string | undefined,
  io: CliIo,
): Promise<ReadText> {
  if (text === '-' || file === '-') {
    if (!io.stdin) throw new GuardError('ERR_USAGE', 'there is no standard input to read')
    return readText(await io.stdin(), 'standard-input.json')
  }
  return file === undefined
    ? readText(text ?? '', 'args.json')
    : readDocument(resolve(io.cwd, file))
}
