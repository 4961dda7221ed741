/** An authorization server on loopback whose user says yes: codes with PKCE, tokens that end and are renewed, registrations, revocation. */
import { createHash } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** One request as it came, its query and form taken apart. */
export interface Visit {
  readonly method: string
  readonly path: string
  readonly query: URLSearchParams
  readonly form: URLSearchParams
  readonly text: string
  readonly headers: IncomingMessage['headers']
}

/** What is answered in place of what this server would answer; undefined where that stays. */
export type Instead = (visit: Visit) => Answer | undefined

export interface Answer {
  readonly status?: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | object
}

export interface AuthorizationServer {
  readonly issuer: string
  readonly visits: Visit[]
  /** Of one path, in order. */
  at(path: string): readonly Visit[]
  /** What an access token is good for; undefined for one that was never given, has been replaced, or was revoked. */
  grantOf(token: string): Grant | undefined
  /** Tokens as somebody has them who has logged in. */
  give(grant: Grant): { readonly access: string; readonly refresh: string }
  /** From now on nobody has this token. */
  revoke(token: string): void
  /** Answers something else from now on. */
  instead: Instead
  /** Members of the metadata that are other than this server's own; undefined takes one away. */
  metadata: Readonly<Record<string, unknown>>
  /** Parameters with which the browser is sent back, beside those that it has to have; undefined takes one away. */
  callback: Readonly<Record<string, string | undefined>>
  /** Of the tokens that it gives. */
  lifetimeS: number | undefined
  close(): Promise<void>
}

export interface Grant {
  readonly clientId: string
  readonly scope: string
  readonly resource: string | null
}

interface Code extends Grant {
  readonly challenge: string
  readonly redirectUri: string
}

export async function authorizationServer(path = ''): Promise<AuthorizationServer> {
  const house = new House(path)
  await house.listen()
  return house
}

class House implements AuthorizationServer {
  readonly visits: Visit[] = []
  instead: Instead = () => undefined
  metadata: Readonly<Record<string, unknown>> = {}
  callback: Readonly<Record<string, string | undefined>> = {}
  lifetimeS: number | undefined = 3600
  readonly #path: string
  readonly #codes = new Map<string, Code>()
  readonly #tokens = new Map<string, Grant>()
  readonly #refreshTokens = new Map<string, { readonly grant: Grant; readonly access: string }>()
  readonly #server = createServer((request, response) => void this.#serve(request, response))
  #origin = ''
  #made = 0

  constructor(path: string) {
    this.#path = path
  }

  async listen(): Promise<void> {
    await new Promise<void>((resolve) => void this.#server.listen(0, '127.0.0.1', resolve))
    this.#origin = `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  get issuer(): string {
    return `${this.#origin}${this.#path}`
  }

  at(path: string): readonly Visit[] {
    return this.visits.filter((visit) => visit.path === path)
  }

  grantOf(token: string): Grant | undefined {
    return this.#tokens.get(token)
  }

  give(grant: Grant): { readonly access: string; readonly refresh: string } {
    const [access, refresh] = [this.#new('access'), this.#new('refresh')]
    this.#tokens.set(access, grant)
    this.#refreshTokens.set(refresh, { grant, access })
    return { access, refresh }
  }

  revoke(token: string): void {
    this.#tokens.delete(token)
    this.#refreshTokens.delete(token)
  }

  async close(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve())
      this.#server.closeAllConnections()
    })
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const text = Buffer.concat(chunks).toString('utf8')
    const url = new URL(request.url ?? '/', this.#origin)
    const visit: Visit = {
      method: request.method ?? '',
      path: url.pathname,
      query: url.searchParams,
      form: new URLSearchParams(text),
      text,
      headers: request.headers,
    }
    this.visits.push(visit)
    const { status = 200, headers = {}, body = '' } = this.instead(visit) ?? this.#answer(visit)
    const json = typeof body === 'object'
    response.writeHead(status, { ...(json && { 'content-type': 'application/json' }), ...headers })
    response.end(json ? JSON.stringify(body) : body)
  }

  #answer(visit: Visit): Answer {
    switch (`${visit.method} ${visit.path}`) {
      case `GET /.well-known/oauth-authorization-server${this.#path}`:
        return { body: this.#described() }
      case 'GET /authorize':
        return this.#authorize(visit)
      case 'POST /token':
        return this.#token(visit)
      case 'POST /register':
        return this.#register(visit)
      case 'POST /revoke':
        this.revoke(visit.form.get('token') ?? '')
        return {}
      default:
        return { status: 404 }
    }
  }

  #described(): object {
    const own = {
      issuer: this.issuer,
      authorization_endpoint: `${this.#origin}/authorize`,
      token_endpoint: `${this.#origin}/token`,
      registration_endpoint: `${this.#origin}/register`,
      revocation_endpoint: `${this.#origin}/revoke`,
      response_types_supported: ['code'],
      grant_types_supported: ['authorization_code', 'refresh_token'],
      code_challenge_methods_supported: ['S256'],
      token_endpoint_auth_methods_supported: ['none', 'client_secret_basic', 'client_secret_post'],
      authorization_response_iss_parameter_supported: true,
    }
    return { ...own, ...this.metadata }
  }

  #authorize({ query }: Visit): Answer {
    const back = new URL(query.get('redirect_uri') ?? '')
    const code = this.#new('code')
    this.#codes.set(code, {
      clientId: query.get('client_id') ?? '',
      scope: query.get('scope') ?? '',
      resource: query.get('resource'),
      challenge: query.get('code_challenge') ?? '',
      redirectUri: query.get('redirect_uri') ?? '',
    })
    const own = { code, state: query.get('state') ?? '', iss: this.issuer }
    for (const [name, value] of Object.entries({ ...own, ...this.callback }))
      if (value !== undefined) back.searchParams.set(name, value)
    return { status: 302, headers: { location: back.href } }
  }

  #token({ form }: Visit): Answer {
    if (form.get('grant_type') === 'refresh_token') return this.#renewed(form)
    const code = this.#codes.get(form.get('code') ?? '')
    this.#codes.delete(form.get('code') ?? '')
    const verifier = form.get('code_verifier') ?? ''
    const proven = createHash('sha256').update(verifier).digest('base64url')
    const matches =
      code?.challenge === proven &&
      code.redirectUri === form.get('redirect_uri') &&
      code.resource === form.get('resource')
    return code && matches ? this.#given(code) : badGrant
  }

  /** A refresh token is good once (OAuth 2.1 §4.3.1). */
  #renewed(form: URLSearchParams): Answer {
    const before = this.#refreshTokens.get(form.get('refresh_token') ?? '')
    this.#refreshTokens.delete(form.get('refresh_token') ?? '')
    if (!before || before.grant.resource !== form.get('resource')) return badGrant
    this.#tokens.delete(before.access)
    return this.#given(before.grant)
  }

  #given({ clientId, scope, resource }: Grant): Answer {
    const { access, refresh } = this.give({ clientId, scope, resource })
    const ends = this.lifetimeS === undefined ? {} : { expires_in: this.lifetimeS }
    const said = scope === '' ? {} : { scope }
    const body = { access_token: access, refresh_token: refresh, token_type: 'Bearer' }
    return { body: { ...body, ...ends, ...said } }
  }

  #register({ text }: Visit): Answer {
    const asked = JSON.parse(text) as Readonly<Record<string, unknown>>
    const method = asked['token_endpoint_auth_method'] ?? 'client_secret_basic'
    const secret = method === 'none' ? {} : { client_secret: this.#new('secret') }
    const client = { client_id: this.#new('client'), ...secret }
    return { status: 201, body: { ...asked, ...client, token_endpoint_auth_method: method } }
  }

  /** Long enough that finding it somewhere is no accident. */
  #new(what: string): string {
    this.#made += 1
    return `${what}-${this.#made}-${createHash('sha256').update(`${what}${this.#made}`).digest('hex').slice(0, 24)}`
  }
}

const badGrant: Answer = { status: 400, body: { error: 'invalid_grant' } }
