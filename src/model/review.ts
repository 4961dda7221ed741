/** What makes somebody look at a mandate again, and what is done until they have. */
import type { Instant } from './id.ts'

/** `suspend_tool` only where it is known which tool; `notify` tells somebody and changes nothing. */
export const REVIEW_ACTIONS = ['suspend', 'suspend_tool', 'notify'] as const
export type ReviewAction = (typeof REVIEW_ACTIONS)[number]

export type ReviewTrigger = {
  readonly action: ReviewAction
  /** Who is told, by their name in the settings. */
  readonly to?: string
} & (
  | { readonly on: 'tool_changed' }
  /** A tool is used under this mandate that never was before. */
  | { readonly on: 'first_use' }
  | { readonly on: 'denials'; readonly over: number; readonly withinMs: number }
  /** So much of a budget is used; `of`: of this one, absent: of any. */
  | { readonly on: 'budget'; readonly percent: number; readonly of?: string }
  /** Nothing was called for so long. */
  | { readonly on: 'dormant'; readonly afterMs: number }
  | { readonly on: 'due'; readonly at: Instant }
)
export type ReviewKind = ReviewTrigger['on']

export const REVIEW_KINDS: readonly ReviewKind[] = [
  'tool_changed',
  'first_use',
  'denials',
  'budget',
  'dormant',
  'due',
]
