/** Sizes as people write them. */

const UNITS = new Map([
  ['B', 1],
  ['KiB', 1024],
  ['MiB', 1024 ** 2],
  ['GiB', 1024 ** 3],
])

/** `16MiB`, `512KiB`, or a plain number of bytes; undefined for anything else. */
export function bytesOf(text: string): number | undefined {
  const [, number, unit = 'B'] = /^(\d{1,12})(B|KiB|MiB|GiB)?$/.exec(text) ?? []
  const each = UNITS.get(unit)
  return number === undefined || each === undefined ? undefined : Number(number) * each
}
