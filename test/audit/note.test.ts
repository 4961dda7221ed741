/** Checkpoints as C2SP writes them, against one put together by hand and with nothing but node:crypto. */
import { createPublicKey, generateKeyPairSync, hash, sign, verify } from 'node:crypto'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { keyFrom, openLogKey } from '../../src/audit/log-key.ts'
import { checkpointText, opened } from '../../src/audit/note.ts'

/** RFC 8032 section 7.1, test 1, as PKCS #8: a key that everybody knows. */
const SEED = '9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60'
const PUBLIC = 'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a'
const DER = Buffer.from(`302e020100300506032b657004220420${SEED}`, 'hex')
const LABEL = ['PRIVATE', 'KEY'].join(' ')
const PEM = `-----BEGIN ${LABEL}-----\n${DER.toString('base64')}\n-----END ${LABEL}-----\n`

const ROOT = hash('sha256', Buffer.of(0), 'buffer')
const TEXT = `chaperone.dev/log/one\n7\n${ROOT.toString('base64')}\n`

describe('a signed checkpoint', () => {
  test('is what the specification says, byte by byte', async () => {
    const publicKey = Buffer.from(PUBLIC, 'hex')
    const name = `chaperone.dev/${hash('sha256', publicKey, 'hex').slice(0, 8)}`
    const typed = Buffer.concat([Buffer.of(1), publicKey])
    const id = hash('sha256', Buffer.concat([Buffer.from(`${name}\n`), typed]), 'buffer').subarray(
      0,
      4,
    )
    const key = keyFrom(PEM)
    expect(key.vkey).toBe(`${name}+${id.toString('hex')}+${typed.toString('base64')}`)

    const text = checkpointText({ origin: 'chaperone.dev/log/one', size: 7, root: ROOT })
    expect(text).toBe(TEXT)
    const note = await key.sign(text)
    const signature = sign(null, Buffer.from(TEXT), PEM)
    const blob = Buffer.concat([id, signature]).toString('base64')
    expect(note).toBe(`${TEXT}\n— ${name} ${blob}\n`)
    expect(verify(null, Buffer.from(TEXT), createPublicKey(PEM), signature)).toBe(true)
  })

  test('opens with its key only, and only as it was', async () => {
    const key = keyFrom(PEM)
    const note = await key.sign(TEXT)
    expect(opened(note, key)).toEqual({ origin: 'chaperone.dev/log/one', size: 7, root: ROOT })
    const changed = Array.from(note, (sign, at) => {
      const other = sign === 'A' ? 'B' : 'A'
      return opened(`${note.slice(0, at)}${other}${note.slice(at + 1)}`, key)
    })
    expect(changed.slice(0, TEXT.length).filter((said) => said !== undefined)).toEqual([])
    // The last character of base64 may say the same bits in two ways; then it is the same note.
    for (const said of changed.filter((one) => one !== undefined))
      expect(said).toEqual({ origin: 'chaperone.dev/log/one', size: 7, root: ROOT })
    const { privateKey } = generateKeyPairSync('ed25519')
    const stranger = keyFrom(String(privateKey.export({ type: 'pkcs8', format: 'pem' })))
    expect(opened(note, stranger)).toBeUndefined()
    expect(opened(await stranger.sign(TEXT), { ...key, name: stranger.name })).toBeUndefined()
  })
})

describe('the key of a state folder', () => {
  let state = ''
  beforeEach(() => {
    state = mkdtempSync(join(tmpdir(), 'chaperone-key-'))
  })
  afterEach(() => rmSync(state, { recursive: true, force: true }))

  test('is made once, for its owner alone, with its public half beside it', () => {
    const folder = join(state, 'not', 'yet')
    const key = openLogKey(folder)
    expect(openLogKey(folder).vkey).toBe(key.vkey)
    expect(readFileSync(join(folder, 'log.vkey'), 'utf8')).toBe(`${key.vkey}\n`)
    expect(statSync(join(folder, 'log.key')).mode & 0o777).toBe(0o600)
    expect(readdirSync(folder).toSorted()).toEqual(['log.key', 'log.vkey'])
  })

  test('that stands there already is never replaced, whatever it is', () => {
    writeFileSync(join(state, 'log.key'), 'no key')
    expect(() => openLogKey(state)).toThrow(expect.objectContaining({ code: 'ERR_CONFIG_READ' }))
    expect(readFileSync(join(state, 'log.key'), 'utf8')).toBe('no key')
  })

  test('may be given, and the public half of the one before is kept', () => {
    const before = openLogKey(state)
    const given = join(state, 'given.pem')
    writeFileSync(given, PEM)
    const key = openLogKey(state, given)
    expect(key.publicKey.toString('hex')).toBe(PUBLIC)
    expect(readFileSync(join(state, 'log.vkey'), 'utf8')).toBe(`${key.vkey}\n`)
    const id = before.vkey.split('+')[1] ?? ''
    expect(readFileSync(join(state, `log-${id}.vkey`), 'utf8')).toBe(`${before.vkey}\n`)
  })

  test.each(['beside one of its own', 'without one'])(
    'that was given is not given up by whoever does not know of it, %s',
    (how) => {
      if (how === 'beside one of its own') openLogKey(state)
      const given = join(state, 'given.pem')
      writeFileSync(given, PEM)
      const { vkey } = openLogKey(state, given)
      const files = readdirSync(state)
      expect(() => openLogKey(state)).toThrow('`audit: { key: … }`')
      expect(readdirSync(state)).toEqual(files)
      expect(readFileSync(join(state, 'log.vkey'), 'utf8')).toBe(`${vkey}\n`)
    },
  )

  test('of another algorithm, or none at the path that was given, is refused with a remedy', () => {
    const given = join(state, 'given.pem')
    expect(() => openLogKey(state, given)).toThrow('openssl genpkey')
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    writeFileSync(given, privateKey.export({ type: 'pkcs8', format: 'pem' }))
    expect(() => openLogKey(state, given)).toThrow('not an Ed25519 key')
  })
})
