/** How far a page has got in each topic of the live channel, and what an update is to it. Pure: the connection does it. */
import type { GapMessage, Resume, ServerMessage, SnapshotMessage } from '../types/api.gen'

export type Update = Extract<ServerMessage, { seq: number }>

export interface Positions {
  readonly epoch: string
  readonly defaultBot: string | null
  readonly topics: Readonly<Record<string, Position>>
}

interface Position {
  /** The seq of the last update that was had. */
  readonly had: number
  /** Up to which seq the deck told that updates may be missing; 0 when it told nothing. */
  readonly told: number
}

/** What to do with an update. After a hole nothing is known any more: a fresh snapshot is needed. */
export type Verdict = 'take' | 'drop' | 'hole'

export function positionsOf({ epoch, data }: SnapshotMessage): Positions {
  const topics = Object.entries(data.positions).map(([topic, had]): [string, Position] => [topic, { had, told: 0 }])
  return { epoch, defaultBot: data.fleet.default_bot, topics: Object.fromEntries(topics) }
}

export function verdict({ epoch, topics }: Positions, update: Update): Verdict {
  if (update.epoch !== epoch) return 'hole'
  const position = topics[update.topic]
  // Of a topic that the last snapshot does not name: it was on its way when another bot was asked for.
  if (!position || update.seq <= position.had) return 'drop'
  return update.seq <= Math.max(position.had, position.told) + 1 ? 'take' : 'hole'
}

export function afterUpdate(positions: Positions, { topic, seq }: Update): Positions {
  return withPosition(positions, topic, { had: seq, told: positions.topics[topic]?.told ?? 0 })
}

/** Null for a gap in a topic that is not followed (any more). */
export function afterGap(positions: Positions, { epoch, data }: GapMessage): Positions | null {
  const position = positions.topics[data.topic]
  if (!position || positions.epoch !== epoch) return null
  return withPosition(positions, data.topic, { ...position, told: Math.max(position.told, data.to) })
}

/** What a page says that comes back to follow `bot` (null: the default one); null when it must begin anew. */
export function resumeOf({ epoch, defaultBot, topics }: Positions, bot: string | null): Resume | null {
  const name = bot ?? defaultBot
  if (name === null || !(`bot/${name}` in topics)) return null
  return { epoch, positions: Object.fromEntries(Object.entries(topics).map(([topic, { had }]) => [topic, had])) }
}

function withPosition(positions: Positions, topic: string, position: Position): Positions {
  return { ...positions, topics: { ...positions.topics, [topic]: position } }
}
