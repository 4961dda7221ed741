/** Whether a URI may come of a template (RFC 6570). */

/** Could the template expand to this URI, taking each expression for any text ? */
export function spans(template: string, uri: string): boolean {
  const [head = '', ...parts] = template.split(/\{[^{}]*\}/)
  const tail = parts.pop()
  if (tail === undefined) return template === uri
  if (!uri.startsWith(head) || !uri.endsWith(tail)) return false
  let at = head.length
  for (const part of parts) {
    const found = uri.indexOf(part, at)
    if (found === -1) return false
    at = found + part.length
  }
  return at <= uri.length - tail.length
}
