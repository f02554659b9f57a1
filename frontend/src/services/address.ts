/** Where the deck is: beside the page, under whatever base path it was told (`<base href>`). */

export function deckUrl(path: string): URL {
  return new URL(path, document.baseURI)
}

export function deckBase(): string {
  return deckUrl('.').href.replace(/\/$/, '')
}

export function liveUrl(userId: string): string {
  const url = deckUrl(`ws/${encodeURIComponent(userId)}`)
  url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:'
  return url.href
}
