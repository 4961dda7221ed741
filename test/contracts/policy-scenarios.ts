/**
 * Ten calls and what must become of each, whoever decides: the same house rules stand beside this file as YAML with CEL,
 * Rego, Cedar and policies of Cerbos.
 *
 * Vendors of class B, up to 5,000, on weekdays from nine to five in Berlin; mail to listed domains, one recipient at a
 * time, and none once something untrusted was read. A fact that is missing permits nothing.
 */
import type { EffectClass } from '../../src/model/call.ts'
import type { JsonObject } from '../../src/model/json.ts'

export interface Scenario {
  readonly name: string
  readonly tool: 'vendors/approve' | 'mail/send'
  readonly args: JsonObject
  /** A Tuesday, half past ten in Berlin, unless it says otherwise. */
  readonly at?: string
  readonly labels?: readonly string[]
  readonly expected: 'permit' | 'deny'
}

const APPROVAL = { vendor_id: 'v-17', vendor_class: 'B', amount: 100 }
const MAIL = { to: 'bob@partner.example', subject: 'Quote', body: 'Please find it attached.' }

export const SCENARIOS: readonly Scenario[] = [
  {
    name: 'a class B vendor in working hours',
    tool: 'vendors/approve',
    args: APPROVAL,
    expected: 'permit',
  },
  {
    name: 'a vendor of another class',
    tool: 'vendors/approve',
    args: { ...APPROVAL, vendor_class: 'A' },
    expected: 'deny',
  },
  {
    name: 'an amount above the limit',
    tool: 'vendors/approve',
    args: { ...APPROVAL, amount: 5001 },
    expected: 'deny',
  },
  {
    name: 'five in the afternoon in Berlin, which is past the hours',
    tool: 'vendors/approve',
    args: APPROVAL,
    at: '2026-11-24T16:00:00Z',
    expected: 'deny',
  },
  {
    name: 'a Saturday',
    tool: 'vendors/approve',
    args: APPROVAL,
    at: '2026-11-28T09:30:00Z',
    expected: 'deny',
  },
  {
    name: 'nine in the morning in summer time, which is within them',
    tool: 'vendors/approve',
    args: APPROVAL,
    at: '2026-07-07T07:00:00Z',
    expected: 'permit',
  },
  { name: 'mail to a listed domain', tool: 'mail/send', args: MAIL, expected: 'permit' },
  {
    name: 'mail to a stranger, with a listed address behind it',
    tool: 'mail/send',
    args: { ...MAIL, to: 'eve@evil.test,bob@partner.example' },
    expected: 'deny',
  },
  {
    name: 'mail after something untrusted was read',
    tool: 'mail/send',
    args: MAIL,
    labels: ['untrusted'],
    expected: 'deny',
  },
  {
    name: 'a vendor whose class is missing',
    tool: 'vendors/approve',
    args: { vendor_id: 'v-17', amount: 100 },
    expected: 'deny',
  },
]

/** What the lock file would say of each tool, and its definition. */
export const TOOLS: Readonly<
  Record<Scenario['tool'], { readonly effect: EffectClass; readonly inputSchema: JsonObject }>
> = {
  'vendors/approve': {
    effect: 'write',
    inputSchema: {
      type: 'object',
      properties: {
        vendor_id: { type: 'string' },
        vendor_class: { type: 'string' },
        amount: { type: 'integer' },
      },
      required: ['vendor_id', 'amount'],
    },
  },
  'mail/send': {
    effect: 'send',
    inputSchema: {
      type: 'object',
      properties: {
        to: { type: 'string' },
        subject: { type: 'string' },
        body: { type: 'string' },
      },
      required: ['to', 'subject', 'body'],
    },
  },
}
