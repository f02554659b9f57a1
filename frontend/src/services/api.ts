import createClient, { type FetchResponse } from 'openapi-fetch'
import type {
  Action,
  ActionResult,
  BotList,
  BotStatus,
  DashboardStats,
  Invitation,
  LogPage,
  Operator,
  paths,
  Run,
  RunnerStatus,
} from '../types/api.gen'
import { deckBase } from './address'
import { forgetUserId, rememberUserId } from './userId'

const PATIENCE_MS = 10_000

/** What the deck answered in place of what was asked: `message` is a sentence for people, `code` is for programs. */
export class ApiError extends Error {
  readonly status: number
  readonly code: string

  /** `status` is 0 when there was no answer at all. */
  constructor(status: number, code: string, message: string) {
    super(message)
    this.name = 'ApiError'
    this.status = status
    this.code = code
  }
}

/** Made anew for each request: that costs next to nothing, and the base path is asked for when it is needed. */
function client() {
  return createClient<paths>({ baseUrl: deckBase(), fetch: (request) => globalThis.fetch(request) })
}

const overListeners = new Set<() => void>()

/** Calls `listener` when the deck no longer knows this browser's session. Returns the undo. */
export function onSessionOver(listener: () => void): () => void {
  overListeners.add(listener)
  return () => {
    overListeners.delete(listener)
  }
}

export const authAPI = {
  /** Who is signed in. Throws ApiError 401 when nobody is. */
  async getMe(): Promise<Operator> {
    return remembered(await answer((signal) => client().GET('/api/auth/me', { signal }), 'stay'))
  },

  async login(name: string, password: string): Promise<Operator> {
    return remembered(
      await answer((signal) => client().POST('/api/auth/login', { signal, body: { name, password } }), 'stay'),
    )
  },

  async logout(): Promise<void> {
    await answer((signal) => client().POST('/api/auth/logout', { signal }), 'stay')
    forgetUserId()
  },

  async setupNeeded(): Promise<boolean> {
    return (await answer((signal) => client().GET('/api/setup', { signal }), 'stay')).needed
  },

  /** Makes the first admin, with the one-time code of the terminal. */
  async setup(code: string, name: string, password: string): Promise<Operator> {
    return remembered(
      await answer((signal) => client().POST('/api/setup', { signal, body: { code, name, password } }), 'stay'),
    )
  },
}

/** Actions on a bot by name, or on the default bot. */
export const botAPI = {
  start: (bot?: string): Promise<ActionResult> => act('start', bot),
  stop: (bot?: string): Promise<ActionResult> => act('stop', bot),
  restart: (bot?: string): Promise<ActionResult> => act('restart', bot),
  kill: (bot?: string): Promise<ActionResult> => act('kill', bot),

  list: (): Promise<BotList> => answer((signal) => client().GET('/api/bots', { signal })),

  status: (name: string): Promise<BotStatus> =>
    answer((signal) => client().GET('/api/bots/{name}', { signal, params: { path: { name } } })),

  runs: (name: string): Promise<Run[]> =>
    answer((signal) => client().GET('/api/bots/{name}/runs', { signal, params: { path: { name }, query: { limit: 20 } } })),

  /** One run, with what it left once it is over. */
  run: (name: string, run: string): Promise<Run> =>
    answer((signal) => client().GET('/api/bots/{name}/runs/{run}', { signal, params: { path: { name, run } } })),

  /** Up to `limit` lines, oldest first: the newest older than `before`, or the oldest newer than `after`. */
  logs: (name: string, range: { before?: number; after?: number; limit?: number }): Promise<LogPage> =>
    answer((signal) => client().GET('/api/bots/{name}/logs', { signal, params: { path: { name }, query: range } })),
}

export const dashboardAPI = {
  /** The figures and last lines of a bot, or of the default bot. */
  getStats: (bot?: string): Promise<DashboardStats> =>
    answer((signal) => client().GET('/api/dashboard/stats', { signal, params: { query: bot === undefined ? {} : { bot } } })),
}

export const runnerAPI = {
  list: (): Promise<RunnerStatus[]> => answer((signal) => client().GET('/api/runners', { signal })),

  /** A token that lets one runner of another host in, once. */
  invite: (name: string | null): Promise<Invitation> =>
    answer((signal) => client().POST('/api/runners/invitations', { signal, body: { name } })),

  /** Takes a joined runner's access away. */
  remove: async (name: string): Promise<void> => {
    await answer((signal) => client().DELETE('/api/runners/{name}', { signal, params: { path: { name } } }))
  },
}

function act(action: Action, bot?: string): Promise<ActionResult> {
  if (bot === undefined) return answer((signal) => client().POST(`/api/bot/${action}`, { signal }))
  return answer((signal) =>
    client().POST('/api/bots/{name}/{action}', { signal, params: { path: { name: bot, action } } }),
  )
}

function remembered(operator: Operator): Operator {
  rememberUserId(operator.user_id)
  return operator
}

type Answer<T> = Pick<FetchResponse<Record<string, never>, unknown, `${string}/${string}`>, 'response'> & {
  data?: T
  error?: unknown
}

/** What was asked for, or an ApiError. On 401 it tells those who listen, unless the caller says to `stay`. */
async function answer<T>(ask: (signal: AbortSignal) => Promise<Answer<T>>, on401: 'leave' | 'stay' = 'leave'): Promise<T> {
  let got: Answer<T>
  try {
    got = await ask(AbortSignal.timeout(PATIENCE_MS))
  } catch (problem) {
    const late = problem instanceof DOMException && problem.name === 'TimeoutError'
    const what = late ? `The deck did not answer within ${PATIENCE_MS / 1000} s.` : 'The deck cannot be reached.'
    throw new ApiError(0, 'no_answer', what)
  }
  if (got.response.ok) return got.data as T
  if (got.response.status === 401 && on401 === 'leave') {
    for (const listener of overListeners) listener()
  }
  throw problemOf(got.response, got.error)
}

function problemOf(response: Response, body: unknown): ApiError {
  const { detail, code } = (typeof body === 'object' && body !== null ? body : {}) as { detail?: unknown; code?: unknown }
  const fallback = `The deck answered ${response.status} ${response.statusText}`.trim() + '.'
  return new ApiError(
    response.status,
    typeof code === 'string' ? code : 'unexpected_answer',
    typeof detail === 'string' && detail ? detail : fallback,
  )
}
