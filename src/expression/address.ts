/** IP addresses in their one canonical spelling, and the ranges (CIDR, RFC 4632) that they lie in. */

/** Four bytes of an IPv4 address, or eight 16-bit groups of an IPv6 address. */
export interface Address {
  readonly version: 4 | 6
  readonly parts: readonly number[]
}

export interface AddressRange extends Address {
  readonly bits: number
}

const V4 = /^(?:0|[1-9]\d{0,2})(?:\.(?:0|[1-9]\d{0,2})){3}$/
const V6 = /^[0-9a-f:]{2,39}$/

/**
 * Reads dotted decimal without leading zeros, or IPv6 as RFC 5952 writes it (lower case, longest run of zeros as
 * `::`). Any other spelling, and IPv6 that carries an IPv4 address within (mapped, compatible, NAT64), is undefined.
 */
export function parseAddress(text: string): Address | undefined {
  if (V4.test(text)) {
    const parts = text.split('.').map(Number)
    return parts.every((part) => part <= 255) ? { version: 4, parts } : undefined
  }
  const parts = V6.test(text) ? groupsOf(text) : undefined
  if (!parts || carriesV4(parts) || spell(parts) !== text) return undefined
  return { version: 6, parts }
}

/** Reads `10.0.0.0/8`; undefined for what is none, and a text that says so when bits are set beyond the prefix. */
export function parseRange(text: string): AddressRange | 'host_bits' | undefined {
  const slash = text.indexOf('/')
  const address = parseAddress(slash === -1 ? text : text.slice(0, slash))
  if (!address) return undefined
  const width = address.version === 4 ? 32 : 128
  if (slash !== -1 && !/^\/(?:0|[1-9]\d{0,2})$/.test(text.slice(slash))) return undefined
  const bits = slash === -1 ? width : Number(text.slice(slash + 1))
  if (bits > width) return undefined
  const range = { ...address, bits }
  const first = address.parts.map((part, index) => part & maskAt(range, index))
  return first.every((part, index) => part === address.parts[index]) ? range : 'host_bits'
}

export function isWithin(address: Address, range: AddressRange): boolean {
  if (address.version !== range.version) return false
  for (const [index, part] of address.parts.entries())
    if ((part & maskAt(range, index)) !== range.parts[index]) return false
  return true
}

/** The bits of one part that belong to the prefix. */
function maskAt(range: AddressRange, index: number): number {
  const width = range.version === 4 ? 8 : 16
  const bits = Math.min(Math.max(range.bits - index * width, 0), width)
  return ((1 << width) - 1) ^ ((1 << (width - bits)) - 1)
}

function groupsOf(text: string): readonly number[] | undefined {
  const halves = text.split('::')
  if (halves.length > 2) return undefined
  const [head = [], tail] = halves.map((half) => (half === '' ? [] : half.split(':')))
  const gap = 8 - head.length - (tail?.length ?? 0)
  if (tail ? gap < 1 : gap !== 0) return undefined
  const groups = [...head, ...Array.from({ length: gap }, () => '0'), ...(tail ?? [])]
  if (!groups.every((group) => /^[0-9a-f]{1,4}$/.test(group))) return undefined
  return groups.map((group) => Number.parseInt(group, 16))
}

/** `::a.b.c.d`, `::ffff:a.b.c.d` and `64:ff9b::a.b.c.d`; `::` and `::1` are no such addresses. */
function carriesV4(parts: readonly number[]): boolean {
  const zeros = (from: number, to: number): boolean =>
    parts.slice(from, to).every((part) => part === 0)
  const last = (parts[6] ?? 0) * 65_536 + (parts[7] ?? 0)
  if (zeros(0, 5) && (parts[5] === 0xff_ff || (parts[5] === 0 && last > 1))) return true
  // 6to4 (RFC 3056), Teredo (RFC 4380), ISATAP (RFC 5214) and SIIT (RFC 2765) carry one as well.
  if (parts[0] === 0x20_02 || (parts[0] === 0x20_01 && parts[1] === 0)) return true
  if (((parts[4] ?? 0) & 0xfd_ff) === 0 && parts[5] === 0x5e_fe) return true
  if (zeros(0, 4) && parts[4] === 0xff_ff && parts[5] === 0) return true
  return parts[0] === 0x64 && parts[1] === 0xff_9b && (parts[2] === 1 || zeros(2, 6))
}

/** RFC 5952: the first longest run of two zeros or more is shortened. */
function spell(parts: readonly number[]): string {
  let from = -1
  let length = 1
  for (let start = 0; start < 8; start += 1) {
    let end = start
    while (end < 8 && parts[end] === 0) end += 1
    if (end - start > length) {
      from = start
      length = end - start
    }
  }
  const hex = parts.map((part) => part.toString(16))
  if (from === -1) return hex.join(':')
  return `${hex.slice(0, from).join(':')}::${hex.slice(from + length).join(':')}`
}
