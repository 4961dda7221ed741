/** Reads a folder of policies as one set: its files, the revision that they make, and what is wrong with them. */
import { decides, type PolicyFile, policyText, readPolicyFiles } from '../config/policy-files.ts'
import type { Webhooks } from '../config/webhooks.ts'
import type { EngineConfig } from '../model/engine.ts'
import { type Problem, Problems } from '../model/document.ts'
import { engineFiles } from '../model/engine.ts'
import type { CompiledPolicies } from '../policy/compile.ts'
import { parseEngines } from '../policy/engine-config.ts'
import { loadPolicies } from '../policy/load.ts'
import { revisionManifest, revisionOf } from '../policy/revision.ts'

/** A policy set that can be put in force. */
export interface PolicyLoad {
  readonly folder: string
  readonly policies: CompiledPolicies
  readonly engines: readonly EngineConfig[]
  /** Every file that decides. */
  readonly documents: readonly PolicyFile[]
  /** Says which they are; the revision is its hash. */
  readonly manifest: string
}

export interface ReadPolicies {
  /** Absent when there is an error among the problems. */
  readonly load?: PolicyLoad
  /** Of the folder as it was read. */
  readonly signature: string
  readonly problems: readonly Problem[]
}

/** Files that decide and are no policies: engines, and what these decide by, each with its hash. */
export function decidesBeside({ documents }: PolicyLoad): readonly string[] {
  return documents
    .filter(({ kind }) => kind !== 'policy')
    .map(({ relative, digest }) => `${relative} ${digest}`)
}

/** Goes on past the first problem; starts and opens nothing. */
export function readPolicies(folder: string, webhooks: Pick<Webhooks, 'has'>): ReadPolicies {
  const problems = new Problems()
  const read = readPolicyFiles(folder)
  for (const problem of read.problems) problems.add(problem)
  const { signature } = read
  const engines = read.files
    .filter(({ kind }) => kind === 'engines')
    .flatMap((file) => enginesIn(file, problems))
  const bundles = bundlesOf(engines, read, problems)
  const own = read.files.filter(decides)
  const documents = [...own, ...bundles]
  const texts = own
    .filter(({ kind }) => kind === 'policy')
    .flatMap((file) => {
      const text = policyText(file, problems)
      return text === undefined ? [] : [{ file: file.path, text }]
    })
  noteUnused(read.files, { engines, texts: texts.length }, { folder, problems })
  const loaded = loadPolicies(texts, engines, revisionOf(documents))
  for (const problem of loaded.problems) problems.add(problem)
  const { policies } = loaded
  for (const problem of policies ? untold(policies, webhooks) : []) problems.add(problem)
  if (problems.bad || !policies) return { signature, problems: problems.list }
  const load = { folder, policies, engines, documents, manifest: revisionManifest(documents) }
  return { load, signature, problems: problems.list }
}

function enginesIn(file: PolicyFile, problems: Problems): readonly EngineConfig[] {
  const text = policyText(file, problems)
  return text === undefined ? [] : parseEngines({ text, file: file.path }, problems)
}

/** A folder that says nothing, and roles alone are no policies. */
function noteUnused(
  files: readonly PolicyFile[],
  { engines, texts }: { readonly engines: readonly EngineConfig[]; readonly texts: number },
  { folder, problems }: { readonly folder: string; readonly problems: Problems },
): void {
  if (texts + engines.length > 0 || problems.bad || files.some(({ kind }) => kind === 'role'))
    return
  const message = `there is no policy in \`${folder}\``
  problems.add({
    id: 'no_policies',
    level: 'warning',
    message,
    remedy: 'write one, or leave the folder out',
  })
}

/** The files that engines decide by; several may share one. */
function bundlesOf(
  engines: readonly EngineConfig[],
  folder: ReturnType<typeof readPolicyFiles>,
  problems: Problems,
): readonly PolicyFile[] {
  const all = new Map<string, PolicyFile>()
  for (const engine of engines) {
    for (const name of engineFiles(engine)) {
      const file = folder.read(name, engine, problems)
      if (file) all.set(file.relative, file)
    }
  }
  return [...all.values()]
}

/** A duty to tell somebody whom the settings do not know could never be met. */
function untold(policies: CompiledPolicies, webhooks: Pick<Webhooks, 'has'>): readonly Problem[] {
  const problems = new Problems()
  for (const [name, { place }] of policies.webhooks) {
    if (webhooks.has(name)) continue
    const remedy = `add it to chaperone.yaml: webhooks: { ${name}: { url: …, secret: "\${NAME}" } }`
    problems.error({ place }, 'unknown_webhook', `there is no webhook \`${name}\``, remedy)
  }
  return problems.list
}
