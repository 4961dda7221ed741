/** Texts that some reader takes for one another, though they are written otherwise. */

const IGNORABLE = /\p{Default_Ignorable_Code_Point}/gu

/** Compatibility normalisation, lower case, and nothing that is not seen. */
export function fold(text: string): string {
  return text.normalize('NFKC').replaceAll(IGNORABLE, '').toLowerCase().normalize('NFKC')
}

const BLANK = /[\p{White_Space}\p{Cc}]/u

/** The same, without what is blank at its ends. */
export function foldTrimmed(text: string): string {
  const folded = fold(text)
  let [start, end] = [0, folded.length]
  while (start < end && BLANK.test(folded.charAt(start))) start += 1
  while (end > start && BLANK.test(folded.charAt(end - 1))) end -= 1
  return folded.slice(start, end)
}
