/** The live state of the deck, as this tab knows it. It is changed by one pure function: `apply(state, message, now)`. */
import type {
  BotList,
  BotStatus,
  DashboardStats,
  Gap as ToldGap,
  LogLine,
  LogPage,
  Operator,
  RunnerStatus,
  SampleList,
  ServerMessage,
  Snapshot,
} from '../types/api.gen'
import { type BotLines, extended, filled, type Gap, NO_LINES, overlaps, wentBack } from './lines'

/** When something was received: `ms` by a clock that never jumps (performance.now), `wall` as people read it. */
export interface Moment {
  readonly ms: number
  readonly wall: number
}

/** Seconds since the process started, as of `ms`; null when no process lives. */
export interface Uptime {
  readonly seconds: number | null
  readonly ms: number
}

export interface BotLive {
  readonly status: BotStatus
  readonly statusAt: Moment
  readonly uptime: Uptime
  /** Null until the figures of this bot were asked for. */
  readonly stats: DashboardStats | null
}

export interface DeckState {
  /** Null before the first snapshot or poll. */
  readonly order: readonly string[] | null
  readonly defaultBot: string | null
  readonly bots: Readonly<Record<string, BotLive>>
  readonly logs: Readonly<Record<string, BotLines>>
  /** By name; null before the first snapshot. */
  readonly runners: readonly RunnerStatus[] | null
  readonly operator: Operator | null
  readonly serverVersion: string | null
  readonly epoch: string | null
  /** How far the deck's clock is ahead of this browser's, so that ages of its moments are right. */
  readonly clockAheadMs: number
  /** When anything was last heard. */
  readonly heardAt: Moment | null
}

/** What is asked for over REST while the live channel is away. */
export interface Polled {
  type: 'polled'
  /** When it was asked for, by performance.now(). */
  askedMs: number
  fleet: BotList
  runners: readonly RunnerStatus[]
  stats: DashboardStats | null
}

/** The newest lines before the end of a gap, fetched to close it. */
export interface Fetched {
  type: 'fetched'
  bot: string
  gap: Gap
  page: LogPage
}

/** The newest lines before the first that is held, for a reader who goes back. */
export interface Older {
  type: 'older'
  bot: string
  page: LogPage
}

export type Message = ServerMessage | Polled | Fetched | Older

export const NOTHING_YET: DeckState = {
  order: null,
  defaultBot: null,
  bots: {},
  logs: {},
  runners: null,
  operator: null,
  serverVersion: null,
  epoch: null,
  clockAheadMs: 0,
  heardAt: null,
}

/** The deck sends so many of the last lines at first; when there are fewer, these are all. */
const RECENT_LINES = 50

const LOG_TOPIC = 'log/'

/**
 * The state after a message that was received `now`. Messages come in order, and what is left out was told; the service
 * sees to it.
 */
export function apply(state: DeckState, message: Message, now: Moment): DeckState {
  const told: DeckState = { ...state, heardAt: now }
  switch (message.type) {
    case 'snapshot':
      return withSnapshot(withClock(told, message, now), message.data, message.epoch, now)
    case 'resumed':
      return { ...withClock(told, message, now), operator: message.data.operator }
    case 'heartbeat':
      return withClock(told, message, now)
    case 'gap':
      return withGap(told, message.data)
    case 'bot_list':
      return withFleet(told, message.data, saidAt(state, message, now))
    case 'bot_status':
      return withStatus(told, message.data, saidAt(state, message, now))
    case 'dashboard_stats':
      return withStats(told, message.data, saidAt(state, message, now))
    case 'log':
      return withLines(told, message.data.bot, message.data.lines, message.data.dropped > 0)
    case 'samples':
      return withSamples(told, message.data)
    case 'runners':
      return { ...told, runners: message.data.runners }
    case 'polled':
      // Its answer may be older than what the live channel told since.
      return state.heardAt && message.askedMs < state.heardAt.ms ? state : withPolled(told, message, now)
    // The others say nothing about the bots as they are now, so `heardAt` stays.
    case 'goaway':
      return state
    case 'fetched':
      return withLog(state, message.bot, filled(linesOf(state, message.bot), message.gap, message.page))
    case 'older':
      return withLog(state, message.bot, wentBack(linesOf(state, message.bot), message.page))
  }
}

/** With the deck's clock, which only a message tells that was made when it was sent. */
function withClock(state: DeckState, { timestamp }: ServerMessage, now: Moment): DeckState {
  return { ...state, clockAheadMs: Date.parse(timestamp) - now.wall }
}

/** When what an update says was so: it may have been kept for a page that was away, and has seconds as of then. */
function saidAt({ clockAheadMs }: DeckState, { timestamp }: ServerMessage, now: Moment): Moment {
  const ageMs = Math.max(0, now.wall + clockAheadMs - Date.parse(timestamp))
  return { ms: now.ms - ageMs, wall: now.wall - ageMs }
}

function withSnapshot(state: DeckState, data: Snapshot, epoch: string, now: Moment): DeckState {
  const { operator, runners, server_version: serverVersion } = data
  const fresh = withFleet({ ...state, operator, runners, serverVersion, epoch }, data.fleet, now)
  if (!data.stats) return fresh
  const { bot, recent_logs } = data.stats
  const recent = recent_logs ?? []
  const known = withStats(fresh, { ...data.stats, recent_logs: null }, now)
  const held = linesOf(known, bot)
  if (state.epoch !== epoch && (recent.at(-1)?.id ?? 0) < (held.lines.at(-1)?.id ?? 0)) {
    // The deck knows less than we do: its database is another one now, so what we hold is not its any more.
    return withLog(known, bot, { ...NO_LINES, lines: recent })
  }
  return withFirst(withLines(known, bot, recent, !overlaps(held, recent)), bot, recent)
}

/** Nobody needs to ask for lines older than those of a deck that has no more. */
function withFirst(state: DeckState, bot: string, recent: readonly LogLine[]): DeckState {
  if (recent.length >= RECENT_LINES) return state
  return withLog(state, bot, { ...linesOf(state, bot), fromTheStart: true })
}

function withPolled(state: DeckState, { fleet, runners, stats }: Polled, now: Moment): DeckState {
  const known = withFleet({ ...state, runners }, fleet, now)
  if (!stats) return known
  const recent = stats.recent_logs ?? []
  const counted = withStats(known, { ...stats, recent_logs: null }, now)
  return withLines(counted, stats.bot, recent, !overlaps(linesOf(known, stats.bot), recent))
}

function withFleet(state: DeckState, fleet: BotList, at: Moment): DeckState {
  const bots: Record<string, BotLive> = {}
  for (const status of fleet.bots) bots[status.bot] = withOneStatus(state.bots[status.bot], status, at)
  const logs = Object.fromEntries(Object.entries(state.logs).filter(([name]) => name in bots))
  return { ...state, bots, logs, order: fleet.bots.map((status) => status.bot), defaultBot: fleet.default_bot }
}

function withStatus(state: DeckState, status: BotStatus, at: Moment): DeckState {
  // A bot that is not in the list is added by the `bot_list` that follows.
  if (!state.bots[status.bot]) return state
  return { ...state, bots: { ...state.bots, [status.bot]: withOneStatus(state.bots[status.bot], status, at) } }
}

function withOneStatus(bot: BotLive | undefined, status: BotStatus, at: Moment): BotLive {
  return { status, statusAt: at, uptime: { seconds: status.uptime_s, ms: at.ms }, stats: bot?.stats ?? null }
}

/** Bots of the runner that it does not name have no process, so they use nothing. */
function withSamples(state: DeckState, { runner, samples }: SampleList): DeckState {
  const byBot = new Map(samples.map((sample) => [sample.bot, sample]))
  const bots = Object.entries(state.bots).map(([name, bot]): [string, BotLive] => {
    if (bot.status.runner !== runner) return [name, bot]
    return [name, { ...bot, status: { ...bot.status, sample: byBot.get(name) ?? null } }]
  })
  return { ...state, bots: Object.fromEntries(bots) }
}

function withStats(state: DeckState, stats: DashboardStats, at: Moment): DeckState {
  const bot = state.bots[stats.bot]
  if (!bot) return state
  // After an absence the figures can come behind a status that is newer, such as that of a restart.
  const uptime = at.ms < bot.statusAt.ms ? bot.uptime : { seconds: stats.bot_uptime, ms: at.ms }
  return { ...state, bots: { ...state.bots, [stats.bot]: { ...bot, stats, uptime } } }
}

function withLines(state: DeckState, bot: string, more: readonly LogLine[], gapBefore: boolean): DeckState {
  return withLog(state, bot, extended(linesOf(state, bot), more, gapBefore))
}

/** Figures that a gap leaves out were superseded by what follows; only lines are missed. */
function withGap(state: DeckState, { topic, dropped }: ToldGap): DeckState {
  if (dropped === 0 || !topic.startsWith(LOG_TOPIC)) return state
  return withLines(state, topic.slice(LOG_TOPIC.length), [], true)
}

function linesOf(state: DeckState, bot: string): BotLines {
  return state.logs[bot] ?? NO_LINES
}

function withLog(state: DeckState, bot: string, lines: BotLines): DeckState {
  return lines === state.logs[bot] ? state : { ...state, logs: { ...state.logs, [bot]: lines } }
}

/** What the deck's clock shows at `ms` of performance.now(), as milliseconds of the epoch; null before it was heard. */
export function deckTime({ heardAt, clockAheadMs }: DeckState, ms: number): number | null {
  return heardAt && heardAt.wall + clockAheadMs + Math.max(0, ms - heardAt.ms)
}

/** Holds the state, folds messages in, and tells listeners once a frame. */
export class DeckStore {
  private current = NOTHING_YET
  private readonly listeners = new Set<() => void>()
  private scheduled = false

  /** The state as listeners were last told; stable between two flushes. */
  private shown = NOTHING_YET

  readonly subscribe = (listener: () => void): (() => void) => {
    const own = () => {
      listener()
    }
    this.listeners.add(own)
    return () => {
      this.listeners.delete(own)
    }
  }

  readonly getSnapshot = (): DeckState => this.shown

  readonly receive = (message: Message): void => {
    this.current = apply(this.current, message, { ms: performance.now(), wall: Date.now() })
    this.schedule()
  }

  /** Forgets everything: another operator may see other things. */
  readonly clear = (): void => {
    this.current = NOTHING_YET
    this.schedule()
  }

  private schedule(): void {
    // A hidden tab draws no frames (nor one that was asked for before), but its title and icon go on.
    if (document.hidden) setTimeout(this.flush)
    else if (!this.scheduled) requestAnimationFrame(this.flush)
    this.scheduled = true
  }

  private readonly flush = (): void => {
    if (!this.scheduled) return
    this.scheduled = false
    this.shown = this.current
    for (const listener of [...this.listeners]) listener()
  }
}

export const deck = new DeckStore()
