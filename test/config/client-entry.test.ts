import { expect, test } from 'vitest'
import { clientEntry } from '../../src/config/client-entry.ts'

const told = { mandate: '/g/m.yaml', upstreams: '/g/mcp.json', agent: 'me' }
const args = ['run', '--mandate', '/g/m.yaml', '--upstreams', '/g/mcp.json', '--agent', 'me']

test('the entry for clients that read `mcpServers`', () => {
  for (const client of ['claude-desktop', 'claude-code', 'cursor', 'windsurf'] as const) {
    expect(clientEntry(client, { by: 'npx' }, told)).toEqual({
      mcpServers: { chaperone: { command: 'npx', args: ['-y', 'mcp-chaperone', ...args] } },
    })
  }
})

test("VS Code's spelling, with the environment said", () => {
  expect(clientEntry('vscode', { by: 'path' }, { ...told, environment: 'prod' })).toEqual({
    servers: {
      chaperone: {
        type: 'stdio',
        command: 'chaperone',
        args: [...args, '--environment', 'prod'],
      },
    },
  })
})

test('a checkout is started with its own Node, since the one on the PATH may be too old', () => {
  expect(clientEntry('cursor', { by: 'checkout', folder: '/opt/chaperone' }, told)).toEqual({
    mcpServers: {
      chaperone: {
        command: '/opt/chaperone/node_modules/.bin/node',
        args: ['/opt/chaperone/dist/bin/chaperone.js', ...args],
      },
    },
  })
})
