/** A guard that filters and refuses nothing would be measured as fast: both are seen to work first. */
import { PERMITTED_TOOLS } from './target.ts'

/** @throws Error when the list is not filtered, or a call outside the mandate is answered. */
export async function proveGuarded(
  client: { request(method: string, params: object): Promise<unknown> },
  tools: readonly string[],
): Promise<void> {
  if (tools.length !== PERMITTED_TOOLS) {
    throw new Error(`the list filter is off: ${tools.length} tools, not ${PERMITTED_TOOLS}`)
  }
  const outside = await client.request('tools/call', {
    name: 'approve',
    arguments: { vendor_class: 'A', amount: 5001 },
  })
  if (!(outside as { readonly isError?: unknown }).isError) {
    throw new Error('the argument rules are off: a call outside the mandate went through')
  }
}
