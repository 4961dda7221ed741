/** Fifty secrets of the shapes that issuers give them, made from a seed: none is real, and none stands here as text. */

export interface SeededSecret {
  readonly shape: string
  readonly value: string
  /** Its shape alone says what it is, whatever field it stands in. */
  readonly telling: boolean
}

const keyFile = (kind: string, body: string): string =>
  ['-----BEGIN ', kind, 'PRIVATE', ' KEY-----\n', body].join('')

const UPPER = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ'
const LOWER = UPPER.toLowerCase()
const DIGITS = '0123456789'
const HEX = `${DIGITS}abcdef`
const WORD = `${UPPER}${LOWER}${DIGITS}`

/** Mulberry32: small, seeded, and the same everywhere. */
function random(seed: number): () => number {
  let state = seed
  return () => {
    state = Math.trunc(state + 0x6d_2b_79_f5)
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** Beginnings that issuers give their keys, split so that no scanner takes this file for a leak. */
const PREFIXED: readonly (readonly [string, readonly string[], string, number])[] = [
  ['AWS access key', ['AK', 'IA'], `${UPPER}${DIGITS}`, 16],
  ['AWS session key', ['AS', 'IA'], `${UPPER}${DIGITS}`, 16],
  ['GitHub token', ['gh', 'p_'], WORD, 36],
  ['GitHub OAuth token', ['gh', 'o_'], WORD, 36],
  ['GitHub user token', ['gh', 'u_'], WORD, 36],
  ['GitHub server token', ['gh', 's_'], WORD, 36],
  ['GitHub refresh token', ['gh', 'r_'], WORD, 36],
  ['GitHub fine-grained token', ['github', '_pat_'], WORD, 60],
  ['GitLab token', ['gl', 'pat-'], WORD, 20],
  ['Slack bot token', ['xo', 'xb-'], WORD, 40],
  ['Slack user token', ['xo', 'xp-'], WORD, 40],
  ['Slack app token', ['xa', 'pp-'], WORD, 40],
  ['Stripe live key', ['sk', '_live_'], WORD, 24],
  ['Stripe test key', ['sk', '_test_'], WORD, 24],
  ['Stripe restricted key', ['rk', '_live_'], WORD, 24],
  ['OpenAI project key', ['sk', '-proj-'], WORD, 40],
  ['OpenAI key', ['s', 'k-'], WORD, 48],
  ['Anthropic key', ['sk', '-ant-'], WORD, 40],
  ['Google API key', ['AI', 'za'], WORD, 35],
  ['Google OAuth token', ['ya', '29.'], WORD, 40],
  ['npm token', ['np', 'm_'], WORD, 36],
  ['PyPI token', ['py', 'pi-'], WORD, 60],
  ['Hugging Face token', ['h', 'f_'], WORD, 34],
  ['DigitalOcean token', ['dop', '_v1_'], HEX, 64],
  ['Vault token', ['hv', 's.'], WORD, 24],
  ['Webhook secret', ['wh', 'sec_'], WORD, 32],
  ['age key', ['AGE-SECRET', '-KEY-1'], `${UPPER}${DIGITS}`, 58],
]

/** Nothing about these says what they are: only the field that they stand in does. */
const PLAIN: readonly (readonly [string, string, number])[] = [
  ['password', `${WORD}!$%()*+,-.:<>@[]^_`, 20],
  ['passphrase', LOWER, 30],
  ['hexadecimal key', HEX, 64],
  ['short hexadecimal key', HEX, 32],
  ['base64 key', WORD, 44],
  ['one-time code', DIGITS, 12],
  ['recovery code', `${UPPER}${DIGITS}`, 16],
  ['session id', WORD, 26],
  ['card number', DIGITS, 16],
  ['AWS secret key', WORD, 40],
  ['Azure account key', WORD, 86],
  ['Twilio token', HEX, 32],
  ['Mailgun key', HEX, 32],
  ['Datadog key', HEX, 40],
]

export function seededSecrets(seed: number): readonly SeededSecret[] {
  const next = random(seed)
  const some = (alphabet: string, length: number): string =>
    Array.from({ length }, () => alphabet[Math.floor(next() * alphabet.length)]).join('')
  const dotted = (): string => [some(WORD, 36), some(WORD, 120), some(WORD, 43)].join('.')
  const told = (shape: string, value: string): SeededSecret => ({ shape, value, telling: true })
  return [
    ...PREFIXED.map(([shape, start, alphabet, length]) =>
      told(shape, `${start.join('')}${some(alphabet, length)}`),
    ),
    ...PLAIN.map(([shape, alphabet, length]) => ({
      shape,
      value: some(alphabet, length),
      telling: false,
    })),
    told('SendGrid key', ['SG', some(WORD, 22), some(WORD, 43)].join('.')),
    told('signed token', ['ey', 'J', dotted()].join('')),
    told('second signed token', ['ey', 'J', dotted()].join('')),
    told('bearer header', ['Bea', 'rer ', some(WORD, 40)].join('')),
    told('key file', keyFile('', some(WORD, 64))),
    told('RSA key file', keyFile('RSA ', some(WORD, 64))),
    told('database address', `postgres://app:${some(WORD, 20)}@db.example/main`),
    told('address with a token', `https://api.example/x?access_token=${some(WORD, 30)}`),
    told('signed link', `https://files.example/x?X-Amz-Signature=${some(HEX, 64)}`),
  ]
}

/** What must not be found of it: the part that is secret, also where a line end was escaped. */
export function secretPart({ value }: SeededSecret): string {
  const inside = /[?&][\w-]+=(\w+)$/.exec(value) ?? /:(\w+)@/.exec(value)
  return inside?.[1] ?? value.split(/\s/).at(-1) ?? value
}
