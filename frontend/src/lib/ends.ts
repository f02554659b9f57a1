import type { BotStatus, Cause, Run } from '../types/api.gen'
import { sentence } from './sentences'
import { isAlive, type Look, lookOf, word } from './states'

/** How an end asks to be looked at: somebody wanted it, something watched over it, it went wrong, or nobody knows. */
export type Tone = 'living' | 'plain' | 'asked' | 'watched' | 'wrong' | 'unseen'

const TONES: Record<Cause, Tone> = {
  exit: 'wrong',
  signal: 'wrong',
  oom: 'wrong',
  operator: 'asked',
  schedule: 'asked',
  unhealthy: 'watched',
  memory: 'watched',
  configuration: 'asked',
  runner: 'asked',
  cannot_start: 'wrong',
  host: 'wrong',
  unseen: 'unseen',
}

/** Each kind of end by name, for where the reason says only the rest. */
export const CAUSES: Record<Cause, string> = {
  exit: 'Ended by itself',
  signal: 'Ended by a signal',
  oom: 'Killed by the kernel, memory was short',
  operator: 'Asked for by an operator',
  schedule: 'Restarted on schedule',
  unhealthy: 'Did not do its work',
  memory: 'Used too much memory',
  configuration: 'Its configuration changed',
  runner: 'Its runner ended',
  cannot_start: 'Could not start',
  host: 'Its host went down',
  unseen: 'Nobody saw how',
}

/** Whose doing the end was, where the reason leaves that open. */
export const WHOSE: Partial<Record<Cause, string>> = {
  exit: 'Ended by itself',
  signal: 'The signal did not come from Botdeck',
  unhealthy: 'Ended by Botdeck, and counts as a crash',
  memory: 'Ended by Botdeck, and counts as a crash',
}

/** What can be said of a run whose end is not told. */
export interface Unended {
  word: string
  look: Look
  /** Its process is seen to live. */
  lives: boolean
}

/** As the bot's status has it; `stale` and unknown states say nothing about now. */
export function unended(id: string, status: BotStatus | undefined, stale: boolean): Unended {
  if (!status || stale || status.state === 'unknown') return { word: 'Running when last seen', look: 'unknown', lives: false }
  if (status.run === id && isAlive(status.state)) return { word: word(status), look: lookOf(status), lives: true }
  return { word: 'Over; how it ended is not told yet', look: 'unknown', lives: false }
}

export function isOver(run: Run): boolean {
  return run.ended_at !== null
}

export function toneOf(run: Run, { lives }: Pick<Unended, 'lives'>): Tone {
  if (!isOver(run)) return lives ? 'living' : 'unseen'
  if (run.cause === null) return 'unseen'
  return run.cause === 'exit' && run.exit_code === 0 ? 'plain' : TONES[run.cause]
}

/** How the run ended, in words that can stand alone. */
export function endInWords(run: Run, now: Pick<Unended, 'word'>): string {
  if (!isOver(run)) return now.word
  if (run.reason) return sentence(run.reason).replace(/\.$/, '')
  return run.cause === null ? 'Ended' : CAUSES[run.cause]
}

/** Seconds that the run lasted; null while it is not over. */
export function lifeS(run: Run): number | null {
  return run.ended_at === null ? null : Math.max(0, (Date.parse(run.ended_at) - Date.parse(run.started_at)) / 1000)
}
