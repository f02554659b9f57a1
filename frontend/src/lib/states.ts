import type { Action, BotStatus, State } from '../types/api.gen'

/** What a state looks like: the same shape, colour and favicon for states that ask the same of the onlooker. */
export type Look = 'running' | 'busy' | 'warning' | 'failed' | 'stopped' | 'unknown'

const LOOKS: Record<State, Look> = {
  stopped: 'stopped',
  starting: 'busy',
  running: 'running',
  unhealthy: 'warning',
  backoff: 'warning',
  stopping: 'busy',
  exited: 'stopped',
  failed: 'failed',
  unknown: 'unknown',
}

/** A crash loop is no state of its own, but it is what onlookers must see. */
type Standing = Pick<BotStatus, 'state' | 'crash_loop'>

export function lookOf({ state, crash_loop: loops }: Standing): Look {
  if (loops && state === 'backoff') return 'failed'
  // A run after a crash loop is on trial: nothing green before it has lasted.
  if (loops && (state === 'starting' || state === 'running')) return 'warning'
  return LOOKS[state]
}

export function word({ state, crash_loop: loops }: Standing): string {
  if (loops && state === 'backoff') return 'Crash loop'
  return state.charAt(0).toUpperCase() + state.slice(1)
}

/** True when a process lives, as lifecycle.ALIVE in the Python has it. */
export function isAlive(state: State): boolean {
  return state === 'starting' || state === 'running' || state === 'unhealthy' || state === 'stopping'
}

/** No runner keeps it: it reports by HTTP, and nobody here can start or stop it, or see what it uses. */
export function runsElsewhere({ runner }: Pick<BotStatus, 'runner'>): boolean {
  return runner === ''
}

/** Whether an action makes sense now. The runner decides in the end; this only spares people a refusal. */
export function makesSense(action: Action, status: BotStatus): boolean {
  const { state } = status
  if (state === 'unknown') return false
  switch (action) {
    case 'start':
      return !isAlive(state)
    case 'stop':
      return state === 'backoff' || (isAlive(state) && state !== 'stopping')
    case 'restart':
      return isAlive(state) && state !== 'stopping'
    case 'kill':
      return state === 'stopping'
  }
}
