/** Where the deck is: beside the page, under whatever base path it was told (`<base href>`). */

export function deckUrl(path: string): URL {
  return new URL(path, document.baseURI)
}

export function deckBase(): string {
  return deckUrl('.').href.replace(/\/$/, '')
}

/** True when no other host can reach the deck where the page was opened. */
export function isOwnMachine(): boolean {
  return /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(deckUrl('.').hostname)
}

export function liveUrl(userId: string): string {
  const url = deckUrl(`ws/${encodeURIComponent(userId)}`)
  url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:'
  return url.href
}
