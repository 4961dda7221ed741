/** Approvals and obligations compared. */
import type { ApprovalSource, ObligationSource, RuleSource } from '../language.ts'
import type { Direction } from './change.ts'

export interface DutyChange {
  readonly direction: Direction
  readonly message: string
}

export function dutyChanges(before: RuleSource, after: RuleSource): readonly DutyChange[] {
  if (before.approval && after.approval) return approvalChanges(before.approval, after.approval)
  if (before.obligation && after.obligation)
    return obligationChanges(before.obligation, after.obligation)
  return []
}

function listed(names: readonly string[]): string {
  return names.map((one) => `\`${one}\``).join(', ')
}

function without<T>(list: readonly T[], other: readonly T[]): readonly T[] {
  return list.filter((one) => !other.includes(one))
}

/** What is gone from a list, and what is new in it, each in its own direction. */
function lists(
  before: readonly string[],
  after: readonly string[],
  said: { readonly lost: DutyChange; readonly gained: DutyChange },
): readonly DutyChange[] {
  const lost = without(before, after)
  const gained = without(after, before)
  const named = ({ direction, message }: DutyChange, names: readonly string[]): DutyChange => ({
    direction,
    message: `${message} ${listed(names)}`,
  })
  return [
    ...(lost.length > 0 ? [named(said.lost, lost)] : []),
    ...(gained.length > 0 ? [named(said.gained, gained)] : []),
  ]
}

/** More of it is stricter, or the other way round. */
function compared(
  [before, after]: readonly [number, number],
  stricter: 'more' | 'less',
  message: string,
): readonly DutyChange[] {
  if (before === after) return []
  const isMore = after > before
  return [{ direction: isMore === (stricter === 'more') ? 'narrowed' : 'widened', message }]
}

const STRENGTH = [undefined, 'client_asserted', 'local_user', 'passkey'] as const

function approvalChanges(before: ApprovalSource, after: ApprovalSource): readonly DutyChange[] {
  const [x, y] = [before.assurance, after.assurance]
  const seconds = (ms: number): string => `${Math.round(ms / 1000)} s`
  return [
    ...lists(before.from, after.from, {
      lost: { direction: 'narrowed', message: 'may no longer approve:' },
      gained: { direction: 'widened', message: 'may approve now:' },
    }),
    ...lists(before.except, after.except, {
      lost: { direction: 'widened', message: 'no longer excepted from approving:' },
      gained: { direction: 'narrowed', message: 'excepted from approving now:' },
    }),
    ...compared(
      [before.quorum, after.quorum],
      'more',
      `of the approvers ${before.quorum} had to agree, now ${after.quorum}`,
    ),
    ...compared(
      [before.expiresInMs, after.expiresInMs],
      'less',
      `an approval was good for ${seconds(before.expiresInMs)}, now for ${seconds(after.expiresInMs)}`,
    ),
    ...compared(
      [STRENGTH.indexOf(x), STRENGTH.indexOf(y)],
      'more',
      `approvals needed \`${x ?? 'no'}\` assurance, now \`${y ?? 'no'}\``,
    ),
  ]
}

function obligationChanges(
  before: ObligationSource,
  after: ObligationSource,
): readonly DutyChange[] {
  if (before.type === 'redact' && after.type === 'redact') {
    const said = {
      lost: { direction: 'widened', message: 'no longer redacts' },
      gained: { direction: 'narrowed', message: 'redacts now' },
    } as const
    return [
      ...lists(before.detectors, after.detectors, said),
      ...lists(before.paths, after.paths, said),
    ]
  }
  if (before.type === 'label' && after.type === 'label')
    return lists(before.add, after.add, {
      lost: { direction: 'widened', message: 'no longer leaves the label' },
      gained: { direction: 'narrowed', message: 'leaves the label' },
    })
  if (before.type === 'limit_output' && after.type === 'limit_output') {
    const over =
      before.over === after.over
        ? []
        : [
            {
              direction: after.over === 'cut' ? 'widened' : 'narrowed',
              message: `what is over the limit was ${WORDS[before.over]}, now ${WORDS[after.over]}`,
            } as const,
          ]
    const bytes = `results had at most ${before.bytes} bytes, now ${after.bytes}`
    return [...compared([before.bytes, after.bytes], 'less', bytes), ...over]
  }
  if (before.type === 'notify' && after.type === 'notify') {
    if (before.to === after.to) return []
    return [{ direction: 'unclear', message: `\`${before.to}\` was told, now \`${after.to}\`` }]
  }
  return [
    { direction: 'unclear', message: `the duty was \`${before.type}\`, now \`${after.type}\`` },
  ]
}

const WORDS = { cut: 'cut', refuse: 'refused' } as const
