import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Contender, rivalsAmong } from '../../src/model/rival.ts'

type Given = Partial<Contender> & { readonly name: string }

function contender(given: Given): Contender {
  return { server: 'a', standing: 'covered', late: false, rank: 0, ...given }
}
/** What stays, as `server/name`, and why the others do not. */
function judged(...given: readonly Given[]): {
  readonly stays: readonly string[]
  readonly why: readonly string[]
} {
  const all = given.map(contender)
  const lost = rivalsAmong(all)
  const stays = all.filter((one) => !lost.has(one)).map(({ server, name }) => `${server}/${name}`)
  return { stays, why: [...lost.values()] }
}
const b = { server: 'b', rank: 1 }

test('names that differ stay, and so does one name of two upstreams', () => {
  expect(
    judged({ name: 'read_file' }, { name: 'read_files' }, { name: 'read_file', ...b }).why,
  ).toEqual([])
})

describe('of two that look alike', () => {
  test('the one that the lock approves stays, whatever it looks like', () => {
    const { stays, why } = judged(
      { name: 'sendEmail_v2', standing: 'approved' },
      { name: 'send_email_v2', standing: 'named' },
      { name: 'send_email', standing: 'named' },
    )
    expect(stays).toEqual(['a/sendEmail_v2', 'a/send_email'])
    expect(why).toEqual(['it can be taken for `a/sendEmail_v2`: U+005F'])
  })

  test('two that the lock approves both stay', () => {
    const approved = { standing: 'approved' } as const
    expect(judged({ name: 'x_y', ...approved }, { name: 'xY', ...approved }).why).toEqual([])
  })

  test('a disguise gives way, even where a grant names it', () => {
    const { stays, why } = judged({ name: 'send_emai1', standing: 'named' }, { name: 'send_email' })
    expect(stays).toEqual(['a/send_email'])
    expect(why).toEqual(['it can be taken for `a/send_email`: U+0031'])
  })

  test('where both are disguised none stays', () => {
    expect(judged({ name: 'list_53' }, { name: 'list_s3' }).stays).toEqual([])
  })

  test('a digit is no disguise where only the style differs', () => {
    expect(judged({ name: 'list_s3' }, { name: 'listS3' }).stays).toEqual(['a/list_s3'])
  })

  test('the one that a grant names in full stays, of a later upstream, too', () => {
    expect(
      judged({ name: 'send_email' }, { name: 'sendEmail', standing: 'named', ...b }).stays,
    ).toEqual(['b/sendEmail'])
  })

  test('both stay where grants name both in full', () => {
    const named = { standing: 'named' } as const
    expect(
      judged({ name: 'send_email', ...named }, { name: 'sendEmail', ...named, ...b }).why,
    ).toEqual([])
  })

  test('the one that was there first stays', () => {
    expect(judged({ name: 'sendEmail' }, { name: 'send_email', late: true }).stays).toEqual([
      'a/sendEmail',
    ])
  })

  test('the plainest of one upstream stays', () => {
    const { stays, why } = judged(
      { name: 'send-email' },
      { name: 'send_email' },
      { name: 'SEND_EMAIL' },
    )
    expect(stays).toEqual(['a/send_email'])
    expect(why).toContain('it can be taken for `a/send_email`: U+002D')
  })

  test('the plainest of the first upstream stays, and of a later one takes nobody’s place', () => {
    expect(judged({ name: 'send_email' }, { name: 'sendEmail', ...b }).stays).toEqual([
      'a/send_email',
    ])
    expect(judged({ name: 'sendEmail' }, { name: 'send_email', ...b }).stays).toEqual([])
  })
})

describe('a name that passes for another', () => {
  test('gives way to it', () => {
    const { stays, why } = judged(
      { name: 'send_email' },
      { name: 'send_email_v1', ...b },
      { name: 'a__send_email', ...b },
    )
    expect(stays).toEqual(['a/send_email'])
    expect(why).toEqual(['it passes for `a/send_email`', 'it passes for `a/send_email`'])
  })

  test('whatever stands between the server and the tool', () => {
    const mail = { server: 'mail', rank: 2 }
    const { stays, why } = judged(
      { name: 'mail_send', ...b },
      { name: 'mail/send', ...b },
      { name: 'mailSend', ...b },
      { name: 'mai1__send', ...b },
      { name: 'send', ...mail },
      { name: 'mail_send', ...mail },
    )
    expect(stays).toEqual(['mail/send', 'mail/mail_send'])
    expect(new Set(why)).toContain('it passes for `mail/send`')
  })

  test('stays alone, beside other versions, and where a grant names it in full', () => {
    expect(judged({ name: 'list_v1' }, { name: 'list_v2' }).why).toEqual([])
    expect(judged({ name: 'list' }, { name: 'list_v2', standing: 'named' }).why).toEqual([])
  })

  test('a name that comes later, or of a later upstream, does not take its place', () => {
    expect(judged({ name: 'list_v2' }, { name: 'list', late: true }).stays).toEqual(['a/list_v2'])
    expect(judged({ name: 'list_v2' }, { name: 'list', ...b }).stays).toEqual([])
  })
})

test('what cannot be seen is spelt out in what operators read', () => {
  expect(judged({ name: 'x\u200Bmail' }, { name: 'xmail', standing: 'approved' }).why).toEqual([
    'it can be taken for `a/xmail`: U+200B',
  ])
})

test('the order in which names come makes no difference', () => {
  const name = fc.constantFrom(
    'send_email',
    'sendEmail',
    'send-email',
    'send_emai1',
    'send_email_v1',
    'a__send_email',
    's\u00E9nd_email',
    'list',
  )
  const one = fc.record({
    server: fc.constantFrom('a', 'b'),
    name,
    standing: fc.constantFrom('approved', 'named', 'covered'),
    late: fc.boolean(),
  })
  const ranked = fc.uniqueArray(one, {
    selector: ({ server, name }) => `${server}/${name}`,
    maxLength: 12,
  })
  fc.assert(
    fc.property(ranked, fc.nat(), (given, seed) => {
      const all = given.map((each) => contender({ ...each, rank: each.server === 'a' ? 0 : 1 }))
      const turned = all.map((_, index) => all[(index + seed) % all.length] ?? all[0]!)
      const names = (list: readonly Contender[]): readonly string[] =>
        [...rivalsAmong(list).keys()].map(({ server, name }) => `${server}/${name}`).toSorted()
      expect(names(turned)).toEqual(names(all))
    }),
  )
})
