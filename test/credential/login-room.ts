/** A login at servers of flesh and blood: an upstream, its authorization server, a state folder, and a browser whose user says yes. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { logIn, type LoginOptions, type LoginOutcome } from '../../src/credential/login.ts'
import { LoginFile } from '../../src/credential/login-file.ts'
import type { Client, Kept, Login } from '../../src/credential/kept.ts'
import { GuardError } from '../../src/model/error.ts'
import type { Challenge, LoginSettings } from '../../src/model/login.ts'
import { fetchWith } from '../../src/proxy/upstream/http/fetch.ts'
import { authorizationServer, type AuthorizationServer } from '../fakes/authorization-server.ts'
import { fakeClock, type FakeClock } from '../fakes/clock.ts'
import { METADATA_PATH, protectedServer, type ProtectedServer } from '../fakes/protected-server.ts'

export interface Room {
  readonly auth: AuthorizationServer
  readonly server: ProtectedServer
  readonly file: LoginFile
  readonly clock: FakeClock
  /** What the upstream says when it refuses; undefined: it has not. */
  challenge: Challenge | undefined
  /** Pages that the browser ended at. */
  readonly pages: string[]
  /** Where it was sent. */
  readonly shown: URL[]
  logIn(settings?: LoginSettings, over?: Partial<LoginOptions>): Promise<LoginOutcome>
  /** The login that comes of it. */
  made(settings?: LoginSettings): Promise<Login>
  /** The refusal that comes of it. */
  problem(settings?: LoginSettings, over?: Partial<LoginOptions>): Promise<GuardError>
  /** As if somebody had logged in before. */
  keep(login: Partial<Login> | undefined, ...clients: readonly Client[]): void
  close(): Promise<void>
}

export async function loginRoom(): Promise<Room> {
  const auth = await authorizationServer()
  const server = await protectedServer(auth)
  const state = mkdtempSync(join(tmpdir(), 'chaperone-login-'))
  const file = new LoginFile(state, { server: 'far', url: server.url })
  const clock = fakeClock('2026-11-24T10:00:00Z')
  const [pages, shown]: [string[], URL[]] = [[], []]
  const browsing: Promise<void>[] = []
  const browse = async (url: string): Promise<void> => {
    pages.push(await (await fetch(url)).text())
  }
  const room: Room = {
    auth,
    server,
    file,
    clock,
    challenge: { metadataUrl: `${server.origin}${METADATA_PATH}` },
    pages,
    shown,
    logIn: async (settings, over) => {
      if (room.challenge) file.keepChallenge(room.challenge)
      const made = logIn({
        file,
        url: server.url,
        settings,
        fetch: fetchWith(clock),
        clock,
        timers: clock,
        isRefused: () => Promise.resolve(room.challenge !== undefined),
        show: (url) => {
          shown.push(new URL(url))
          browsing.push(browse(url).catch(() => undefined))
        },
        ...over,
      })
      try {
        return await made
      } finally {
        await Promise.all(browsing)
      }
    },
    made: async (settings) => {
      const { login } = await room.logIn(settings)
      if (!login) throw new Error('nobody logged in')
      return login
    },
    problem: async (settings, over) => {
      const error: unknown = await room.logIn(settings, over).catch((error: unknown) => error)
      if (!(error instanceof GuardError)) throw new Error('it was not refused', { cause: error })
      return error
    },
    keep: (login, ...clients) => {
      const base: Login = {
        id: 'before',
        issuer: auth.issuer,
        clientId: 'c',
        scopes: ['read'],
        accessToken: 'access-before',
        obtainedAt: 0,
        tokenEndpoint: `${auth.issuer}/token`,
      }
      const kept: Kept = { ...file.place, clients }
      file.write(login ? { ...kept, login: { ...base, ...login } } : kept)
    },
    close: async () => {
      await server.close()
      await auth.close()
      rmSync(state, { recursive: true, force: true })
    },
  }
  return room
}
