/** Characters: counting them, and those that a text must not hold where it names something. */

const PRINTABLE_ASCII = /^[ -~]*$/
const INVISIBLE =
  /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\p{Noncharacter_Code_Point}]|[^\P{Zs} ]/u
/**
 * Slashes, backslashes and full stops of other scripts that Unicode's compatibility mapping leaves as they are, but
 * that file systems, fonts or people take for the ASCII ones.
 */
const LOOKALIKE =
  /[\u0589\u06d4\u0701\u0702\u1735\u2044\u2215\u2216\u2236\u2571\u2572\u27cb\u27cd\u29f5\u29f8\u29f9\u3002\ua4f8\ua60e\ua789]/u

/** No controls, format characters, lone surrogates, private or ignorable characters, nor spaces but the plain one. */
export function isVisible(text: string): boolean {
  return PRINTABLE_ASCII.test(text) || !INVISIBLE.test(text)
}

/**
 * Visible, and one spelling only: compatibility normalisation (NFKC, which includes NFC) leaves it as it is, and
 * nothing in it poses as a slash or a full stop.
 */
export function isUnambiguous(text: string): boolean {
  if (PRINTABLE_ASCII.test(text)) return true
  return !INVISIBLE.test(text) && !LOOKALIKE.test(text) && text.normalize('NFKC') === text
}

/** A segment `.` or `..` between slashes, spelt out or percent-encoded to any depth. */
export function hasDotSegment(text: string): boolean {
  return DOT_SEGMENT.test(text) || (text.includes('%') && ENCODED_DOT_SEGMENT.test(text))
}

const DOT_SEGMENT = /(?:^|\/)\.{1,2}(?:\/|$)/
const ENCODED_DOT_SEGMENT =
  /(?:^|\/|%(?:25)*2[fF]|%(?:25)*5[cC])(?:\.|%(?:25)*2[eE]){1,2}(?:\/|%(?:25)*2[fF]|%(?:25)*5[cC]|$)/

/** Length in Unicode code points, as a person counts characters; half a surrogate pair counts as one. */
export function codePoints(text: string): number {
  let count = 0
  for (let at = 0; at < text.length; at += 1) {
    if ((text.codePointAt(at) ?? 0) > 0xff_ff) at += 1
    count += 1
  }
  return count
}
