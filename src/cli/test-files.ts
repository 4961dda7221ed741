/** Finds the tests below a folder and reads what each of them needs: policies, engines, a mandate, tools. */
import { readdirSync, readFileSync, realpathSync, statSync } from 'node:fs'
import { dirname, join, resolve, sep } from 'node:path'
import { policyText, readPolicyFiles } from '../config/policy-files.ts'
import { readDocument, readText, type ReadText } from '../document/read.ts'
import { compileMandate } from '../mandate/compile.ts'
import { loadMandate } from '../mandate/load.ts'
import { digestOf } from '../model/digest.ts'
import { type Problem, Problems } from '../model/document.ts'
import { GuardError } from '../model/error.ts'
import type { EngineSelection } from '../policy/compile.ts'
import { parseEngines } from '../policy/engine-config.ts'
import { parsePolicy } from '../policy/parse.ts'
import type { ScenarioFile } from '../policy/scenario/language.ts'
import { parseScenario } from '../policy/scenario/parse.ts'
import {
  type PolicyDocument,
  type Suite,
  suiteOf,
  type SuiteSource,
} from '../policy/scenario/suite.ts'
import { readTools } from './test-tools.ts'

const TEST = /\.test\.(?:ya?ml|json)$/i
/** Folders that nobody keeps tests in. */
const ELSEWHERE = /^(?:\..+|node_modules)$/

/**
 * The test files at or below the path, by their names.
 *
 * @throws GuardError ERR_USAGE where there is no such file or folder
 */
export function testFiles(path: string): readonly string[] {
  const stat = statSync(path, { throwIfNoEntry: false })
  if (!stat)
    throw new GuardError('ERR_USAGE', `there is no \`${path}\` (name a folder of policies)`)
  if (!stat.isDirectory()) return [path]
  return walked(path).toSorted()
}

/** Each folder and each file once, by where it really is: links may lead in a circle. They are followed last. */
function walked(path: string): readonly string[] {
  const seen = new Set<string>()
  const found: string[] = []
  const ahead = [path]
  const links: string[] = []
  for (let next = ahead.pop(); next !== undefined; next = ahead.pop() ?? links.shift()) {
    const stat = statSync(next, { throwIfNoEntry: false })
    const real = stat && realpathSync(next)
    if (real === undefined || seen.has(real)) continue
    seen.add(real)
    if (stat?.isFile() === true && TEST.test(next)) found.push(next)
    if (stat?.isDirectory() !== true) continue
    for (const entry of readdirSync(next, { withFileTypes: true })) {
      if (ELSEWHERE.test(entry.name)) continue
      const list = entry.isSymbolicLink() ? links : ahead
      list.push(join(next, entry.name))
    }
  }
  return found
}

/** All that can be read; what is wrong with any of them is among the problems. */
export function readSuites(
  files: readonly string[],
  root: string,
  newTask: SuiteSource['newTask'],
  problems: Problems,
): readonly Suite[] {
  const reading: Reading = { root, newTask, folders: new Map(), told: new Set() }
  return files.flatMap((file) => {
    const found = new Problems()
    const source = sourceOf(file, reading, found)
    const suite = source && suiteOf(source, found)
    for (const problem of found.list) {
      // What is wrong with a policy is found by each test that needs it.
      const key = JSON.stringify([problem.place, problem.message])
      if (!reading.told.has(key)) problems.add(problem)
      reading.told.add(key)
    }
    return suite ?? []
  })
}

interface Reading {
  readonly root: string
  readonly newTask: SuiteSource['newTask']
  /** Policy folders that were read before. */
  readonly folders: Map<string, PolicyFolder>
  readonly told: Set<string>
}

interface PolicyFolder {
  readonly documents: readonly PolicyDocument[]
  readonly engines: readonly EngineSelection[]
  readonly problems: readonly Problem[]
}

function sourceOf(file: string, reading: Reading, problems: Problems): SuiteSource | undefined {
  const read = readDocument(file)
  for (const problem of read.problems) problems.add(problem)
  const scenario = read.node && parseScenario({ node: read.node, file }, problems)
  if (!scenario) return undefined
  const policies = policiesFor(scenario, reading, problems)
  const mandate = mandateOf(scenario, problems)
  const tools = readTools(scenario, problems)
  if (!policies || problems.bad) return undefined
  const revision = digestOf(policies.documents.map(({ node }) => JSON.stringify(node)).join('\n'))
  const { newTask } = reading
  return { scenario, ...policies, revision, tools, newTask, ...(mandate && { mandate }) }
}

type Policies = Pick<SuiteSource, 'documents' | 'engines'>

/** Those that it names, or all of the nearest folder with some, from its own up to the one that was asked for. */
function policiesFor(
  scenario: ScenarioFile,
  reading: Reading,
  problems: Problems,
): Policies | undefined {
  const own = dirname(scenario.file)
  const place = policyFolder(own, reading.root)
  const folder = place === undefined ? undefined : readFolder(place, reading)
  const { engines = [] } = folder ?? {}
  if (scenario.policies) {
    const documents = scenario.policies.flatMap(({ text, place: at }) => {
      const file = resolve(own, text)
      return documentOf(file, readDocument(file), at, problems) ?? []
    })
    return { documents, engines }
  }
  if (!folder) {
    const message = 'there is no policy beside this test, or above it'
    problems.error(scenario, 'no_policies', message, 'name them: `policies: [vendors.yaml]`')
    return undefined
  }
  for (const problem of folder.problems) problems.add(problem)
  return folder
}

function policyFolder(own: string, root: string): string | undefined {
  for (let folder = own; ; folder = dirname(folder)) {
    const names = readdirSync(folder, { withFileTypes: true })
    const policies = names.filter(
      (entry) => entry.isFile() && /\.(?:ya?ml|json)$/i.test(entry.name) && !TEST.test(entry.name),
    )
    if (policies.some(({ name }) => isPolicy(join(folder, name)))) return folder
    // A file that was named lies below no folder that was.
    if (folder === root || !isWithin(dirname(folder), root)) return undefined
  }
}

function isWithin(folder: string, root: string): boolean {
  return folder === root || folder.startsWith(root.endsWith(sep) ? root : root + sep)
}

function isPolicy(file: string): boolean {
  try {
    return /^[{\s]*["']?policy["']?\s*:/m.test(readFileSync(file, 'utf8'))
  } catch {
    return false
  }
}

/** As a guard would read it. */
function readFolder(place: string, { folders }: Reading): PolicyFolder {
  const known = folders.get(place)
  if (known) return known
  const problems = new Problems()
  const read = readPolicyFiles(place)
  for (const problem of read.problems) problems.add(problem)
  const texts = read.files.flatMap((file) => {
    if (file.kind !== 'policy' && file.kind !== 'engines') return []
    const text = policyText(file, problems)
    return text === undefined ? [] : [{ file: file.path, kind: file.kind, text }]
  })
  const documents = texts.flatMap(({ file, kind, text }) =>
    kind === 'policy' ? (documentOf(file, readText(text, file), undefined, problems) ?? []) : [],
  )
  const engines = texts.flatMap((one) =>
    one.kind === 'engines' ? parseEngines(one, problems) : [],
  )
  const folder = { documents, engines, problems: problems.list }
  folders.set(place, folder)
  return folder
}

function documentOf(
  file: string,
  read: ReadText,
  named: Problem['place'],
  problems: Problems,
): PolicyDocument | undefined {
  const found = new Problems()
  for (const problem of read.problems) found.add(named ? { place: named, ...problem } : problem)
  const policy = read.node && parsePolicy({ node: read.node, file }, found)
  for (const problem of found.list) problems.add(problem)
  return read.node && policy && { file, node: read.node, policy }
}

function mandateOf(
  { file, mandate: named }: ScenarioFile,
  problems: Problems,
): SuiteSource['mandate'] {
  if (!named) return undefined
  const loaded = loadMandate(resolve(dirname(file), named.text))
  for (const problem of loaded.problems) problems.add({ place: named.place, ...problem })
  return loaded.mandate && compileMandate(loaded.mandate, problems)
}
