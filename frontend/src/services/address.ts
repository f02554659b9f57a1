/** Where the deck is: beside the page, under whatever base path it was told (`<base href>`). */
import type { Resume } from '../types/api.gen'

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

/** Of the live channel that follows `bot` (null: the default one), for a page that comes back with `resume` or is new. */
export function liveUrl(userId: string, bot: string | null, resume: Resume | null): string {
  const url = deckUrl(`ws/${encodeURIComponent(userId)}`)
  url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:'
  if (bot !== null) url.searchParams.set('bot', bot)
  if (resume !== null) url.searchParams.set('resume', JSON.stringify(resume))
  return url.href
}
