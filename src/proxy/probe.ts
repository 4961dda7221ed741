/** Asks upstreams what they offer, without an agent and without calling anything: for `check` and `explain`. */
import { GuardError } from '../model/error.ts'
import { isObject } from '../model/json.ts'
import type { ToolDefinition } from '../model/tool.ts'
import { fetchOffer, type ListMethod, type Offer } from './offer.ts'
import type { Self } from './protocol.ts'
import type { Link } from './upstream/link.ts'

export interface Probed {
  readonly tools: readonly ToolDefinition[]
  readonly prompts: readonly { readonly server: string; readonly name: string }[]
  readonly failed: readonly { readonly server: string; readonly why: string }[]
}

/** Starts them side by side and ends them again. Never throws for what an upstream does. */
export async function probe(links: readonly Link[], self: Self): Promise<Probed> {
  const tools: ToolDefinition[] = []
  const prompts: { readonly server: string; readonly name: string }[] = []
  const failed: { readonly server: string; readonly why: string }[] = []
  const ask = async (link: Link): Promise<void> => {
    try {
      const { server } = link
      for (const item of (await offer(link, 'tools/list', self)).items) {
        const name = item.value['name']
        if (typeof name === 'string')
          tools.push({ server, name, raw: item.value, definition: item.definition })
      }
      for (const item of (await offer(link, 'prompts/list', self)).items) {
        const name = item.value['name']
        if (typeof name === 'string') prompts.push({ server, name })
      }
    } catch (error) {
      if (!(error instanceof GuardError)) throw error
      failed.push({ server: link.server, why: error.message })
    } finally {
      await link.stop()
    }
  }
  await Promise.all(links.map(ask))
  return { tools, prompts, failed }
}

const NOTHING: Pick<Offer, 'items'> = { items: [] }

async function offer(link: Link, method: ListMethod, self: Self): Promise<Pick<Offer, 'items'>> {
  const agreement = await link.connect({ era: 'legacy', capabilities: {} })
  const capability = agreement.capabilities[method === 'tools/list' ? 'tools' : 'prompts']
  if (!isObject(capability)) return NOTHING
  return fetchOffer(link, method, { era: agreement.era, version: agreement.version, self })
}
