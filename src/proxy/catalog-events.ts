/** What the record and the operational log are told of the catalog: each thing once, however often a list is fetched. */
import type { CompiledMandate } from '../model/authority.ts'
import { problemText } from '../model/document.ts'
import type { JsonObject } from '../model/json.ts'
import { spelt } from '../model/plain-name.ts'
import type { OperationalLog } from '../model/port.ts'
import type { EventName } from '../model/record.ts'
import type { ToolDefinition } from '../model/tool.ts'
import type { Drift, Pins } from './pins.ts'
import type { CatalogEvents, HiddenKind } from './sighting.ts'

const HIDDEN: Readonly<Record<HiddenKind, EventName>> = {
  tool: 'tool_hidden',
  prompt: 'prompt_hidden',
  template: 'template_hidden',
  resource: 'resource_hidden',
}

const DRIFTED: Readonly<Record<Drift['drift'], string>> = {
  changed: 'a definition is not the one that was approved: it is hidden',
  held: 'a definition that changed is again the one that was approved: it stays hidden until the guard is started again',
  new: 'a definition that nobody approved is hidden',
  look_alike: 'a definition that nobody approved looks like another one: it is hidden',
  vanished: 'a definition is gone',
}

/** Names as long as they may be, with every character spelt out. */
const LONGEST_NAME = 256

export function catalogEvents(
  record: (event: EventName, facts: JsonObject) => void,
  operational: OperationalLog,
  pins: Pins,
): CatalogEvents {
  return {
    onPinned: (server, facts) => record('catalog_pinned', { server, ...facts }),
    onDrift: ({ server, kind, name, drift, before, after, diff }) => {
      const facts = {
        server,
        // Under its kind, as a `name` would say what the whole is about: `create_token` is no secret.
        [kind]: shown(name),
        drift,
        ...(before === undefined ? {} : { before }),
        ...(after === undefined ? {} : { after }),
        ...(diff.length === 0 ? {} : { diff: [...diff] }),
      }
      operational.warn(facts, DRIFTED[drift])
      record('catalog_changed', facts)
    },
    onUnmatched: (why) => {
      operational.warn({ why }, 'a grant names what no upstream has')
      record('tool_hidden', { why })
    },
    onHidden: (server, kind, name, why) => {
      if (!pins.once(server, 'hidden', `${kind} ${name} ${why}`)) return
      const facts = { server, [kind]: shown(name), why }
      operational.warn(facts, `a ${kind} is hidden`)
      record(HIDDEN[kind], facts)
    },
  }
}

/** Grants that name what no upstream has: most often misspelt. */
export function tellUnmatched(
  { mandate, events }: { readonly mandate: CompiledMandate; readonly events: CatalogEvents },
  offered: { readonly servers: readonly string[]; readonly tools: readonly ToolDefinition[] },
): void {
  for (const problem of mandate.unmatched({ ...offered, prompts: [] })) {
    // Prompts are listed when they are first asked for.
    if (problem.id !== 'unknown_prompt') events.onUnmatched(problemText(problem))
  }
}

function shown(name: string): string {
  return spelt(name.slice(0, LONGEST_NAME))
}
