/** An OAuth client whose user says yes to everything: the authorization page is fetched, and where it leads to is the answer. */
import type {
  OAuthClientMetadata,
  OAuthClientProvider,
  StoredOAuthClientInformation,
  StoredOAuthTokens,
} from '@modelcontextprotocol/client'
import type { JsonObject } from '../../../src/model/json.ts'

/** The suite takes this URL for a document that describes the client; it is never fetched. */
export const CLIENT_METADATA_URL = 'https://conformance-test.local/client-metadata.json'

/** Nobody listens there: the answer is taken from the redirection itself. */
const CALLBACK = 'http://127.0.0.1:9/callback'
const PAGE_MS = 10_000

export class Robot implements OAuthClientProvider {
  readonly redirectUrl: string = CALLBACK
  readonly clientMetadataUrl: string = CLIENT_METADATA_URL
  readonly clientMetadata: OAuthClientMetadata = {
    client_name: 'conformance-client',
    redirect_uris: [CALLBACK],
  }
  #client: StoredOAuthClientInformation | undefined
  #tokens: StoredOAuthTokens | undefined
  #verifier = ''
  #answer: URLSearchParams | undefined

  /** A client that was registered beforehand is named in the scenario's context. */
  constructor({ client_id: id, client_secret: secret }: JsonObject) {
    if (typeof id !== 'string') return
    this.#client = {
      client_id: id,
      ...(typeof secret === 'string' ? { client_secret: secret } : {}),
    }
  }

  clientInformation(): StoredOAuthClientInformation | undefined {
    return this.#client
  }

  saveClientInformation(client: StoredOAuthClientInformation): void {
    this.#client = client
  }

  tokens(): StoredOAuthTokens | undefined {
    return this.#tokens
  }

  saveTokens(tokens: StoredOAuthTokens): void {
    this.#tokens = tokens
  }

  saveCodeVerifier(verifier: string): void {
    this.#verifier = verifier
  }

  codeVerifier(): string {
    return this.#verifier
  }

  async redirectToAuthorization(page: URL): Promise<void> {
    const signal = AbortSignal.timeout(PAGE_MS)
    const { headers } = await fetch(page, { redirect: 'manual', signal })
    const location = headers.get('location')
    if (location !== null) this.#answer = new URL(location).searchParams
  }

  /** What the authorization server sent back with the user, once. */
  takeAnswer(): URLSearchParams | undefined {
    const answer = this.#answer
    this.#answer = undefined
    return answer
  }
}
