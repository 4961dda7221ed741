/** Asks upstreams what they offer, without an agent and without calling anything: for `check`, `explain` and `pin`. */
import { GuardError } from '../model/error.ts'
import { isObject, type JsonObject } from '../model/json.ts'
import type { Definition, DefinitionKind } from '../model/lock.ts'
import type { ToolDefinition } from '../model/tool.ts'
import { fetchOffer, LIST_CAPABILITY, type Listed, type ListMethod } from './offer.ts'
import type { Self } from './protocol.ts'
import type { Link } from './upstream/link.ts'
import { isDenied } from './upstream/retries.ts'

/** A definition as its upstream shows it, whatever its name looks like. */
export interface Offered extends Definition {
  readonly server: string
  readonly kind: DefinitionKind
}

export interface Probed {
  readonly tools: readonly ToolDefinition[]
  readonly prompts: readonly { readonly server: string; readonly name: string }[]
  /** All of them, templates too, as they came. */
  readonly definitions: readonly Offered[]
  readonly failed: readonly { readonly server: string; readonly why: string }[]
}

/** Starts them side by side and ends them again. Never throws for what an upstream does. */
export async function probe(
  links: readonly Link[],
  self: Self,
  capabilities: (server: string) => JsonObject,
): Promise<Probed> {
  const tools: ToolDefinition[] = []
  const definitions: Offered[] = []
  const failed: { readonly server: string; readonly why: string }[] = []
  const ask = async (link: Link): Promise<void> => {
    const { server } = link
    const asking = { link, self, capabilities: capabilities(server) }
    const note = (kind: DefinitionKind, { value, exact, definition }: Listed): void => {
      const name = value[kind === 'template' ? 'uriTemplate' : 'name']
      if (typeof name !== 'string') return
      definitions.push({ server, kind, name, digest: definition, value: exact })
      if (kind === 'tool') tools.push({ server, name, raw: value, definition })
    }
    try {
      for (const item of await offer(asking, 'tools/list')) note('tool', item)
      for (const item of await offer(asking, 'prompts/list')) note('prompt', item)
      for (const item of await templates(asking)) note('template', item)
    } catch (error) {
      if (!(error instanceof GuardError)) throw error
      failed.push({ server: link.server, why: error.message })
    } finally {
      await link.stop()
    }
  }
  await Promise.all(links.map(ask))
  const prompts = definitions.filter(({ kind }) => kind === 'prompt')
  return { tools, prompts, definitions, failed }
}

/**
 * Asks what every agent asks first: to be let in, and what there is. True where that is refused for want of a credential.
 *
 * @throws GuardError when it cannot be asked
 */
export async function refusesAgents(link: Link, self: Self): Promise<boolean> {
  try {
    const { capabilities } = await link.connect({ era: 'legacy', capabilities: {} })
    const list = LIST_METHODS.find((method) => isObject(capabilities[LIST_CAPABILITY[method]]))
    if (list) await offer({ link, self, capabilities: {} }, list)
    return false
  } catch (error) {
    if (isDenied(error)) return true
    throw error
  } finally {
    await link.stop()
  }
}

const LIST_METHODS: readonly ListMethod[] = ['tools/list', 'prompts/list', 'resources/list']

interface Asking {
  readonly link: Link
  readonly self: Self
  readonly capabilities: JsonObject
}

async function offer(
  { link, self, capabilities }: Asking,
  method: ListMethod,
): Promise<readonly Listed[]> {
  const agreement = await link.connect({ era: 'legacy', capabilities })
  if (!isObject(agreement.capabilities[LIST_CAPABILITY[method]])) return []
  const dress = { era: agreement.era, version: agreement.version, self, capabilities }
  return (await fetchOffer(link, method, dress)).items
}

/** Many a server that has resources does not know the method. */
async function templates(asking: Asking): Promise<readonly Listed[]> {
  try {
    return await offer(asking, 'resources/templates/list')
  } catch (error) {
    if (asking.link.agreement && error instanceof GuardError) return []
    throw error
  }
}
