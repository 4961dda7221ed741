import { expect, test } from 'vitest'
import { compiled, tool } from './written.ts'

const CATALOG = {
  servers: ['vendors', 'mail'],
  tools: [
    tool('vendors', 'search', { query: { type: 'string' } }),
    tool('vendors', 'approve', { vendor_class: { type: 'string' } }),
    tool('mail', 'send'),
  ],
  prompts: [{ server: 'vendors', name: 'summary' }],
}

const found = (body: string) =>
  compiled(body)
    .unmatched(CATALOG)
    .map(({ id, level, place, remedy }) => [id, level, place?.line, place?.column, remedy])

test.each<[body: string, id: string, level: string, line: number, column: number, remedy: string]>([
  [
    'tools: { vendors/aprove: {} }',
    'unknown_tool',
    'error',
    5,
    10,
    'did you mean `vendors/approve`?',
  ],
  [
    'tools: { vendors/del_*: {} }',
    'unknown_tool',
    'error',
    5,
    10,
    'remove it, or correct its name',
  ],
  ['tools: { vendor/search: {} }', 'unknown_server', 'error', 5, 10, 'did you mean `vendors`?'],
  ['tools: { x*/search: {} }', 'unknown_server', 'error', 5, 10, 'mcp.json has `vendors`, `mail`'],
  [
    'prompts: { vendors/sumary: {} }',
    'unknown_prompt',
    'error',
    5,
    12,
    'did you mean `vendors/summary`?',
  ],
  [
    'resources: { "vendr/file:///a": {} }',
    'unknown_server',
    'error',
    5,
    14,
    'did you mean `vendors`?',
  ],
  ['requests: { vendr: [roots] }', 'unknown_server', 'error', 5, 13, 'did you mean `vendors`?'],
  ['never: [vendors/serch]', 'unknown_tool', 'error', 5, 9, 'did you mean `vendors/search`?'],
  ['never: [vendors/delete_*]', 'unknown_tool', 'warning', 5, 9, 'remove it, or correct its name'],
  ['never: [vendr/*]', 'unknown_server', 'error', 5, 9, 'did you mean `vendors`?'],
])('%s names what no upstream has', (body, ...problem) => {
  expect(found(body)).toEqual([problem])
})

test('what the upstreams have is matched', () => {
  expect(
    found(`tools:
  vendors/*: {}
  "*/send": {}
resources: { "vendors/file:///a": {} }
prompts: { vendors/summary: {} }
requests: { mail: [elicitation] }
never: [mail/send, vendors/file:///a/b]
`),
  ).toEqual([])
})

test('an argument that the tool does not have is found once, with the nearest, and hides the tool', () => {
  const mandate = compiled(
    'tools: { vendors/approve: { args: { vendor_clas: { present: true } } } }',
  )
  expect(mandate.unmatched(CATALOG)).toMatchObject([
    {
      id: 'unknown_argument',
      place: { line: 5, column: 50 },
      remedy: 'did you mean `vendor_class`?',
    },
  ])
  expect(mandate.tool(CATALOG.tools[1]!).listed).toBe(false)
})
