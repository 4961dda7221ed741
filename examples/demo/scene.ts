/** What every chapter of the tour has at hand: the guards that run, who speaks to them, and the commands of the guard. */
import { spawn } from 'node:child_process'
import { type Agent, agentOf, type ServerLine, type Told } from '../agent.ts'
import { guardLine } from '../guard-line.ts'
import { AGENT, type Workplace } from './workplace.ts'

/** What a command printed, and how it ended. */
export interface Ran {
  readonly exit: number | null
  readonly stdout: string
  readonly stderr: string
}

export interface Scene {
  readonly place: Workplace
  readonly program: string
  /** Calls through the guards so far: those that were forwarded, and those that were refused. */
  readonly counted: { forwarded: number; refused: number }
  /** The agent behind the main guard, started when first asked for. */
  guarded(): Promise<Agent>
  /** A server, asked without the guard. */
  direct(server: string): Promise<Agent>
  /** The agent's call, through the main guard or through one under another mandate. */
  call(tool: string, args: Readonly<Record<string, unknown>>, mandate?: string): Promise<Told>
  /** Another command of the guard, on the files of the tour. */
  command(args: readonly string[]): Promise<Ran>
  /** What the guards said on stderr, for when something is wrong. */
  said(): string
  /** Ends every process that was started. */
  leave(): Promise<void>
}

export function enter(place: Workplace, program: string): Scene {
  const open = new Map<string, Promise<Agent>>()
  const heard: string[] = []
  const once = (name: string, line: () => ServerLine): Promise<Agent> => {
    const known = open.get(name)
    if (known) return known
    const agent = agentOf(line(), (text) => heard.push(text))
    open.set(name, agent)
    return agent
  }
  const under = (mandate: string): Promise<Agent> =>
    once(mandate, () => guardLine(program, ['run', ...launch(place, mandate), '--agent', AGENT]))
  const counted = { forwarded: 0, refused: 0 }
  return {
    place,
    program,
    counted,
    guarded: () => under(place.mandate),
    direct: (server) => once(server, () => place.direct.get(server) ?? { command: '', args: [] }),
    call: async (tool, args, mandate = place.mandate) => {
      const told = await (await under(mandate)).call(tool, args)
      if (told.outcome === 'ok' || told.outcome === 'tool_error') counted.forwarded += 1
      else counted.refused += 1
      return told
    },
    command: (args) => run(guardLine(program, args)),
    said: () => heard.join(''),
    leave: async () => {
      await Promise.allSettled([...open.values()].map(async (agent) => (await agent).close()))
    },
  }
}

/** The flags that say what to guard. */
export function launch(place: Workplace, mandate: string): readonly string[] {
  return ['--mandate', mandate, '--upstreams', place.upstreams, '--state-dir', place.stateDir]
}

function run({ command, args, env }: ServerLine): Promise<Ran> {
  return new Promise((resolve, reject) => {
    const plain = { ...process.env, ...env, NO_COLOR: '1', FORCE_COLOR: '0' }
    const child = spawn(command, [...args], { env: plain, stdio: ['ignore', 'pipe', 'pipe'] })
    let [stdout, stderr] = ['', '']
    child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString('utf8')))
    child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString('utf8')))
    child.on('error', reject)
    child.on('close', (exit) => resolve({ exit, stdout, stderr }))
  })
}
