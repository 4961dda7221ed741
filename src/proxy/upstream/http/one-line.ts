/** JSON put on one line, as everything behind a connection expects a message to be. */

const QUOTE = 0x22
const BACKSLASH = 0x5c
const FEED = 0x0a
const RETURN = 0x0d
const SPACE = 0x20

/**
 * The same JSON without line breaks: outside strings they are white space, and a space does as well. Inside a string a
 * line break is no JSON: it is left where it is, for the parser to refuse.
 */
export function oneLine(json: Buffer): Buffer {
  let end = json.length
  while (end > 0 && isBreak(json[end - 1])) end -= 1
  const text = json.subarray(0, end)
  if (!text.includes(FEED) && !text.includes(RETURN)) return text
  const line = Buffer.from(text)
  let quoted = false
  for (let at = 0; at < line.length; at += 1) {
    const byte = line[at]
    if (byte === QUOTE) quoted = !quoted
    else if (quoted) {
      if (byte === BACKSLASH) at += 1
    } else if (isBreak(byte)) line[at] = SPACE
  }
  return line
}

function isBreak(byte: number | undefined): boolean {
  return byte === FEED || byte === RETURN
}
