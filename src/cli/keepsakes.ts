/**
 * The documents that decisions on record were made by, as they were: mandates with their roles, sets of policies, definitions
 * of tools, the lock file. All of them are kept beside the log, under their hashes.
 */
import { posix } from 'node:path'
import { argsCheck, objectPath, readObject } from '../audit/kept.ts'
import type { EntryItem } from '../audit/read.ts'
import type { Recorded } from '../audit/recorded.ts'
import { readLock } from '../config/lock.ts'
import { type ReadDocument, readText } from '../document/read.ts'
import { compileMandate } from '../mandate/compile.ts'
import { parseMandate } from '../mandate/parse.ts'
import type { CompiledMandate } from '../model/authority.ts'
import type { EffectClass, Environment } from '../model/call.ts'
import { problemText, Problems } from '../model/document.ts'
import { engineFiles } from '../model/engine.ts'
import { type Sha256, sha256 } from '../model/id.ts'
import { isList, isObject, type Json, type JsonObject, member } from '../model/json.ts'
import type { Lock } from '../model/lock.ts'
import type { ToolDefinition } from '../model/tool.ts'
import type { CompiledPolicies } from '../policy/compile.ts'
import { parseEngines } from '../policy/engine-config.ts'
import { guarded } from '../policy/guarded.ts'
import { loadPolicies, type PolicyText } from '../policy/load.ts'

/** Why something cannot be had, in words. */
export class Unkept extends Error {}

/** What is kept contradicts itself. */
export class Altered extends Unkept {}

/** A policy set, and what it was made of. */
export interface KeptSet {
  readonly policies: CompiledPolicies
  /** The files that decide and are no policies: `engines.yaml`, and what it names. */
  readonly engines: readonly string[]
}

/** What is remembered of compiled documents: a record names few of them, again and again. */
const MOST = 64

/** What was compiled, shared by the logs of a record: what has the same hash is the same. */
export class Library {
  readonly mandates: Once<CompiledMandate> = new Once()
  readonly sets: Once<KeptSet> = new Once()
  readonly under: Once<CompiledMandate> = new Once()
  readonly tools: Once<ToolDefinition> = new Once()
  readonly locks: Once<Lock> = new Once()
}

export class Keepsakes {
  readonly #folder: string
  readonly #library: Library
  readonly check: ReturnType<typeof argsCheck>
  readonly #roles = new Map<Sha256, ReadonlyMap<string, Sha256>>()
  #lock: Sha256 | undefined

  /** Of the log in this folder. */
  constructor(folder: string, library: Library = new Library()) {
    this.#folder = folder
    this.#library = library
    this.check = argsCheck(folder)
  }

  /** Entries name documents that later ones were made by: to be told of all of them, in order. */
  note({ entry }: EntryItem): void {
    if (entry.type !== 'event') return
    const facts = entry['facts']
    if (!isObject(facts)) return
    if (entry['event'] === 'guard_started') this.#lock = hashIn(facts, 'lock_s256')
    if (entry['event'] !== 'mandate_loaded') return
    const mandate = isObject(entry['mandate']) ? hashIn(entry['mandate'], 's256') : undefined
    if (mandate !== undefined) this.#roles.set(mandate, rolesIn(facts['roles']))
  }

  /**
   * The mandate that a call was made under.
   *
   * @throws Unkept
   */
  mandate(digest: Sha256): CompiledMandate {
    const roles = this.#roles.get(digest)
    const key = `mandate ${digest} ${JSON.stringify([...(roles ?? [])])}`
    return this.#library.mandates.get(key, () => this.#compiledMandate(digest, roles))
  }

  /**
   * The policy set of this revision.
   *
   * @throws Unkept
   */
  policies(revision: Sha256): KeptSet {
    return this.#library.sets.get(revision, () => this.#compiledPolicies(revision))
  }

  /** @throws Unkept */
  under(digest: Sha256, revision: Sha256 | undefined, environment: Environment): CompiledMandate {
    const mandate = this.mandate(digest)
    if (revision === undefined) return mandate
    const { policies } = this.policies(revision)
    const roles = JSON.stringify([...(this.#roles.get(digest) ?? [])])
    const key = `under ${digest} ${roles} ${revision} ${environment}`
    return this.#library.under.get(key, () => guarded(mandate, policies, environment))
  }

  /**
   * The tool that was called, as it was.
   *
   * @throws Unkept
   */
  tool({
    server,
    name,
    definition,
  }: Pick<Recorded, 'server' | 'name' | 'definition'>): ToolDefinition {
    if (definition === undefined) throw new Unkept('the entry does not name the definition')
    return this.#library.tools.get(`${server}/${name} ${definition} ${this.#lock ?? ''}`, () => {
      const raw: unknown = JSON.parse(
        this.#text(definition, `the definition of \`${server}/${name}\``),
      )
      if (!isObject(raw)) throw new Unkept('the definition is no object')
      const lockedEffect = this.effectOf(server, name)
      return { server, name, raw, definition, ...(lockedEffect && { lockedEffect }) }
    })
  }

  /**
   * What the lock file of then says that a tool does.
   *
   * @throws Unkept
   */
  effectOf(server: string, name: string): EffectClass | undefined {
    const digest = this.#lock
    if (digest === undefined) return undefined
    const lock = this.#library.locks.get(digest, () => {
      const read = readLock(objectPath(this.#folder, digest))
      if (read.lock?.digest === digest) return read.lock
      throw new Unkept(`the lock file is not kept beside the log as it was (${digest})`)
    })
    return lock.upstreams.get(server)?.definitions.tool.get(name)?.effect
  }

  #compiledMandate(
    digest: Sha256,
    roles: ReadonlyMap<string, Sha256> | undefined,
  ): CompiledMandate {
    const problems = new Problems()
    const file = 'mandate.yaml'
    const text = this.#text(digest, 'the mandate')
    const { node, problems: found } = readText(text, file)
    for (const problem of found) problems.add(problem)
    const read = (path: string): ReadDocument => this.#role(path, roles)
    const mandate = node && parseMandate({ node, file, digest }, read, problems)
    const compiled = mandate && compileMandate(mandate, problems)
    if (compiled) return compiled
    throw new Unkept(`the mandate does not load: ${firstOf(problems)}`)
  }

  #role(path: string, roles: ReadonlyMap<string, Sha256> | undefined): ReadDocument {
    const { dir, name } = posix.parse(path.replaceAll('\\', '/'))
    const digest = roles?.get(name)
    // Of the two places where a role may stand, one is enough.
    if (digest === undefined || !dir.endsWith('policies/roles'))
      return { problems: [{ id: 'no_such_file', level: 'error', message: 'no such file' }] }
    return { digest, ...readText(this.#text(digest, `the role \`${name}\``), `${name}.yaml`) }
  }

  #compiledPolicies(revision: Sha256): KeptSet {
    const files = filesIn(this.#text(revision, 'the policy set'))
    const problems = new Problems()
    const textOf = ({ file, s256 }: KeptFile): PolicyText => ({
      file,
      text: this.#text(s256, `the policy \`${file}\``),
    })
    const configs = files
      .filter(({ file }) => file === ENGINES)
      .flatMap((one) => parseEngines(textOf(one), problems))
    const named = new Set([
      ENGINES,
      ...configs.flatMap(engineFiles).map((name) => posix.normalize(name)),
    ])
    const texts = files.filter(({ file }) => !named.has(file)).map(textOf)
    const loaded = loadPolicies(texts, configs, revision)
    for (const problem of loaded.problems) problems.add(problem)
    if (!loaded.policies || problems.bad)
      throw new Unkept(`the policy set does not load: ${firstOf(problems)}`)
    const engines = files
      .filter(({ file }) => named.has(file))
      .map((one) => `${one.file} ${one.s256}`)
    return { policies: loaded.policies, engines }
  }

  #text(digest: Sha256, what: string): string {
    const bytes = readObject(this.#folder, digest)
    if (bytes === 'missing') throw new Unkept(`${what} is not kept beside the log (${digest})`)
    if (bytes === 'no_file')
      throw new Unkept(`${what} is no regular file beside the log (${digest})`)
    if (bytes === 'altered') throw new Unkept(`${what} was altered: its hash is not ${digest}`)
    return new TextDecoder('utf-8', { fatal: false, ignoreBOM: true }).decode(bytes)
  }
}

/** What is made of documents, once. */
class Once<T> {
  readonly #known = new Map<string, T>()

  get(key: string, make: () => T): T {
    const known = this.#known.get(key)
    if (known !== undefined) return known
    const made = make()
    if (this.#known.size >= MOST) this.#known.clear()
    this.#known.set(key, made)
    return made
  }
}

interface KeptFile {
  readonly file: string
  readonly s256: Sha256
}

const ENGINES = 'engines.yaml'

/** The files that a manifest lists. */
function filesIn(manifest: string): readonly KeptFile[] {
  const list: unknown = JSON.parse(manifest)
  if (!isList(list)) throw new Unkept('the list of policies is none')
  return list.map((one: Json) => {
    const s256 = isObject(one) ? hashIn(one, 's256') : undefined
    const file = isObject(one) ? one['file'] : undefined
    if (typeof file === 'string' && s256 !== undefined) return { file, s256 }
    throw new Unkept('the list of policies cannot be read')
  })
}

function rolesIn(roles: Json | undefined): ReadonlyMap<string, Sha256> {
  const found = new Map<string, Sha256>()
  for (const role of isList(roles) ? roles : []) {
    if (!isObject(role)) continue
    const digest = hashIn(role, 's256')
    const { name } = role
    if (typeof name === 'string' && digest !== undefined) found.set(name, digest)
  }
  return found
}

function hashIn(object: JsonObject, key: string): Sha256 | undefined {
  const text = member(object, key)
  return typeof text === 'string' && /^[0-9a-f]{64}$/.test(text) ? sha256(text) : undefined
}

function firstOf(problems: Problems): string {
  const [first] = problems.list.filter(({ level }) => level === 'error')
  return first ? problemText(first) : 'nobody knows why'
}
