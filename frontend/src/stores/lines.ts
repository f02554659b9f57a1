import type { LogLine } from '../types/api.gen'

export const MOST_LINES = 2_000

/**
 * Both lists as one, by id and without doubles, the newest `MOST_LINES` of it. Both come sorted. It is `held` itself
 * when nothing is new.
 */
export function merged(held: readonly LogLine[], more: readonly LogLine[]): readonly LogLine[] {
  const last = held.at(-1)
  const first = more[0]
  if (!first) return held
  if (!last || first.id > last.id) return trimmed([...held, ...more])
  const known = new Set(held.map((line) => line.id))
  const fresh = more.filter((line) => !known.has(line.id))
  if (fresh.length === 0) return held
  return trimmed([...held, ...fresh].sort((a, b) => a.id - b.id))
}

function trimmed(lines: LogLine[]): LogLine[] {
  return lines.length > MOST_LINES ? lines.slice(-MOST_LINES) : lines
}
