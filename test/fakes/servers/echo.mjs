/**
 * A small MCP server over stdio that can be told to misbehave in every way a guard must live with. It uses no
 * library, so that what goes over the wire is exactly what stands here. Flags and tools: see README.md beside this file.
 */
/* oxlint-disable typescript/no-unsafe-argument, typescript/no-unsafe-assignment, typescript/no-unsafe-call -- plain
   JavaScript on purpose: it starts twice as fast as TypeScript, and tests start it hundreds of times */
/* oxlint-disable typescript/no-unsafe-member-access, typescript/no-unsafe-return -- as above */
import { spawn } from 'node:child_process'
import { appendFileSync, existsSync, readFileSync, watch, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { parseArgs } from 'node:util'

const { values: flags } = parseArgs({
  options: {
    name: { type: 'string', default: 'fake' },
    era: { type: 'string', default: 'legacy' },
    tools: { type: 'string', default: '1' },
    definitions: { type: 'string' },
    resources: { type: 'string', default: '0' },
    prompts: { type: 'string', default: '0' },
    page: { type: 'string', default: '0' },
    list: { type: 'string', default: 'answer' },
    'on-call': { type: 'string' },
    start: { type: 'string', default: 'normal' },
    gate: { type: 'string' },
    'gate-calls': { type: 'string' },
    bytes: { type: 'string', default: String(12 * 1024 * 1024) },
    stderr: { type: 'string', default: '0' },
    log: { type: 'string' },
    env: { type: 'string' },
    pid: { type: 'string' },
    grandchild: { type: 'string' },
    'id-first': { type: 'boolean', default: false },
    'ignore-eof': { type: 'boolean', default: false },
    'ignore-sigterm': { type: 'boolean', default: false },
  },
})

const LEGACY = ['2025-11-25', '2025-06-18', '2025-03-26', '2024-11-05']
const MODERN = '2026-07-28'
const META = 'io.modelcontextprotocol/'
const serverInfo = { name: flags.name, version: '1.0.0' }

// ---------------------------------------------------------------------------------------------- the wire

/** @param {string} text */
function write(text, then = () => {}) {
  process.stdout.write(text, then)
}

/** @param {object} message */
function send(message, then = () => {}) {
  write(`${JSON.stringify(message)}\n`, then)
}

/** An answer's line, members in the order in which the SDKs (or, with --id-first, most others) write them. */
function answerLine(id, part, text) {
  const name = JSON.stringify(id)
  return flags['id-first']
    ? `{"jsonrpc":"2.0","id":${name},"${part}":${text}}\n`
    : `{"${part}":${text},"jsonrpc":"2.0","id":${name}}\n`
}

function resultText(message, result) {
  if (!isModern(message)) return JSON.stringify(result)
  return JSON.stringify({
    resultType: 'complete',
    ...result,
    _meta: { [`${META}serverInfo`]: serverInfo },
  })
}

function answer(message, result, then = () => {}) {
  write(answerLine(message.id, 'result', resultText(message, result)), then)
}

function fail(message, code, text, data) {
  const error = data === undefined ? { code, message: text } : { code, message: text, data }
  write(answerLine(message.id, 'error', JSON.stringify(error)))
}

const content = (text) => ({ content: [{ type: 'text', text }] })

// ---------------------------------------------------------------------------------------------- eras

function metaOf(message) {
  return message.params?.['_meta']
}

function isModern(message) {
  return flags.era !== 'legacy' && metaOf(message)?.[`${META}protocolVersion`] !== undefined
}

/** What is wrong with the era of a request, answered; false when nothing is. */
function refusesEra(message) {
  if (flags.era === 'modern' && message.method === 'initialize') {
    fail(message, -32601, 'Method not found')
    return true
  }
  const meta = metaOf(message)
  if (isModern(message)) {
    const version = meta[`${META}protocolVersion`]
    if (version !== MODERN) {
      fail(message, -32022, 'Unsupported protocol version', {
        supported: [MODERN],
        requested: version,
      })
      return true
    }
    if (meta[`${META}clientCapabilities`] === undefined) {
      fail(message, -32602, 'Missing client capabilities')
      return true
    }
    return false
  }
  if (flags.era === 'modern') fail(message, -32602, 'Missing protocol version')
  return flags.era === 'modern'
}

// ---------------------------------------------------------------------------------------------- what it offers

const added = []

function toolNames() {
  const count = Number(flags.tools)
  const names = Number.isInteger(count)
    ? Array.from({ length: count }, (_, index) => (index === 0 ? 'echo' : `echo_${index + 1}`))
    : flags.tools.split(',')
  return [...names, ...added]
}

function tools() {
  if (flags.definitions !== undefined) return JSON.parse(readFileSync(flags.definitions, 'utf8'))
  return toolNames().map((name) => ({
    name,
    description: `Tool ${name} of ${flags.name}`,
    inputSchema: { type: 'object', properties: { text: { type: 'string' } } },
  }))
}

const resources = () =>
  Array.from({ length: Number(flags.resources) }, (_, index) => ({
    uri: `test://${flags.name}/${index + 1}`,
    name: `resource ${index + 1}`,
  }))

const templates = () =>
  Number(flags.resources) > 0
    ? [{ uriTemplate: `test://${flags.name}/by-name/{name}`, name: 'by name' }]
    : []

const prompts = () =>
  Array.from({ length: Number(flags.prompts) }, (_, index) => ({
    name: `prompt_${index + 1}`,
    arguments: [{ name: 'topic', required: false }],
  }))

function capabilities() {
  const offered = { tools: { listChanged: true }, logging: {} }
  if (Number(flags.resources) > 0) {
    offered.resources = { subscribe: true, listChanged: true }
    offered.completions = {}
  }
  if (Number(flags.prompts) > 0) offered.prompts = { listChanged: true }
  return offered
}

function list(message, key, items) {
  switch (flags.list) {
    case 'never':
      return
    case 'error':
      fail(message, -32603, 'The list is broken')
      return
    case 'garbage':
      answer(message, { [key]: 'not a list' })
      return
    case 'loop':
      answer(message, { [key]: items, nextCursor: 'again', ...caching(message) })
      return
    default:
  }
  const size = Number(flags.page)
  if (size === 0) {
    answer(message, { [key]: items, ...caching(message) })
    return
  }
  const from = Number(message.params?.cursor ?? 0)
  const page = { [key]: items.slice(from, from + size), ...caching(message) }
  answer(message, from + size < items.length ? { ...page, nextCursor: String(from + size) } : page)
}

/** Wide open on purpose: whoever filters must say something stricter. */
function caching(message) {
  return isModern(message) ? { ttlMs: 3_600_000, cacheScope: 'public' } : {}
}

// ---------------------------------------------------------------------------------------------- changes

/** True once a legacy client has said `initialize`. */
let initialized = false
/** Ids of open `subscriptions/listen` requests (modern). */
const listening = new Set()
const subscribed = new Set()

function changed(kind) {
  const method = `notifications/${kind}/list_changed`
  if (initialized) send({ jsonrpc: '2.0', method })
  for (const id of listening) {
    send({ jsonrpc: '2.0', method, params: { _meta: { [`${META}subscriptionId`]: id } } })
  }
}

// ---------------------------------------------------------------------------------------------- asking back

let asked = 0
const asking = new Map()

const QUESTIONS = {
  sampling: [
    'sampling/createMessage',
    {
      messages: [{ role: 'user', content: { type: 'text', text: 'Say one word' } }],
      maxTokens: 10,
    },
  ],
  elicitation: [
    'elicitation/create',
    {
      message: 'What is your name?',
      requestedSchema: { type: 'object', properties: { name: { type: 'string' } } },
    },
  ],
  roots: ['roots/list', {}],
  ask_unknown: ['vendor/ask', { anything: true }],
}

/** Legacy: a request of its own, answered before the call is. Modern: a result that asks for input. */
function ask(message) {
  const [method, params] = QUESTIONS[message.params.name]
  if (isModern(message)) {
    const { inputResponses, requestState } = message.params
    if (inputResponses) {
      answer(message, content(JSON.stringify({ inputResponses, requestState })))
    } else {
      const request = method === 'roots/list' ? { method } : { method, params }
      answer(message, {
        resultType: 'input_required',
        inputRequests: { question: request },
        requestState: 'state of the fake',
      })
    }
    return
  }
  asked += 1
  const id = `ask-${asked}`
  asking.set(id, (reply) => {
    answer(message, content(JSON.stringify({ result: reply.result, error: reply.error })))
  })
  send({ jsonrpc: '2.0', id, method, params })
}

// ---------------------------------------------------------------------------------------------- calls

const held = []

function echo(message, then = () => {}) {
  const { name } = message.params
  answer(
    message,
    content(JSON.stringify({ tool: name, arguments: message.params.arguments })),
    then,
  )
}

function progress(token, count) {
  for (let step = 1; step <= count; step += 1) {
    const params = { progressToken: token, progress: step, total: count, message: `step ${step}` }
    send({ jsonrpc: '2.0', method: 'notifications/progress', params })
  }
}

/** What a tool of that name does; every other name echoes. `--on-call` makes all tools do one of these. */
const BEHAVIOURS = {
  echo: (message) => echo(message),
  env: (message) => answer(message, content(JSON.stringify(process.env))),
  error: (message) => fail(message, -32000, 'The tool is broken', { detail: 'of the fake' }),
  tool_error: (message) => answer(message, { ...content('The tool failed'), isError: true }),
  crash: () => process.exit(7),
  kill: () => process.kill(process.pid, 'SIGKILL'),
  half: (message) => {
    const line = answerLine(message.id, 'result', resultText(message, content('half')))
    write(line.slice(0, line.length / 2), () => process.exit(0))
  },
  answer_then_crash: (message) => echo(message, () => process.exit(7)),
  never: () => {},
  twice: (message) => {
    echo(message)
    echo(message)
  },
  stranger: (message) => {
    const id = typeof message.id === 'number' ? message.id + 1_000_000 : `${message.id}-not-sent`
    answer({ ...message, id }, content('nobody asked'))
    echo(message)
  },
  unknown_progress: (message) => {
    progress('not-ours', 1)
    echo(message)
  },
  progress: (message) => {
    const token = metaOf(message)?.progressToken
    if (token !== undefined) progress(token, 3)
    echo(message)
  },
  late_progress: (message) => {
    echo(message)
    const token = metaOf(message)?.progressToken
    if (token !== undefined) progress(token, 1)
  },
  log_message: (message) => {
    const params = { level: 'warning', logger: flags.name, data: 'of the fake' }
    send({ jsonrpc: '2.0', method: 'notifications/message', params })
    echo(message)
  },
  huge: (message) => answer(message, content('x'.repeat(Number(flags.bytes)))),
  endless: () => write('x'.repeat(Number(flags.bytes))),
  noise: (message) => {
    write('Server is listening on stdio\n\n{"half": \n[]\nnull\n\u0000\n')
    process.stdout.write(Buffer.from([0xff, 0xfe, 0x0a]))
    send({ jsonrpc: '2.0', id: message.id, result: 'not an object' })
    send({ jsonrpc: '2.0', id: message.id, result: {}, error: { code: 1, message: '' } })
    write(`{"jsonrpc":"2.0","id":${JSON.stringify(message.id)},"result":{},"result":{}}\n`)
    echo(message)
  },
  exact: (message) => {
    const text =
      '{ "content":[{"type":"hologram","of":1.0}],"n":9007199254740993,"e":1E2,"unknown":{"x":null},"resultType":"complete" }'
    write(answerLine(message.id, 'result', text))
  },
  crlf: (message) => {
    write(
      answerLine(message.id, 'result', resultText(message, content('crlf'))).replace('\n', '\r\n'),
    )
  },
  bytewise: (message) => {
    for (const byte of Buffer.from(
      answerLine(message.id, 'result', resultText(message, content('böckchen \u{2028} 😀'))),
    )) {
      process.stdout.write(Buffer.from([byte]))
    }
  },
  /** Answers when as many calls wait as the call's `count` says, last first. */
  hold: (message) => {
    held.push(message)
    if (held.length < Number(message.params.arguments?.count ?? 2)) return
    for (const waiting of held.splice(0).toReversed()) echo(waiting)
  },
  sampling: ask,
  elicitation: ask,
  roots: ask,
  ask_unknown: ask,
  change_tools: (message) => {
    added.push(`added_${added.length + 1}`)
    changed('tools')
    echo(message)
  },
  /** Says that lists changed without changing them: with --definitions the file may have. */
  announce: (message) => {
    for (const kind of ['tools', 'resources', 'prompts']) changed(kind)
    echo(message)
  },
  touch: (message) => {
    for (const uri of subscribed) {
      send({ jsonrpc: '2.0', method: 'notifications/resources/updated', params: { uri } })
    }
    echo(message)
  },
  flood_stderr: (message) =>
    floodStderr(Number(message.params.arguments?.lines ?? 10_000), () => echo(message)),
  close_stdout: () => process.stdout.end(),
  /** Stops reading; what the guard sends afterwards piles up. */
  deaf: (message) => {
    process.stdin.pause()
    echo(message)
  },
}

function call(message) {
  const { name } = message.params ?? {}
  if (!tools().some((tool) => tool.name === name)) {
    fail(message, -32602, `Unknown tool: ${name}`)
    return
  }
  const behaviour = BEHAVIOURS[flags['on-call'] ?? name] ?? BEHAVIOURS.echo
  const { 'gate-calls': gate } = flags
  if (gate === undefined) behaviour(message)
  else whenExists(gate, () => behaviour(message))
}

// ---------------------------------------------------------------------------------------------- methods

const METHODS = {
  initialize: (message) => {
    initialized = true
    const wanted = message.params?.protocolVersion
    answer(message, {
      protocolVersion: LEGACY.includes(wanted) ? wanted : LEGACY[0],
      capabilities: capabilities(),
      serverInfo,
      instructions: `Instructions of ${flags.name}`,
    })
  },
  'server/discover': (message) =>
    answer(message, {
      supportedVersions: [MODERN],
      capabilities: capabilities(),
      instructions: `Instructions of ${flags.name}`,
      ...caching(message),
    }),
  'subscriptions/listen': (message) => {
    const { notifications } = message.params
    listening.add(message.id)
    send({
      jsonrpc: '2.0',
      method: 'notifications/subscriptions/acknowledged',
      params: { notifications, _meta: { [`${META}subscriptionId`]: message.id } },
    })
  },
  ping: (message) => answer(message, {}),
  'tools/list': (message) => list(message, 'tools', tools()),
  'tools/call': call,
  'resources/list': (message) => list(message, 'resources', resources()),
  'resources/templates/list': (message) => list(message, 'resourceTemplates', templates()),
  'resources/read': (message) => {
    const { uri } = message.params
    answer(message, { contents: [{ uri, text: `text of ${uri}` }], ...caching(message) })
  },
  'resources/subscribe': (message) => {
    subscribed.add(message.params.uri)
    answer(message, {})
  },
  'resources/unsubscribe': (message) => {
    subscribed.delete(message.params.uri)
    answer(message, {})
  },
  'prompts/list': (message) => list(message, 'prompts', prompts()),
  'prompts/get': (message) => {
    const text = JSON.stringify({
      prompt: message.params.name,
      arguments: message.params.arguments,
    })
    answer(message, { messages: [{ role: 'user', content: { type: 'text', text } }] })
  },
  'completion/complete': (message) =>
    answer(message, { completion: { values: ['alpha', 'beta'] } }),
  'logging/setLevel': (message) => answer(message, {}),
}
const MODERN_ONLY = new Set(['server/discover', 'subscriptions/listen'])
const LEGACY_ONLY = new Set([
  'initialize',
  'ping',
  'logging/setLevel',
  'resources/subscribe',
  'resources/unsubscribe',
])

function receive(line) {
  if (flags.log !== undefined) appendFileSync(flags.log, `${line}\n`)
  let message
  try {
    message = JSON.parse(line)
  } catch {
    fail({ id: null }, -32700, 'Parse error')
    return
  }
  if (message.method === 'notifications/cancelled') listening.delete(message.params.requestId)
  if (message.method === undefined) {
    const reply = asking.get(message.id)
    asking.delete(message.id)
    reply?.(message)
    return
  }
  if (message.id === undefined || refusesEra(message)) return
  const wrongEra = (isModern(message) ? LEGACY_ONLY : MODERN_ONLY).has(message.method)
  const method = wrongEra ? undefined : METHODS[message.method]
  if (method === undefined) fail(message, -32601, 'Method not found')
  else method(message)
}

// ---------------------------------------------------------------------------------------------- life

/** Runs `action` once the file exists, at once when it does already. */
function whenExists(file, action) {
  if (existsSync(file)) {
    action()
    return
  }
  const watcher = watch(dirname(file), () => {
    if (!existsSync(file)) return
    watcher.close()
    action()
  })
  // It may have come into being before the watch had begun.
  if (existsSync(file)) {
    watcher.close()
    action()
  }
}

function floodStderr(lines, then = () => {}) {
  let text = ''
  for (let line = 1; line <= lines; line += 1) text += `flood ${line} ${'x'.repeat(60)}\n`
  process.stderr.write(text, then)
}

function serve() {
  let rest = Buffer.alloc(0)
  process.stdin.on('data', (chunk) => {
    rest = Buffer.concat([rest, chunk])
    for (let end = rest.indexOf(10); end !== -1; end = rest.indexOf(10)) {
      const line = rest.subarray(0, end).toString('utf8')
      rest = rest.subarray(end + 1)
      receive(line)
    }
  })
  process.stdin.on('end', () => {
    if (!flags['ignore-eof']) process.exit(0)
  })
}

if (flags['ignore-eof']) setInterval(() => {}, 60_000)
if (flags['ignore-sigterm']) process.on('SIGTERM', () => process.stderr.write('SIGTERM ignored\n'))
if (flags.env !== undefined) writeFileSync(flags.env, JSON.stringify(process.env))
if (flags.pid !== undefined) writeFileSync(flags.pid, String(process.pid))
if (flags.grandchild !== undefined) {
  const forever = `process.on('SIGTERM', () => {}); setInterval(() => {}, 60000); process.stdout.write('up\\n')`
  const child = spawn(process.execPath, ['-e', forever], { stdio: ['ignore', 'pipe', 'inherit'] })
  child.stdout.once('data', () => writeFileSync(flags.grandchild, String(child.pid)))
}
if (Number(flags.stderr) > 0) floodStderr(Number(flags.stderr))

switch (flags.start) {
  case 'crash':
    process.stderr.write('the fake crashes on start\n', () => process.exit(3))
    break
  case 'noise':
    write('Welcome to the fake server\n\u001b[32mready\u001b[0m\n')
    serve()
    break
  case 'silent':
    process.stdin.resume().on('end', () => process.exit(0))
    break
  default:
    if (flags.gate === undefined) serve()
    else whenExists(flags.gate, serve)
}
