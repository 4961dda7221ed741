/** Remembers what was compiled for a server's name for something, and no more than its limit of it. */

export interface Memo<T> {
  get(server: string, name: string): T | undefined
  /** Returns the value. */
  set(server: string, name: string, value: T): T
}

/** Longest name that is remembered, in UTF-16 code units: a URI may be much longer. */
const MAX_NAME = 1024

/** Names come from upstreams and agents: at the limit everything is forgotten and compiled again when asked for. */
export function memo<T>(limit: number): Memo<T> {
  const servers = new Map<string, Map<string, T>>()
  let size = 0
  return {
    get: (server, name) => servers.get(server)?.get(name),
    set(server, name, value) {
      if (name.length > MAX_NAME) return value
      if (size >= limit) {
        servers.clear()
        size = 0
      }
      let names = servers.get(server)
      if (!names) servers.set(server, (names = new Map<string, T>()))
      if (!names.has(name)) size += 1
      names.set(name, value)
      return value
    },
  }
}
