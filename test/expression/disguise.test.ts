/** Values that one reader takes for what was meant and another for something else. */
import { describe, expect, test } from 'vitest'
import { constraint } from './document.ts'

describe('an address that a mail program reads as more than an address', () => {
  const email = constraint('{ email: { domain: [acme.example] } }')

  test.each([
    '=?x?q?eve=40evil.example=3e=20?=foo@acme.example',
    '&AGEAYgBj-@acme.example',
    '-oQ/tmp@acme.example',
    '|/bin/sh@acme.example',
    '/etc/passwd@acme.example',
    '`id`@acme.example',
    '$HOME@acme.example',
    '${x}@acme.example',
    'bob?bcc=eve@acme.example',
    'bob#x@acme.example',
  ])('%s is none', (value) => {
    expect(email.judge(value)).toBe('fails')
  })

  test.each([
    "o'brien@acme.example",
    'bob+tag@acme.example',
    'a.b_c-d@acme.example',
    '1@acme.example',
  ])('%s is one', (value) => {
    expect(email.judge(value)).toBe('holds')
  })
})

describe('an IPv6 address that carries an IPv4 address', () => {
  test.each([
    ['2002:7f00:1::', '2000::/3'],
    ['2002:a9fe:a9fe::1', '2000::/3'],
    ['2001:0:4136:e378:8000:63bf:3fff:fdd2', '2000::/3'],
    ['fe80::5efe:7f00:1', 'fe80::/10'],
    ['::ffff:0:7f00:1', '::/16'],
  ])('%s is in no range', (value, range) => {
    expect(constraint(`{ cidr: ["${range}"] }`).judge(value)).toBe('fails')
  })

  test('others are', () => {
    expect(constraint('{ cidr: ["2000::/3"] }').judge('2001:db8::1')).toBe('holds')
    expect(constraint('{ cidr: ["fe80::/10"] }').judge('fe80::1')).toBe('holds')
  })
})

test('a path does not end in a space of another script, which programs trim', () => {
  const path = constraint('{ path: { under: /srv/data } }')
  expect(path.judge('/srv/data/..\u1680')).toBe('fails')
  expect(path.judge('/srv/data/a\u00a0b')).toBe('fails')
  expect(path.judge('/srv/data/a b')).toBe('holds')
})
