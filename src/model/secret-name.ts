/** Names that say their value is a secret: what stands under one is never written down. */

const SECRET_WORDS: ReadonlySet<string> = new Set([
  'auth',
  'authentication',
  'authorization',
  'authorisation',
  'bearer',
  'cookie',
  'cookies',
  'credential',
  'credentials',
  'cvc',
  'cvv',
  'jwt',
  'otp',
  'passcode',
  'passphrase',
  'passwd',
  'password',
  'passwords',
  'pin',
  'pwd',
  'secret',
  'secrets',
  'totp',
  'token',
  'tokens',
  'apikey',
  'accesskey',
  'privatekey',
  'secretkey',
  'signingkey',
  'encryptionkey',
  'sessionid',
])

/** Two words next to each other that together name a secret. */
const SECRET_PAIRS: ReadonlySet<string> = new Set([
  'access key',
  'account key',
  'api key',
  'client key',
  'encryption key',
  'master key',
  'private key',
  'secret key',
  'shared key',
  'signing key',
  'ssh key',
  'storage key',
  'card number',
  'connection string',
  'pass code',
  'pass phrase',
  'pass word',
  'recovery code',
  'security code',
  'session id',
  'session key',
  'verification code',
])

/** Endings that make a word a secret however it is run together: `dbpassword`, `accesstoken`. */
const SECRET_ENDINGS = [
  'password',
  'passwd',
  'passphrase',
  'secret',
  'token',
  'apikey',
  'credential',
]

/** Beside one of these, `token` is a unit of text: `max_tokens`, `tokenCount`. */
const COUNTING: ReadonlySet<string> = new Set(['count', 'limit', 'max', 'min', 'num', 'total'])

/** What a value under such a name says: what is run, or where something is, beside whatever secret it is about. */
const POINTING: ReadonlySet<string> = new Set([
  'command',
  'cmd',
  'script',
  'helper',
  'program',
  'url',
  'uri',
  'endpoint',
  'host',
  'file',
  'path',
  'dir',
  'provider',
])

/**
 * True for `TOKEN_URL`, `--token-command`, `passwordFile`: their value says from where a secret is had, and is none
 * itself. They are secret names all the same for whatever is only shown: a mask too many does no harm there.
 */
export function isPointingName(name: string): boolean {
  return POINTING.has(wordsOf(name).at(-1) ?? '')
}

/** In each of the words above, so that a name without any is no secret's. */
const STEMS =
  /auth|bearer|cookie|credential|cv[cv]|jwt|otp|pass|pin|pwd|secret|token|key|session|card|connection|recovery|security|verification/i

/** True for `password`, `apiKey`, `API_KEY`, `x-auth-token`, `DBPassword`, `privateKeyPem`. */
export function isSecretName(name: string): boolean {
  if (!STEMS.test(name) && /^[\0-\x7F]*$/.test(name)) return false
  const words = wordsOf(name)
  const counts = words.some((word) => COUNTING.has(word))
  return words.some((word, index) => {
    if (counts && (word === 'token' || word === 'tokens')) return false
    return (
      SECRET_WORDS.has(word) ||
      SECRET_PAIRS.has(`${word} ${words[index + 1] ?? ''}`) ||
      SECRET_ENDINGS.some((ending) => word.endsWith(ending))
    )
  })
}

/** Splits at anything but letters and digits, and where snake, kebab or camel case begins a new word. */
function wordsOf(name: string): readonly string[] {
  return name
    .slice(0, 256)
    .normalize('NFKC')
    .replaceAll(/(\p{Ll}|\d)(\p{Lu})/gu, '$1 $2')
    .replaceAll(/(\p{Lu})(\p{Lu}\p{Ll})/gu, '$1 $2')
    .toLowerCase()
    .split(/[^\p{L}\p{N}]+/u)
    .filter((word) => word !== '')
}
