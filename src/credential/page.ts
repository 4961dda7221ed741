/** What the person sees in the browser when it comes back: a page without scripts, and nothing that came with the request. */

export interface Page {
  readonly status: number
  readonly title: string
  readonly text: string
}

export const HEADERS: Readonly<Record<string, string>> = {
  'content-type': 'text/html; charset=utf-8',
  'content-security-policy':
    "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
  'referrer-policy': 'no-referrer',
  'cache-control': 'no-store',
  'x-content-type-options': 'nosniff',
  connection: 'close',
}

export function pageHtml({ title, text }: Page): string {
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Chaperone: ${escaped(title)}</title>
<style>
  body { font: 1.1rem/1.5 system-ui, sans-serif; max-width: 34rem; margin: 18vh auto 0; padding: 0 1.5rem }
  @media (prefers-color-scheme: dark) { body { background: #16181d; color: #e6e6e6 } }
</style>
<h1>${escaped(title)}</h1>
<p>${escaped(text)}</p>
</html>
`
}

function escaped(text: string): string {
  return text.replaceAll(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`)
}

export function loggedIn(server: string): Page {
  const text = `Chaperone is logged in at ${server}. You can close this window.`
  return { status: 200, title: 'Logged in', text }
}

export function notLoggedIn(server: string): Page {
  const text = `Chaperone is not logged in at ${server}. The terminal says why. You can close this window.`
  return { status: 400, title: 'Not logged in', text }
}

/** For whatever is not the answer that is waited for. */
export function nothingHere(status: number): Page {
  const text = 'This is not the login that is waited for. Nothing was done.'
  return { status, title: 'Nothing here', text }
}
