import type { BotStatus } from '../types/api.gen'
import { countdown, roughly } from './durations'
import { sentence } from './sentences'

/** What is known beside the status, as of now. */
export interface Around {
  /** Seconds until the next start; null while nobody counts. */
  retryInS: number | null
  /** The runner that is out of contact and for how long; null when it is there. */
  away: { host: string; seconds: number | null } | null
}

/** A state that needs more than a word: what is so, and what comes next or what to do. */
export interface Story {
  what: string
  next: string
}

/** Null for a bot that does what it should, whose word says all. */
export function storyOf(status: BotStatus, around: Around): Story | null {
  switch (status.state) {
    case 'backoff':
      return crashed(status, around.retryInS)
    case 'unhealthy':
      return { what: sentence(status.reason || 'it lives, but does not do its work'), next: '' }
    case 'failed':
      return { what: sentence(status.reason || 'it cannot be started'), next: afterFailure(status) }
    case 'unknown':
      return { what: outOfContact(status, around.away), next: 'What it does now is not known. Bots go on without contact.' }
    case 'starting':
    case 'running':
      return status.crash_loop ? { what: ON_TRIAL, next: '' } : null
    case 'stopping':
    case 'stopped':
    case 'exited':
      return null
  }
}

const ON_TRIAL = 'On trial: it crashed again and again before. It counts as well once a run lasts.'

function crashed(status: BotStatus, retryInS: number | null): Story {
  const reason = status.reason || 'it crashed'
  const what = status.crash_loop ? `Crashing again and again: ${reason}` : reason
  if (retryInS === null) return { what: sentence(what), next: 'It is started again by itself.' }
  if (retryInS <= 0) return { what: sentence(what), next: 'Starting again now…' }
  return { what: sentence(what), next: `${status.crash_loop ? 'Next try' : 'Starts again'} in ${countdown(retryInS)}.` }
}

function afterFailure({ starts_24h: starts, start_budget: budget }: BotStatus): string {
  if (budget !== null && starts >= budget) {
    return 'No start is left in its budget, so it is not started by itself. A start by hand works all the same.'
  }
  return 'It is not tried again by itself. Put right what is wrong, then start it.'
}

function outOfContact(status: BotStatus, away: Around['away']): string {
  if (away === null) return sentence(status.reason || 'its runner is out of contact')
  const age = away.seconds === null ? '' : away.seconds < 1 ? ' since just now' : ` for ${roughly(away.seconds)}`
  return `No contact with host ${away.host}${age}.`
}
