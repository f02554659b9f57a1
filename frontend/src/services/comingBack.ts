/** When to try again. Each page draws its own moment, so that a herd of them does not come all at once. */
import type { GoAway } from '../types/api.gen'

const FLOOR_MS = 200
const FIRST_CEILING_MS = 2_000
const LONGEST_DELAY_MS = 30_000
const HURRIED_CEILING_MS = 1_000

/**
 * Milliseconds before the next attempt, after so many that failed: any moment up to 2 s, 2 s, 4 s, 8 s, 16 s, and then
 * 30 s. `luck` is from 0 to 1.
 */
export function reconnectDelay(failed: number, luck: number): number {
  const ceiling = Math.min(LONGEST_DELAY_MS, Math.max(FIRST_CEILING_MS, 1_000 * 2 ** Math.min(failed, 10)))
  return FLOOR_MS + luck * (ceiling - FLOOR_MS)
}

/** When the network is back, or somebody looks at the page again: soon, for nothing says that the deck is in trouble. */
export function hurriedDelay(luck: number): number {
  return luck * HURRIED_CEILING_MS
}

/** The deck knows best when it can be reached again. */
export function delayAsTold({ after_s: afterS, spread_s: spreadS }: GoAway, luck: number): number {
  return (afterS + luck * spreadS) * 1000
}
