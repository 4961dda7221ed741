/** What signals ask of a command: to stop, or, where it says that it knows what to do then, to look again. */

/** The part of a process that is needed. */
export interface Signalled {
  on(signal: NodeJS.Signals, listener: () => void): unknown
  exit(code: number): void
}

export interface Signals {
  /** Aborted by the first signal that asks to stop. */
  readonly stopping: AbortController
  /** See `CliIo.onHangup`. */
  readonly onHangup: (look: () => void) => () => void
}

/** What a shell sees of a process that was interrupted. */
const EXIT_IMPATIENT = 130

/**
 * The first signal asks the command to stop, which takes seconds at the most and leaves no child behind; a second changes
 * nothing; a third ends the process at once, for who would rather not wait. SIGHUP is one of them, as a terminal that is
 * closed sends it, unless the command took it for something else.
 */
export function listenTo(process: Signalled): Signals {
  const stopping = new AbortController()
  const looks = new Set<() => void>()
  let signals = 0
  const stop = (signal: NodeJS.Signals): void => {
    signals += 1
    if (signals > 2) process.exit(EXIT_IMPATIENT)
    stopping.abort(signal)
  }
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => stop(signal))
  process.on('SIGHUP', () => {
    if (looks.size === 0) stop('SIGHUP')
    for (const look of looks) look()
  })
  return {
    stopping,
    onHangup: (look) => {
      looks.add(look)
      return () => looks.delete(look)
    },
  }
}
