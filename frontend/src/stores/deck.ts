/** The live state of the deck, as this tab knows it. It is changed by one pure function: `apply(state, message, now)`. */
import type {
  BotList,
  BotStatus,
  DashboardStats,
  LogLine,
  LogPage,
  Operator,
  RunnerStatus,
  SampleList,
  ServerMessage,
  Snapshot,
} from '../types/api.gen'
import { merged } from './lines'

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

export interface BotLines {
  readonly lines: readonly LogLine[]
  /** Where lines may be missing among those we have; null when all is there. */
  readonly gap: Gap | null
  /** True when the deck keeps no line older than the first of these. */
  readonly fromTheStart: boolean
}

/** Lines with an id between these two, both of which we have, may be missing. */
export interface Gap {
  readonly after: number
  readonly before: number
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

const NO_LINES: BotLines = { lines: [], gap: null, fromTheStart: false }

/** The state after a message that was received `now`. Messages come in order and without gaps; the service sees to it. */
export function apply(state: DeckState, message: Message, now: Moment): DeckState {
  const clockAheadMs = 'timestamp' in message ? Date.parse(message.timestamp) - now.wall : state.clockAheadMs
  const heard: DeckState = { ...state, heardAt: now, clockAheadMs }
  switch (message.type) {
    case 'snapshot':
      return withSnapshot(heard, message.data, message.epoch, now)
    case 'bot_list':
      return withFleet(heard, message.data, now)
    case 'bot_status':
      return withStatus(heard, message.data, now)
    case 'dashboard_stats':
      return withStats(heard, message.data, now)
    case 'log':
      return withLines(heard, message.data.bot, message.data.lines, message.data.dropped > 0)
    case 'samples':
      return withSamples(heard, message.data)
    case 'runners':
      return { ...heard, runners: message.data.runners }
    case 'heartbeat':
      return heard
    case 'polled':
      return withPolled(heard, message, now)
    case 'fetched':
      // It says nothing about now, so `heardAt` stays.
      return withFetched(state, message)
    case 'older':
      return withOlder(state, message)
  }
}

function withSnapshot(state: DeckState, data: Snapshot, epoch: string, now: Moment): DeckState {
  const { operator, runners, server_version: serverVersion } = data
  const fresh = withFleet({ ...state, operator, runners, serverVersion, epoch }, data.fleet, now)
  if (!data.stats) return fresh
  const { bot, recent_logs: recent } = data.stats
  const known = withStats(fresh, { ...data.stats, recent_logs: null }, now)
  const held = known.logs[bot]?.lines.at(-1)
  const newest = recent?.at(-1)
  if (held && (newest?.id ?? 0) < held.id) {
    // The deck knows less than we do: its database is another one now, so what we hold is not its any more.
    return { ...known, logs: { ...known.logs, [bot]: { ...NO_LINES, lines: recent ?? [] } } }
  }
  return withFirst(withLines(known, bot, recent ?? [], !overlaps(held, recent)), bot, recent ?? [])
}

/** Nobody needs to ask for lines older than those of a deck that has no more. */
function withFirst(state: DeckState, bot: string, recent: readonly LogLine[]): DeckState {
  const held = state.logs[bot]
  if (!held || recent.length >= RECENT_LINES) return state
  return { ...state, logs: { ...state.logs, [bot]: { ...held, fromTheStart: true } } }
}

function withPolled(state: DeckState, { fleet, runners, stats }: Polled, now: Moment): DeckState {
  const known = withFleet({ ...state, runners }, fleet, now)
  if (!stats) return known
  const recent = stats.recent_logs ?? []
  const counted = withStats(known, { ...stats, recent_logs: null }, now)
  return withLines(counted, stats.bot, recent, !overlaps(known.logs[stats.bot]?.lines.at(-1), recent))
}

function withFleet(state: DeckState, fleet: BotList, now: Moment): DeckState {
  const bots: Record<string, BotLive> = {}
  for (const status of fleet.bots) bots[status.bot] = withOneStatus(state.bots[status.bot], status, now)
  const logs = Object.fromEntries(Object.entries(state.logs).filter(([name]) => name in bots))
  return { ...state, bots, logs, order: fleet.bots.map((status) => status.bot), defaultBot: fleet.default_bot }
}

function withStatus(state: DeckState, status: BotStatus, now: Moment): DeckState {
  // A bot that is not in the list is added by the `bot_list` that follows.
  if (!state.bots[status.bot]) return state
  return { ...state, bots: { ...state.bots, [status.bot]: withOneStatus(state.bots[status.bot], status, now) } }
}

function withOneStatus(bot: BotLive | undefined, status: BotStatus, now: Moment): BotLive {
  return { status, statusAt: now, uptime: { seconds: status.uptime_s, ms: now.ms }, stats: bot?.stats ?? null }
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

function withStats(state: DeckState, stats: DashboardStats, now: Moment): DeckState {
  const bot = state.bots[stats.bot]
  if (!bot) return state
  const uptime = { seconds: stats.bot_uptime, ms: now.ms }
  return { ...state, bots: { ...state.bots, [stats.bot]: { ...bot, stats, uptime } } }
}

function withLines(state: DeckState, bot: string, more: readonly LogLine[], gapBefore: boolean): DeckState {
  const held = state.logs[bot] ?? NO_LINES
  const lines = merged(held.lines, more)
  const last = held.lines.at(-1)
  const first = more[0]
  const gap = gapBefore && last && first ? { after: held.gap?.after ?? last.id, before: first.id } : held.gap
  if (state.logs[bot] && lines === held.lines && gap === held.gap) return state
  const fromTheStart = held.fromTheStart && lines[0] === held.lines[0]
  return { ...state, logs: { ...state.logs, [bot]: { lines, gap, fromTheStart } } }
}

function withFetched(state: DeckState, { bot, gap, page }: Fetched): DeckState {
  const held = state.logs[bot] ?? NO_LINES
  const oldest = page.lines[0]
  const reaches = !page.more || !oldest || oldest.id <= gap.after
  // Too much is missing to fetch it all: what is older than the gap goes, so that the rest is whole.
  const kept = reaches ? held.lines : held.lines.filter((line) => line.id >= oldest.id)
  // A gap that opened since is another one.
  const open = held.gap?.before === gap.before ? null : held.gap
  const lines = merged(page.lines, kept)
  const fromTheStart = held.fromTheStart && lines[0] === held.lines[0]
  return { ...state, logs: { ...state.logs, [bot]: { lines, gap: open, fromTheStart } } }
}

function withOlder(state: DeckState, { bot, page }: Older): DeckState {
  const held = state.logs[bot] ?? NO_LINES
  const lines = merged(page.lines, held.lines)
  const whole = !page.more && (page.lines.length === 0 || lines[0] === page.lines[0])
  return { ...state, logs: { ...state.logs, [bot]: { ...held, lines, fromTheStart: whole } } }
}

function overlaps(held: LogLine | undefined, recent: readonly LogLine[] | null | undefined): boolean {
  const oldest = recent?.[0]
  return !held || !oldest || oldest.id <= held.id
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
