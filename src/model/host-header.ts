/** What a `Host` header names (RFC 9110 section 7.2). */

const HOST = /^(\[[0-9a-f:.]{2,45}\]|[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?)(?::(\d{1,5}))?$/i

/** The names of this machine for itself, as they stand in the header. */
export const LOOPBACK_NAMES: ReadonlySet<string> = new Set(['localhost', '127.0.0.1', '[::1]'])

/** Its host in lower case, without the port; undefined where it is none. */
export function hostNamed(header: string): string | undefined {
  return HOST.exec(header)?.[1]?.toLowerCase()
}
