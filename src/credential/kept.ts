/** What is kept of the logins at one upstream: as whom the guard is known to its authorization servers, and a token. */
import { isList, isObject, member, type Json, type JsonObject } from '../model/json.ts'
import { isScope, MOST_SCOPES } from '../model/scope.ts'

/** A client id belongs to the authorization server that gave it: it is never sent to another (MCP 2026-07-28, Authorization Server Binding). */
export interface Client {
  readonly issuer: string
  /** `configured`: mcp.json names it, and alone keeps its secret. */
  readonly by: 'configured' | 'document' | 'registered'
  readonly clientId: string
  readonly clientSecret?: string
  /** How it shows who it is at the token endpoint, where the registration says so. */
  readonly method?: string
  /** Where the browser comes back to, as it was registered. */
  readonly redirectUri?: string
  /** When the secret ends, in milliseconds since 1970. */
  readonly secretEndsAt?: number
}

export interface Login {
  /** Made up anew for each login; a renewed token has that of its login. */
  readonly id: string
  readonly issuer: string
  readonly clientId: string
  /** What the token is for (RFC 8707), as the upstream's metadata writes it. */
  readonly resource?: string
  /** What it was granted for. */
  readonly scopes: readonly string[]
  readonly accessToken: string
  readonly refreshToken?: string
  /** Milliseconds since 1970. */
  readonly obtainedAt: number
  readonly endsAt?: number
  readonly tokenEndpoint: string
  readonly tokenMethods?: readonly string[]
  readonly revocationEndpoint?: string
}

export interface Kept {
  readonly server: string
  /** Origin and path. */
  readonly url: string
  readonly clients: readonly Client[]
  readonly login?: Login
}

const FORM = 1
/** RFC 6749 appendix A.12: a token is visible ASCII; it becomes part of a header. */
const TOKEN = /^[!-~]{1,8192}$/
const LONGEST = 4096
/** Authorization servers that are remembered of one upstream. */
const MOST_CLIENTS = 8

export function isToken(text: string): boolean {
  return TOKEN.test(text)
}

/** The newest client of an issuer takes the place of an older one. */
export function withClient(clients: readonly Client[], client: Client): readonly Client[] {
  const others = clients.filter(({ issuer }) => issuer !== client.issuer)
  return [client, ...others].slice(0, MOST_CLIENTS)
}

export function keptText({ server, url, clients, login }: Kept): string {
  const form = { v: FORM, server, url, clients, ...(login && { login }) }
  return `${JSON.stringify(form, undefined, 2)}\n`
}

/** Undefined for what is not of this form. */
export function readKept(text: string): Kept | undefined {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return undefined
  }
  if (!isObject(value) || member(value, 'v') !== FORM) return undefined
  const server = textIn(value, 'server')
  const url = textIn(value, 'url')
  const clients = listIn(value, 'clients')?.map(clientIn)
  const said = member(value, 'login')
  const login = said === undefined ? undefined : loginIn(said)
  if (server === undefined || url === undefined || !clients || (said && !login)) return undefined
  const good = clients.filter((client) => client !== undefined)
  if (good.length !== clients.length) return undefined
  return { server, url, clients: good, ...(login && { login }) }
}

function clientIn(value: Json): Client | undefined {
  if (!isObject(value)) return undefined
  const issuer = textIn(value, 'issuer')
  const clientId = textIn(value, 'clientId')
  const by = KINDS.find((kind) => kind === value['by'])
  if (issuer === undefined || clientId === undefined || by === undefined) return undefined
  return {
    issuer,
    by,
    clientId,
    ...optional('clientSecret', textIn(value, 'clientSecret')),
    ...optional('method', textIn(value, 'method')),
    ...optional('redirectUri', textIn(value, 'redirectUri')),
    ...optional('secretEndsAt', momentIn(value, 'secretEndsAt')),
  }
}

const KINDS = ['configured', 'document', 'registered'] as const

function loginIn(value: Json): Login | undefined {
  if (!isObject(value)) return undefined
  const id = textIn(value, 'id')
  const issuer = textIn(value, 'issuer')
  const clientId = textIn(value, 'clientId')
  const accessToken = textIn(value, 'accessToken')
  const tokenEndpoint = textIn(value, 'tokenEndpoint')
  const obtainedAt = momentIn(value, 'obtainedAt')
  const scopes = textsIn(value, 'scopes')
  const refreshToken = textIn(value, 'refreshToken')
  if (id === undefined || issuer === undefined || clientId === undefined) return undefined
  if (tokenEndpoint === undefined || obtainedAt === undefined || !scopes) return undefined
  if (accessToken === undefined || !isToken(accessToken)) return undefined
  if (refreshToken !== undefined && !isToken(refreshToken)) return undefined
  if (scopes.length > MOST_SCOPES || !scopes.every(isScope)) return undefined
  return {
    id,
    issuer,
    clientId,
    scopes,
    accessToken,
    obtainedAt,
    tokenEndpoint,
    ...optional('refreshToken', refreshToken),
    ...optional('resource', textIn(value, 'resource')),
    ...optional('endsAt', momentIn(value, 'endsAt')),
    ...optional('tokenMethods', textsIn(value, 'tokenMethods')),
    ...optional('revocationEndpoint', textIn(value, 'revocationEndpoint')),
  }
}

/** The member, where there is a value for it. */
export function optional<K extends string, V>(key: K, value: V | undefined): { [P in K]?: V } {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the one member that the type names
  return (value === undefined ? {} : { [key]: value }) as { [P in K]?: V }
}

function textIn(object: JsonObject, key: string): string | undefined {
  const value = member(object, key)
  const longest = key.endsWith('Token') ? 2 * LONGEST : LONGEST
  return typeof value === 'string' && value !== '' && value.length <= longest ? value : undefined
}

function momentIn(object: JsonObject, key: string): number | undefined {
  const value = member(object, key)
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : undefined
}

function listIn(object: JsonObject, key: string): readonly Json[] | undefined {
  const value = member(object, key)
  return isList(value) ? value : undefined
}

function textsIn(object: JsonObject, key: string): readonly string[] | undefined {
  const list = listIn(object, key)
  const texts = list?.filter((item) => typeof item === 'string')
  return texts && texts.length === list?.length ? texts : undefined
}
