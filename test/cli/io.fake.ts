/** A command's view of the outside that a test can read back. */
import type { CliIo } from '../../src/cli/io.ts'

export interface FakeIo extends CliIo {
  /** Everything written so far. */
  readonly out: () => string
  readonly err: () => string
}

export function fakeIo(over: Partial<CliIo> = {}): FakeIo {
  const written = { out: '', err: '' }
  return {
    stdout: (text) => {
      written.out += text
    },
    stderr: (text) => {
      written.err += text
    },
    color: false,
    columns: 100,
    cwd: '/desk',
    env: {},
    out: () => written.out,
    err: () => written.err,
    ...over,
  }
}
