/** Waiting for what will happen, without looking at a clock. */

export interface Signals {
  /** Something may have changed. */
  happened(): void
  /** Resolves when it holds. */
  until(holds: () => boolean): Promise<void>
}

export function signals(): Signals {
  const waiting = new Set<() => void>()
  return {
    happened: () => {
      for (const look of waiting) look()
    },
    until: (holds) =>
      new Promise((resolve) => {
        const look = (): void => {
          if (!holds()) return
          waiting.delete(look)
          resolve()
        }
        waiting.add(look)
        look()
      }),
  }
}
