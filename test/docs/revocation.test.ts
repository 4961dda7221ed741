/** The page about taking back against the code: its commands, its reasons, and its mandate. */
import { expect, test } from 'vitest'
import { COMMANDS } from '../../src/cli/main.ts'
import { DENY_REASONS } from '../../src/model/decision.ts'
import { REVIEW_KINDS } from '../../src/model/review.ts'
import { mandateOf } from '../fakes/line.ts'
import { blocks, page } from './markdown.ts'

const text = page('docs/revocation.md')

test('the commands are there, and the reasons are those of the code', () => {
  for (const [, name = ''] of text.matchAll(/^chaperone (\w+)/gm))
    expect(COMMANDS.map((one) => one.name)).toContain(name)
  for (const [, reason = ''] of text.matchAll(/`(\w+_(?:revoked|suspended|unavailable))`/g))
    expect(DENY_REASONS).toContain(reason)
})

test('the reviews that it shows load, one of each kind', () => {
  const [review = ''] = blocks(text, 'yaml')
  const { mandate } = mandateOf(`mandate: m
agent: bot
purpose: test
valid: { until: 2026-12-31T00:00:00Z }
tools: { a/x: {} }
${review}`)
  expect(mandate.review?.map(({ on }) => on).toSorted()).toEqual([...REVIEW_KINDS].toSorted())
})
