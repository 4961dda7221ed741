import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Upstream } from '../../src/config/mcp-json.ts'
import { type Disk, ownFiles, refuseReadable, refuseWritable } from '../../src/config/own-files.ts'
import { riskFile } from '../../src/config/risk-file.ts'
import { readText } from '../../src/document/read.ts'
import type { DocNode } from '../../src/model/document.ts'
import { instant, sha256 } from '../../src/model/id.ts'
import type { Grant, Mandate } from '../../src/model/mandate.ts'

const plainDisk: Disk = { realpath: (path) => path, ignoreCase: false }
const own = ownFiles({
  mandate: '/srv/guard/m.yaml',
  roles: ['/srv/guard/policies/roles/reader.yaml'],
  upstreams: '/srv/guard/mcp.json',
  stateDir: '/var/lib/chaperone',
})

function grantOf(target: string, yaml: string): Grant {
  const read = readText(yaml, 'm.yaml')
  const member = (key: string): DocNode | undefined =>
    read.node?.kind === 'map'
      ? read.node.entries.find((entry) => entry.key === key)?.value
      : undefined
  const [server = '', name = ''] = target.split('/')
  const args = member('args')
  const text = (key: string): string | undefined => {
    const node = member(key)
    return node?.kind === 'scalar' ? String(node.value) : undefined
  }
  const effect = text('effect')
  return {
    kind: 'tool',
    rule: `tools.${target}`,
    place: { file: 'm.yaml', line: 1, column: 1 },
    server,
    name,
    ...(effect !== undefined && { effect: effect as 'read' }),
    data: [],
    args: new Map(args?.kind === 'map' ? args.entries.map(({ key, value }) => [key, value]) : []),
    otherArgs: text('otherArgs') === 'permit' || !args ? 'permit' : 'refuse',
  }
}

const mandateOf = (grants: readonly Grant[]): Mandate => ({
  name: 'm',
  agent: 'a',
  purpose: { text: 'p' },
  environment: [],
  valid: { until: instant(0) },
  context: new Map(),
  grants,
  never: [],
  requests: new Map(),
  roles: [],
  file: 'm.yaml',
  digest: sha256('0'.repeat(64)),
  signed: false,
})

const files = (...args: string[]): Upstream => ({
  server: 'files',
  kind: 'stdio',
  command: 'npx',
  args: ['-y', '@modelcontextprotocol/server-filesystem', ...args],
  env: {},
  cwd: '/srv/guard',
  place: { file: 'mcp.json', line: 3, column: 5 },
})

function refused(
  tools: Record<string, string>,
  upstream: Upstream = files(),
  options: { allowed?: string[]; disk?: Disk } = {},
): readonly string[] {
  const grants = Object.entries(tools).map(([target, yaml]) => grantOf(target, yaml))
  return refuseWritable(
    own,
    { mandate: mandateOf(grants), upstreams: [upstream] },
    options.allowed ?? [],
    options.disk ?? plainDisk,
  ).map((problem) => `${problem.level} ${problem.id} ${problem.place?.line}: ${problem.message}`)
}

const reaches = (root: string, what: string): string =>
  `error own_files_writable 1: the agent could write the guard's own files by \`files/write_file\`: \`${root}\` in its constraint reaches ${what}`

test('refuses a root that holds the mandate, naming both places', () => {
  expect(refused({ 'files/write_file': 'args: { path: { path: { under: /srv } } }' })).toEqual([
    reaches(
      '/srv',
      'the mandate `/srv/guard/m.yaml`, the upstreams `/srv/guard/mcp.json`, the settings `/srv/guard/chaperone.yaml`, the lock `/srv/guard/chaperone.lock`, the policies `/srv/guard/policies`',
    ),
  ])
})

test.each([
  ['under the policies', '/srv/guard/policies/roles', 'the policies `/srv/guard/policies`'],
  ['the state itself', '/var/lib/chaperone', 'the state `/var/lib/chaperone`'],
  ['inside the state', '/var/lib/chaperone/log', 'the state `/var/lib/chaperone`'],
  ['the mandate itself', '/srv/guard/m.yaml', 'the mandate `/srv/guard/m.yaml`'],
  ['written with dots', '/srv/guard/x/../m.yaml', 'the mandate `/srv/guard/m.yaml`'],
])('refuses a root %s', (_, root, what) => {
  expect(refused({ 'files/write_file': `args: { path: { path: { under: ${root} } } }` })).toEqual([
    reaches(root, what),
  ])
})

test('a root beside the own files is none of them, whatever its name begins with', () => {
  for (const root of ['/srv/guard-data', '/srv/gua', '/var/lib/chaperone2', '/home/me']) {
    expect(refused({ 'files/write_file': `args: { path: { path: { under: ${root} } } }` })).toEqual(
      [],
    )
  }
})

test('finds roots in lists, nested constraints, globs, prefixes and literals', () => {
  for (const constraint of [
    '{ path: { under: [/home, /srv/guard] } }',
    '{ each: { path: { under: /srv/guard } } }',
    '{ fields: { path: { path: { under: /srv/guard } } } }',
    '{ any: [{ uuid: true }, { path: { under: /srv/guard } }] }',
    '{ glob: "/srv/guard/*.yaml" }',
    '{ glob: "/srv/**" }',
    '{ prefix: /srv/guard/m }',
    '{ prefix: /srv/ }',
    '{ prefix: "file:///srv/guard/" }',
    '{ equals: /srv/guard/mcp.json }',
    '{ one_of: [/tmp/x, /srv/guard/chaperone.lock] }',
  ]) {
    const problems = refused({ 'files/write_file': `args: { target: ${constraint} }` })
    expect([constraint, problems.length]).toEqual([constraint, 1])
  }
  expect(refused({ 'files/write_file': 'args: { path: { prefix: /srv/guard/out } }' })).toEqual([])
})

test('a tool that only reads may reach them; one without an effect counts as writing', () => {
  const under = 'args: { path: { path: { under: /srv } } }'
  expect(refused({ 'files/read_file': `{ effect: read, ${under} }` })).toEqual([])
  expect(refused({ 'files/read_file': `{ ${under} }` })).toHaveLength(1)
  expect(refused({ 'files/read_file': `{ effect: delete, ${under} }` })).toHaveLength(1)
})

test('the effect of a tool is the strictest that any of its grants says', () => {
  const reading = grantOf(
    'files/edit',
    '{ effect: read, args: { path: { path: { under: /srv } } } }',
  )
  const writing = grantOf(
    'files/edit',
    '{ effect: write, args: { path: { path: { under: /tmp } } } }',
  )
  const authority = { mandate: mandateOf([reading, writing]), upstreams: [files()] }
  expect(refuseWritable(own, authority, [], plainDisk)).toHaveLength(1)
})

describe('where no constraint bounds the path, the folders the upstream was started with count', () => {
  const launch = (root: string) =>
    `error own_files_writable 3: the agent could write the guard's own files by \`files/write_file\`: \`${root}\` in the launch line of \`files\` (mcp.json:3) reaches the mandate`

  test.each(['{}', '{ effect: write, args: { path: { length: 1..9 } } }', '{ otherArgs: permit }'])(
    'for the grant %s',
    (grant) => {
      expect(refused({ 'files/write_file': grant }, files('/srv'))[0]).toContain(launch('/srv'))
      expect(refused({ 'files/write_file': grant }, files('/home/me'))).toEqual([])
    },
  )

  test('also when they are relative, in a flag, a list, or the environment', () => {
    expect(refused({ 'files/write_file': '{}' }, files('.'))[0]).toContain(launch('.'))
    expect(refused({ 'files/write_file': '{}' }, files('--root=/srv'))[0]).toContain(launch('/srv'))
    expect(refused({ 'files/write_file': '{}' }, files('/tmp,/srv'))[0]).toContain(launch('/srv'))
    const withEnv = { ...files(), env: { ROOTS: '/tmp:/srv' } }
    expect(refused({ 'files/write_file': '{}' }, withEnv)[0]).toContain(launch('/srv'))
  })

  test('a server pattern counts for every server it could mean', () => {
    expect(refused({ 'fil*/write_*': '{}' }, files('/srv'))).toHaveLength(1)
    expect(refused({ 'db*/write_*': '{}' }, files('/srv'))).toEqual([])
  })

  test('a bounded path beside other arguments is bound enough; a second, free path is not', () => {
    const bound = 'args: { path: { path: { under: /tmp } }, content: { length: 0..99 } }'
    expect(refused({ 'files/write_file': `{ ${bound} }` }, files('/srv'))).toEqual([])
    const free =
      'args: { source: { path: { under: /tmp } }, destination: { each: { length: 0..99 } } }'
    expect(refused({ 'files/write_file': `{ ${free} }` }, files('/srv'))).toHaveLength(1)
    expect(
      refused({ 'files/write_file': `{ ${bound}, otherArgs: permit }` }, files('/srv')),
    ).toHaveLength(1)
  })

  test.each([
    [
      'another name for a destination',
      'args: { path: { path: { under: /tmp } }, target: { length: 0..99 } }',
    ],
    [
      'a list of objects with paths',
      'args: { path: { path: { under: /tmp } }, files: { each: { fields: { where: { present: true } } } } }',
    ],
    [
      'a pattern that matches everywhere',
      'args: { path: { path: { under: /tmp } }, to: { glob: "**" } }',
    ],
  ])('%s is free, too', (_name, args) => {
    expect(refused({ 'files/write_file': `{ ${args} }` }, files('/srv'))).toHaveLength(1)
  })

  test.each([['src=/srv,dst=/projects'], ['["/tmp","/srv"]'], ['-c exec server "/srv"']])(
    'a folder stands in `%s`',
    (word) => {
      expect(refused({ 'files/write_file': '{}' }, files(word))[0]).toContain(launch('/srv'))
    },
  )

  test('a tool that takes no arguments cannot be pointed anywhere', () => {
    expect(refused({ 'files/write_file': 'args: {}' }, files('/srv'))).toEqual([])
  })
})

test('endings keep them apart, but not from the state, where every file counts', () => {
  const grant = (root: string, ext: string) => ({
    'files/write_file': `args: { path: { path: { under: ${root}, ext: ${ext} } } }`,
  })
  expect(refused(grant('/srv', '[md, .txt]'))).toEqual([])
  expect(refused(grant('/srv', '[md, yaml]'))).toHaveLength(1)
  expect(refused(grant('/var/lib', 'md'))).toHaveLength(1)
})

test('one problem a folder, however many tools reach it', () => {
  const under = 'args: { path: { path: { under: /srv } } }'
  const [problem, ...more] = refused({ 'files/write_file': under, 'files/edit_file': under })
  expect(more).toEqual([])
  expect(problem).toContain('by `files/write_file` and 1 more:')
})

test('links are followed on both sides, and through folders that do not exist yet', () => {
  const links: Record<string, string> = {
    '/home/me/link': '/srv',
    '/srv/guard': '/data/guard',
    '/data': '/data',
    '/': '/',
  }
  const disk: Disk = { realpath: (path) => links[path], ignoreCase: false }
  const to = (root: string) => ({
    'files/write_file': `args: { path: { path: { under: ${root} } } }`,
  })
  expect(refused(to('/data'), files(), { disk })).toHaveLength(1)
  expect(refused(to('/srv'), files(), { disk })).toHaveLength(1)
  expect(refused(to('/home/me/link'), files(), { disk })).toHaveLength(1)
  expect(refused(to('/data/other'), files(), { disk })).toEqual([])
  expect(refused(to('/home/me/link/other'), files(), { disk })).toEqual([])
})

test('where the disk does not tell case apart, neither does this', () => {
  const grant = { 'files/write_file': 'args: { path: { path: { under: /SRV/Guard } } }' }
  expect(refused(grant)).toEqual([])
  const disk = { ...plainDisk, ignoreCase: true }
  expect(refused(grant, files(), { disk })).toHaveLength(1)
})

test('one is lifted by its name, and only that one', () => {
  const grant = { 'files/write_file': 'args: { path: { path: { under: /srv/guard/m.yaml } } }' }
  expect(refused(grant, files(), { allowed: ['/srv/guard/m.yaml'] })).toEqual([])
  const wide = { 'files/write_file': 'args: { path: { path: { under: /srv } } }' }
  expect(refused(wide, files(), { allowed: ['/srv/guard/m.yaml'] })[0]).toContain('the upstreams')
  expect(refused(wide, files(), { allowed: ['/srv/guard'] })).toHaveLength(1)
  expect(refused(wide, files(), { allowed: ['/srv'] })).toEqual([])
})

test('a tool that runs programs is warned of: no folder bounds it', () => {
  expect(
    refused({ 'shell/run': '{ effect: execute, args: { command: { one_of: [ls] } } }' }),
  ).toEqual([
    "warning runs_programs 1: `shell/run` runs programs, and a program can write whatever its user can: the guard's own files too",
  ])
})

describe('logins', () => {
  const logins = [
    { path: '/var/lib/chaperone/credentials', what: 'the logins in', lent: true },
  ] as const
  const readable = (tools: Record<string, string>, upstream: Upstream = files()) =>
    refuseReadable(
      logins,
      {
        mandate: mandateOf(Object.entries(tools).map(([target, yaml]) => grantOf(target, yaml))),
        upstreams: [upstream],
      },
      ['/var', '/var/lib', '/var/lib/chaperone', '/var/lib/chaperone/credentials'],
      plainDisk,
    )

  test.each([
    [
      'a folder around them',
      'effect: read, args: { path: { path: { under: /var/lib } } }',
      files(),
    ],
    [
      'one of them',
      'effect: read, args: { path: { prefix: /var/lib/chaperone/credentials/a } }',
      files(),
    ],
    [
      'the folder of the launch line',
      'effect: read, args: { path: { present: true } }',
      files('/var'),
    ],
    ['what may be written', 'effect: write, args: { path: { path: { under: /var } } }', files()],
  ])('are not read through %s', (_what, grant, upstream) => {
    const [problem, ...others] = readable({ 'files/read_file': `{ ${grant} }` }, upstream)
    expect(others).toEqual([])
    expect(problem).toMatchObject({ level: 'error', id: 'own_secrets_readable' })
    expect(problem?.message).toContain('the logins in `/var/lib/chaperone/credentials`')
    // Nothing lifts it, whatever else was permitted by name.
    expect(problem?.remedy).toContain('--state-dir')
    expect(problem?.remedy).not.toContain('--allow-writable')
  })

  test.each([
    ['https://elsewhere.example/mcp', 0],
    ['http://127.0.0.1:8000/mcp', 1],
  ])('are not read by a server at %s, if it is none of this machine', (url, count) => {
    const upstream = { ...files(), kind: 'http', url, headers: {}, transport: 'any' }
    const grant = '{ effect: read, args: { path: { path: { under: /var } } } }'
    expect(readable({ 'files/read_file': grant }, upstream as unknown as Upstream)).toHaveLength(
      count,
    )
  })

  test.each([
    ['file:///var/lib/**', files(), 1],
    ['file:///var/lib/chaperone/log/**', files(), 0],
    ['**', files('/var/lib'), 1],
    ['**', files('/srv'), 0],
    ['notes://**', files('/var/lib'), 0],
  ])('are read as a resource %s', (name, upstream, count) => {
    const grant = { ...grantOf('files/x', '{}'), kind: 'resource', name } as const
    const authority = { mandate: mandateOf([grant]), upstreams: [upstream] }
    expect(refuseReadable(logins, authority, [], plainDisk)).toHaveLength(count)
  })

  test.each([
    [
      'a folder beside them',
      '{ effect: read, args: { path: { path: { under: /var/lib/chaperone/log } } } }',
    ],
    ['no path at all', '{ effect: read, args: {} }'],
  ])('are not reached through %s', (_what, grant) => {
    expect(readable({ 'files/read_file': grant }, files('/var'))).toEqual([])
  })
})

describe('keys of the record', () => {
  const keys = [
    { path: '/var/lib/chaperone/log.key', what: 'the key', endings: ['key'] },
    { path: '/var/lib/chaperone/log', what: 'the keys in', endings: ['bin', 'key'] },
  ]
  const readable = (constraint: string, allowed: readonly string[] = []) =>
    refuseReadable(
      keys,
      {
        mandate: mandateOf([
          grantOf('files/read_file', `{ effect: read, args: { path: ${constraint} } }`),
        ]),
        upstreams: [files()],
      },
      allowed,
      plainDisk,
    )

  test.each([
    ['{ path: { under: /var/lib } }', 'reaches the key `/var/lib/chaperone/log.key`, the keys in'],
    ['{ equals: /var/lib/chaperone/log.key }', 'reaches the key `/var/lib/chaperone/log.key`'],
    ['{ path: { under: /var/lib/chaperone/log/a, ext: bin } }', 'reaches the keys in'],
    ['{ prefix: /var/lib/chaperone/log/a/keys- }', 'reaches the keys in'],
  ])('are not read through %s', (constraint, reached) => {
    const [problem, ...others] = readable(constraint)
    expect(others).toEqual([])
    expect(problem).toMatchObject({ level: 'error', id: 'own_secrets_readable' })
    expect(problem?.message).toContain(reached)
  })

  test.each([
    '{ path: { under: /var/lib, ext: md } }',
    '{ path: { under: /var/lib/chaperone/log, ext: [jsonl] } }',
    '{ path: { under: /var/lib/other } }',
  ])('are not reached through %s', (constraint) => {
    expect(readable(constraint)).toEqual([])
  })

  test('one is lifted by its name, or that of the folder, and only that one', () => {
    const under = (path: string) => `{ path: { under: ${path} } }`
    const [one] = readable(under('/var/lib'), ['/var/lib/chaperone/log'])
    expect(one?.message).toMatch(/reaches the key `[^`]+`$/)
    expect(one?.remedy).toContain('--allow-writable /var/lib/chaperone/log.key')
    expect(readable(under('/var/lib'), ['/var/lib'])).toEqual([])
    expect(readable(under('/var/lib'), ['/var/lib/chaperone'])).toHaveLength(1)
    expect(
      readable('{ equals: /var/lib/chaperone/log.key }', ['/var/lib/chaperone/log.key']),
    ).toEqual([])
  })

  test('what is lent stays out of reach where keys beside it are permitted', () => {
    const lent = {
      path: '/var/lib/chaperone/credentials',
      what: 'the logins in',
      lent: true,
    } as const
    const mandate = mandateOf([
      grantOf('files/read_file', '{ effect: read, args: { path: { path: { under: /var } } } }'),
    ])
    const authority = { mandate, upstreams: [files()] }
    const [problem] = refuseReadable([...keys, lent], authority, ['/var'], plainDisk)
    expect(problem?.message).toMatch(/: `\/var` in its constraint reaches the logins in `[^`]+`$/)
  })
})

test('a root is refused exactly when an own file lies in it, or it in an own folder', () => {
  const segment = fc.constantFrom('srv', 'guard', 'var', 'lib', 'chaperone', 'm.yaml', 'x')
  fc.assert(
    fc.property(fc.array(segment, { maxLength: 4 }), (segments) => {
      const root = `/${segments.join('/')}`
      const held = own.some(
        ({ path }) => path === root || path.startsWith(root === '/' ? '/' : `${root}/`),
      )
      const holding = own.some(({ path }) => root.startsWith(`${path}/`))
      const found = refused({ 'files/write_file': `args: { p: { path: { under: ${root} } } }` })
      expect([root, found.length]).toEqual([root, held || holding ? 1 : 0])
    }),
  )
})

describe('policies that are in force', () => {
  const own = ownFiles({
    mandate: '/srv/guard/m.yaml',
    roles: ['/etc/guardrails/roles/reader.yaml'],
    upstreams: '/srv/guard/mcp.json',
    stateDir: '/var/lib/chaperone',
    policies: '/etc/guardrails',
  })
  const reachedBy = (under: string, ending = 'wasm', disk = plainDisk): readonly string[] => {
    const constraint = `{ path: { under: ${under}, ext: [${ending}] } }`
    const grants = [grantOf('files/write_file', `args: { path: ${constraint} }`)]
    const authority = { mandate: mandateOf(grants), upstreams: [files()] }
    return refuseWritable(own, authority, [], disk).map(({ message }) => message)
  }

  test('are out of bounds with everything in them, whatever its ending', () => {
    const reached = [expect.stringContaining('reaches the policies `/etc/guardrails`')]
    for (const ending of ['wasm', 'cedar', 'gz', 'yaml', 'txt'])
      expect(reachedBy('/etc/guardrails/bundles', ending)).toEqual(reached)
    expect(reachedBy('/etc')).toEqual(reached)
    expect(reachedBy('/etc/guard')).toEqual([])
  })

  test('through a link, too, and where the link stands', () => {
    const links: Disk = {
      realpath: (path) => path.replace('/etc/guardrails', '/data/v2'),
      ignoreCase: false,
    }
    expect(reachedBy('/data/v2', 'wasm', links)).toHaveLength(1)
    expect(reachedBy('/etc', 'wasm', links)).toHaveLength(1)
  })

  test('the folder beside the mandate stays out of bounds as to documents', () => {
    expect(reachedBy('/srv/guard/policies', 'yaml')).toHaveLength(1)
    expect(reachedBy('/srv/guard/policies', 'wasm')).toEqual([])
  })
})

test('whoever could write the store could give back what was used or taken back', () => {
  for (const constraint of [
    '{ equals: /var/lib/chaperone/state.db }',
    '{ equals: /var/lib/chaperone/state.db-wal }',
    '{ path: { under: /var/lib/chaperone, ext: [db] } }',
  ])
    expect(refused({ 'files/write_file': `args: { path: ${constraint} }` })).toEqual([
      expect.stringContaining('reaches the state `/var/lib/chaperone`'),
    ])
})

test('whoever could write the state could set the risk posture', () => {
  expect(riskFile('/var/lib/chaperone')).toBe('/var/lib/chaperone/risk.json')
  for (const constraint of [
    '{ equals: /var/lib/chaperone/risk.json }',
    '{ path: { under: /var/lib/chaperone, ext: [json] } }',
  ])
    expect(refused({ 'files/write_file': `args: { path: ${constraint} }` })).toEqual([
      expect.stringContaining('reaches the state `/var/lib/chaperone`'),
    ])
})
