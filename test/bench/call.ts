/** The one call that everybody makes, over either transport, and the one right answer to it. */

/** What the bench's upstream answers to `approve`; any other answer fails the measurement. */
export const EXPECTED = 'vendor 4711 approved in class B, reference PROC-1182'

/** No two calls in a row are alike: whoever remembers a call's bytes or digest gains nothing. */
export function argumentsText(id: number): string {
  return `{"vendor_class":"B","amount":${id % 5000},"to":"lee${id % 97}@acme.example","file":"/srv/catalog/2026/vendor-${id % 1009}.pdf","note":"approved as agreed in the meeting of the vendor board"}`
}

/** A message as far as the bench reads one. */
export interface Message {
  readonly id?: unknown
  readonly method?: unknown
  readonly result?: {
    readonly isError?: unknown
    readonly content?: readonly { readonly text?: unknown }[]
  }
  readonly error?: { readonly code?: unknown; readonly message?: unknown }
}

export function isExpected(message: Message): boolean {
  return message.result?.content?.[0]?.text === EXPECTED
}
