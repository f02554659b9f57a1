/** The lines of one bot that the page holds, and where some may be missing among them. */
import type { LogLine, LogPage } from '../types/api.gen'

export const MOST_LINES = 2_000

export interface BotLines {
  readonly lines: readonly LogLine[]
  /** Where lines may be missing among those we have; null when all is there. */
  readonly gap: Gap | null
  /** True when lines after the last of these were left out: the next one that comes is after a gap. */
  readonly cut: boolean
  /** True when the deck keeps no line older than the first of these. */
  readonly fromTheStart: boolean
}

/** Lines with an id between these two, both of which we have, may be missing. */
export interface Gap {
  readonly after: number
  readonly before: number
}

export const NO_LINES: BotLines = { lines: [], gap: null, cut: false, fromTheStart: false }

/** With the lines that came; `gapBefore` when some right before them were left out. It is `held` itself when that changes nothing. */
export function extended(held: BotLines, more: readonly LogLine[], gapBefore: boolean): BotLines {
  const first = more[0]
  const last = held.lines.at(-1)
  const missing = gapBefore || held.cut
  if (!first) return missing === held.cut ? held : { ...held, cut: missing }
  const lines = merged(held.lines, more)
  // Lines that come twice follow on those that are held, whatever was left out before them.
  const gap = missing && last && first.id > last.id ? { after: held.gap?.after ?? last.id, before: first.id } : held.gap
  if (lines === held.lines && gap === held.gap && !held.cut) return held
  return { lines, gap, cut: false, fromTheStart: held.fromTheStart && lines[0] === held.lines[0] }
}

/** With the newest lines before the end of a gap. */
export function filled(held: BotLines, gap: Gap, page: LogPage): BotLines {
  const oldest = page.lines[0]
  const reaches = !page.more || !oldest || oldest.id <= gap.after
  // Too much is missing to fetch it all: what is older than the gap goes, so that the rest is whole.
  const kept = reaches ? held.lines : held.lines.filter((line) => line.id >= oldest.id)
  // A gap that opened since is another one.
  const open = held.gap?.before === gap.before ? null : held.gap
  const lines = merged(page.lines, kept)
  return { ...held, lines, gap: open, fromTheStart: held.fromTheStart && lines[0] === held.lines[0] }
}

/** With the newest lines before the first that is held. */
export function wentBack(held: BotLines, page: LogPage): BotLines {
  const lines = merged(page.lines, held.lines)
  return { ...held, lines, fromTheStart: !page.more && (page.lines.length === 0 || lines[0] === page.lines[0]) }
}

/** True when `recent`, the newest lines there are, leave nothing out after the last that is held. */
export function overlaps({ lines }: BotLines, recent: readonly LogLine[]): boolean {
  const last = lines.at(-1)
  const oldest = recent[0]
  return !last || !oldest || oldest.id <= last.id
}

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
