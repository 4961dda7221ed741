/** The constraint `cidr`: an IP address within one of several ranges. */
import type { Json } from '../model/json.ts'
import { type AddressRange, isWithin, parseAddress, parseRange } from './address.ts'
import { clause, type ClauseParser, TAKES, textSteps } from './clause.ts'
import { listed, textsOf } from './reader.ts'

/** `cidr: 10.0.0.0/8` or a list; an address without a prefix length stands for itself. */
export const cidr: ClauseParser = (node, { problems }) => {
  const texts = textsOf(node, problems)
  if (!texts) return undefined
  const ranges: AddressRange[] = []
  for (const { text, node: item } of texts) {
    const range = parseRange(text)
    if (range === undefined)
      problems.error(
        item,
        'invalid_range',
        `\`${text}\` is no address range`,
        'write it like `10.0.0.0/8` or `2001:db8::/32`, in canonical spelling',
      )
    else if (range === 'host_bits')
      problems.error(
        item,
        'invalid_range',
        `\`${text}\` has bits set beyond its prefix`,
        'write the first address of the range',
      )
    else ranges.push(range)
  }
  if (ranges.length < texts.length) return undefined
  const describe = `is an IP address within ${listed(texts.map((item) => item.text))}`
  const holds = (value: Json): boolean => {
    const address = typeof value === 'string' ? parseAddress(value) : undefined
    if (!address) return false
    for (const range of ranges) if (isWithin(address, range)) return true
    return false
  }
  const cost = textSteps(50 + 5 * ranges.length, 8)
  return { ...clause('cidr', describe, TAKES.text, holds), cost }
}
