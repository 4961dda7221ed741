import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { clientEntry, CLIENTS, type GuardLaunch } from '../../src/config/client-entry.ts'

const told = {
  mandate: '/path/to/guard/mandate.yaml',
  upstreams: '/path/to/guard/mcp.json',
  agent: 'my-agent',
}
const args = [
  'run',
  '--mandate',
  told.mandate,
  '--upstreams',
  told.upstreams,
  '--agent',
  'my-agent',
]
const checkout: GuardLaunch = { by: 'checkout', folder: '/path/to/chaperone' }

test('VS Code has a spelling of its own, every other client reads `mcpServers`', () => {
  for (const client of CLIENTS) {
    const line = { command: 'npx', args: ['-y', 'mcp-chaperone', ...args] }
    expect(clientEntry(client, { by: 'npx' }, told)).toEqual(
      client === 'vscode'
        ? { servers: { chaperone: { type: 'stdio', ...line } } }
        : { mcpServers: { chaperone: line } },
    )
  }
})

test('the command on the PATH, with the environment said', () => {
  expect(clientEntry('cursor', { by: 'path' }, { ...told, environment: 'prod' })).toEqual({
    mcpServers: { chaperone: { command: 'chaperone', args: [...args, '--environment', 'prod'] } },
  })
})

test('a checkout is started with its own Node, since the one on the PATH may be too old', () => {
  expect(clientEntry('cursor', checkout, told)).toEqual({
    mcpServers: {
      chaperone: {
        command: '/path/to/chaperone/node_modules/.bin/node',
        args: ['/path/to/chaperone/dist/bin/chaperone.js', ...args],
      },
    },
  })
})

test('the README shows these entries', () => {
  const blocks = [...readFileSync('README.md', 'utf8').matchAll(/```json\n(.*?)```/gs)].map(
    (match): unknown => JSON.parse(match[1] ?? ''),
  )
  for (const launch of [checkout, { by: 'npx' }] satisfies GuardLaunch[]) {
    for (const client of CLIENTS) {
      expect(blocks).toContainEqual(clientEntry(client, launch, told))
    }
  }
})
