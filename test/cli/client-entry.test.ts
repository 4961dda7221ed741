/** The entries of the README, started the way a client starts them. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { afterAll, beforeAll, expect, test } from 'vitest'

interface Line {
  readonly command: string
  readonly args: readonly string[]
}
type Entry = Readonly<Record<string, { readonly chaperone?: Line }>>

const folder = mkdtempSync(join(tmpdir(), 'chaperone-entry-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

beforeAll(async () => {
  mkdirSync(join(folder, 'served'))
  writeFileSync(
    join(folder, 'mandate.yaml'),
    `mandate: entry
agent: my-agent
purpose: Read what is served
valid: { until: 2100-01-01T00:00:00Z }
tools:
  files/read_text_file: { effect: read }
`,
  )
  const server = resolve('node_modules/@modelcontextprotocol/server-filesystem/dist/index.js')
  const args = [server, join(folder, 'served')]
  const upstreams = { mcpServers: { files: { command: process.execPath, args } } }
  writeFileSync(join(folder, 'mcp.json'), JSON.stringify(upstreams))
  if (existsSync('dist/bin/chaperone.js')) return
  await once(spawn(process.execPath, ['scripts/build.ts'], { stdio: 'inherit' }), 'close')
}, 60_000)

/** The README's entries for a checkout, with its placeholders filled in. */
function entries(): readonly { readonly spelling: string; readonly line: Line }[] {
  const text = readFileSync('README.md', 'utf8')
    .replaceAll('/path/to/chaperone', resolve('.'))
    .replaceAll('/path/to/guard', folder)
  return [...text.matchAll(/```json\n(.*?)```/gs)]
    .map((match) => JSON.parse(match[1] ?? '') as Entry)
    .flatMap((entry) => Object.entries(entry))
    .flatMap(([spelling, { chaperone: line }]) =>
      line?.command.startsWith(resolve('.')) === true ? [{ spelling, line }] : [],
    )
}

test('there is one for each spelling', () => {
  expect(entries().map(({ spelling }) => spelling)).toEqual(['mcpServers', 'servers'])
})

test.each(['mcpServers', 'servers'])(
  'the entry under `%s` starts a guard that lists what the mandate permits',
  async (spelling) => {
    const line = entries().find((entry) => entry.spelling === spelling)?.line
    expect(await toolsListedBy(line!)).toEqual(['read_text_file'])
  },
)

async function toolsListedBy({ command, args }: Line): Promise<readonly string[]> {
  // Clients start servers in folders of their own.
  const env = { ...process.env, CHAPERONE_STATE_DIR: join(folder, 'state') }
  const guard = spawn(command, args, { cwd: tmpdir(), env, stdio: ['pipe', 'pipe', 'ignore'] })
  const send = (message: object): void => {
    guard.stdin.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`)
  }
  const clientInfo = { name: 'a client', version: '1' }
  const params = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo }
  send({ id: 1, method: 'initialize', params })
  try {
    for await (const text of createInterface({ input: guard.stdout })) {
      const answer = JSON.parse(text) as {
        readonly id?: number
        readonly result?: { readonly tools?: readonly { readonly name: string }[] }
      }
      if (answer.id === 2) return (answer.result?.tools ?? []).map(({ name }) => name)
      if (answer.id !== 1) continue
      send({ method: 'notifications/initialized' })
      send({ id: 2, method: 'tools/list' })
    }
    return ['the guard ended without an answer']
  } finally {
    guard.stdin.end()
    if (guard.exitCode === null) await once(guard, 'close')
  }
}
