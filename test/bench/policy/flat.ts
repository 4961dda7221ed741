/** The rules by the tool that they are about, one by one, for engines that have no selectors: what each of them asks of a call. */
import { AGENT, KITS, LONGEST_REPORT, PARTNERS, REPORTS } from './table.ts'

export type Flat =
  | { readonly kind: 'night' }
  | { readonly kind: 'leak' }
  | { readonly kind: 'risk' }
  | { readonly kind: 'personal' }
  | { readonly kind: 'limit' | 'administration'; readonly limit: number }
  | { readonly kind: 'agent'; readonly agent: string }
  | { readonly kind: 'class'; readonly classes: readonly string[] }
  | { readonly kind: 'amount'; readonly limit: number }
  | { readonly kind: 'partners'; readonly domains: readonly string[] }
  | { readonly kind: 'untrusted' }
  | { readonly kind: 'body'; readonly longest: number }
  | { readonly kind: 'path'; readonly under: string }
  | { readonly kind: 'bytes'; readonly most: number }
  | { readonly kind: 'region'; readonly regions: readonly string[] }
  | { readonly kind: 'word'; readonly word: string }
  | { readonly kind: 'hours'; readonly days: number; readonly from: number; readonly to: number }

const WRITES: readonly Flat[] = [{ kind: 'night' }, { kind: 'risk' }]

/** Rules that only record, in shadow or as a duty, are left out: nobody else has them. */
export const FLAT: ReadonlyMap<string, readonly Flat[]> = new Map<string, readonly Flat[]>([
  [
    'vendors/approve',
    [
      ...WRITES,
      { kind: 'agent', agent: AGENT },
      { kind: 'class', classes: ['B'] },
      { kind: 'hours', days: 5, from: 9, to: 17 },
      { kind: 'amount', limit: 1000 },
    ],
  ],
  [
    'mail/send',
    [
      ...WRITES,
      { kind: 'leak' },
      { kind: 'personal' },
      { kind: 'partners', domains: PARTNERS },
      { kind: 'untrusted' },
      { kind: 'body', longest: 10_000 },
    ],
  ],
  [
    'files/write',
    [...WRITES, { kind: 'path', under: REPORTS }, { kind: 'bytes', most: LONGEST_REPORT }],
  ],
  ...KITS.map(
    ({ server, name, effect, limit, regions, word, hours }) =>
      [
        `${server}/${name}`,
        [
          ...(effect === 'write' || effect === 'delete' ? WRITES : []),
          ...(effect === 'admin'
            ? [{ kind: 'risk' } as const, { kind: 'administration', limit: 900 } as const]
            : []),
          { kind: 'limit', limit },
          { kind: 'region', regions },
          { kind: 'word', word },
          ...(hours ? [{ kind: 'hours', days: 6, ...hours } as const] : []),
        ],
      ] as const,
  ),
])
