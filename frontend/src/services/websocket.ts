/**
 * The live channel: one WebSocket a tab, however many listeners. It opens with the first listener and closes with the
 * last, reconnects by itself and goes on where it was, and tells the state of the connection to those who ask.
 */
import type { ClientMessage, GapMessage, GoAway, ServerMessage } from '../types/api.gen'
import { liveUrl } from './address'
import { delayAsTold, hurriedDelay, reconnectDelay } from './comingBack'
import { afterGap, afterUpdate, type Positions, positionsOf, resumeOf, type Update, verdict } from './positions'
import { userIdInStorage } from './userId'

/** Close codes after which trying again is pointless until a person did something. */
export const FATAL = { signIn: 4401, forbidden: 4403 } as const

/**
 * The state of the connection. `retryAt` is a time of `performance.now()`; `asTold` when the deck chose the time;
 * `farewell` is why the deck sent this page away, until it is back; null when it said nothing.
 */
export type Connection =
  | { phase: 'closed' }
  | { phase: 'connecting'; asTold: boolean; farewell: string | null }
  | { phase: 'live' }
  | { phase: 'waiting'; retryAt: number; asTold: boolean; farewell: string | null }
  | { phase: 'refused'; code: number }

const OPENING_PATIENCE_MS = 10_000
const MISSED_HEARTBEATS = 3
const LEAST_SILENCE_MS = 3_000
const LATE_MS = 1_000
/** A connection that lived this long was good: the next loss counts as the first. */
const GOOD_AFTER_MS = 30_000

export class LiveConnection {
  private readonly messageListeners = new Set<(message: ServerMessage) => void>()
  private readonly connectionListeners = new Set<(connection: Connection) => void>()
  private connection: Connection = { phase: 'closed' }
  private socket: WebSocket | null = null
  private bot: string | null = null
  /** Kept while the connection is away, to go on from there; null when a snapshot is needed. */
  private positions: Positions | null = null
  private failed = 0
  private farewell: string | null = null
  private asTold = false
  private silenceMs = OPENING_PATIENCE_MS
  private liveSince = 0
  private retryTimer: ReturnType<typeof setTimeout> | undefined
  private watchTimer: ReturnType<typeof setTimeout> | undefined
  private readonly luck: () => number

  constructor(luck: () => number = Math.random) {
    this.luck = luck
  }

  /** Calls `listener` with every message. Returns the undo; the last undo closes the connection. */
  listen(listener: (message: ServerMessage) => void): () => void {
    // Wrapped, so that the same function given twice is two listeners with an undo each.
    const own = (message: ServerMessage) => {
      listener(message)
    }
    this.messageListeners.add(own)
    if (this.messageListeners.size === 1) this.start()
    return () => {
      if (this.messageListeners.delete(own) && this.messageListeners.size === 0) this.stop()
    }
  }

  /** Calls `listener` at once and whenever the connection changes. Returns the undo. */
  watch(listener: (connection: Connection) => void): () => void {
    const own = (connection: Connection) => {
      listener(connection)
    }
    this.connectionListeners.add(own)
    own(this.connection)
    return () => {
      this.connectionListeners.delete(own)
    }
  }

  /** Asks for the figures and lines of one bot (null: the default bot), from now on and after every reconnection. */
  follow(bot: string | null): void {
    if (bot === this.bot) return
    this.bot = bot
    if (this.socket?.readyState === WebSocket.OPEN) this.send({ type: 'subscribe', bot })
  }

  /** Tries again at once, also after a refusal. Does nothing while the connection is open or opening. */
  readonly retryNow = (): void => {
    if (this.connection.phase === 'waiting' || this.connection.phase === 'refused') this.open()
  }

  private start(): void {
    window.addEventListener('online', this.hurry)
    document.addEventListener('visibilitychange', this.hurry)
    this.failed = 0
    this.farewell = null
    this.asTold = false
    this.open()
  }

  private stop(): void {
    window.removeEventListener('online', this.hurry)
    document.removeEventListener('visibilitychange', this.hurry)
    this.drop()
    // Nobody keeps what was told any more.
    this.positions = null
    this.change({ phase: 'closed' })
  }

  private readonly hurry = (): void => {
    if (document.visibilityState !== 'visible' || this.connection.phase !== 'waiting' || this.connection.asTold) return
    const delay = hurriedDelay(this.luck())
    if (performance.now() + delay < this.connection.retryAt) this.wait(delay)
  }

  private open(): void {
    this.drop()
    const userId = userIdInStorage()
    if (userId === null) {
      this.change({ phase: 'refused', code: FATAL.signIn })
      return
    }
    this.change({ phase: 'connecting', asTold: this.asTold, farewell: this.farewell })
    const bot = this.bot
    const socket = new WebSocket(liveUrl(userId, bot, this.positions && resumeOf(this.positions, bot)))
    this.socket = socket
    this.heard(OPENING_PATIENCE_MS)
    socket.onopen = () => {
      this.heard(OPENING_PATIENCE_MS)
      if (this.bot !== bot) this.send({ type: 'subscribe', bot: this.bot })
    }
    socket.onmessage = (event: MessageEvent<string>) => {
      this.receive(JSON.parse(event.data) as ServerMessage)
    }
    socket.onclose = (event) => {
      this.lost(event.code)
    }
  }

  private receive(message: ServerMessage): void {
    this.heard(this.connection.phase === 'live' ? this.silenceMs : OPENING_PATIENCE_MS)
    if (message.type === 'goaway') this.sentAway(message.data)
    else if (this.takes(message)) this.pass(message)
  }

  private pass(message: ServerMessage): void {
    for (const listener of [...this.messageListeners]) listener(message)
  }

  /** False for what the listeners must not hear, such as an update that was had already. A hole ends the connection. */
  private takes(message: Exclude<ServerMessage, { type: 'goaway' }>): boolean {
    if (message.type === 'snapshot') {
      this.positions = positionsOf(message)
      this.silenceMs = Math.max(LEAST_SILENCE_MS, MISSED_HEARTBEATS * message.data.heartbeat_s * 1000)
      return this.beLive()
    }
    if (message.type === 'resumed') return this.positions?.epoch === message.epoch ? this.beLive() : this.startAfresh()
    if (this.connection.phase !== 'live' || !this.positions) return this.startAfresh()
    if (message.type === 'heartbeat') return true
    return message.type === 'gap' ? this.minds(this.positions, message) : this.follows(this.positions, message)
  }

  private beLive(): true {
    if (this.connection.phase !== 'live') this.liveSince = performance.now()
    this.farewell = null
    this.heard(this.silenceMs)
    this.change({ phase: 'live' })
    return true
  }

  private minds(positions: Positions, gap: GapMessage): boolean {
    const after = afterGap(positions, gap)
    if (after) this.positions = after
    return after !== null
  }

  private follows(positions: Positions, update: Update): boolean {
    const found = verdict(positions, update)
    if (found === 'hole') return this.startAfresh()
    if (found === 'take') this.positions = afterUpdate(positions, update)
    return found === 'take'
  }

  /** What this page knows has a hole that nobody told of, so it begins again with a snapshot. */
  private startAfresh(): false {
    this.positions = null
    this.lost()
    return false
  }

  /** The deck is about to close, whatever the code; when to come back is for it to say. */
  private sentAway(words: GoAway): void {
    this.leave()
    this.farewell = words.reason
    this.asTold = true
    this.wait(delayAsTold(words, this.luck()))
  }

  private lost(code?: number): void {
    this.leave()
    if (code === FATAL.signIn || code === FATAL.forbidden) {
      this.farewell = null
      this.change({ phase: 'refused', code })
      return
    }
    this.asTold = false
    this.wait(reconnectDelay(this.failed, this.luck()))
    this.failed += 1
  }

  private leave(): void {
    if (this.connection.phase === 'live' && performance.now() - this.liveSince >= GOOD_AFTER_MS) this.failed = 0
    this.drop()
  }

  private wait(delayMs: number): void {
    clearTimeout(this.retryTimer)
    this.retryTimer = setTimeout(() => {
      this.open()
    }, delayMs)
    this.change({ phase: 'waiting', retryAt: performance.now() + delayMs, asTold: this.asTold, farewell: this.farewell })
  }

  /** Lets go of the socket without hearing from it again. */
  private drop(): void {
    clearTimeout(this.retryTimer)
    clearTimeout(this.watchTimer)
    const socket = this.socket
    this.socket = null
    if (!socket) return
    socket.onopen = socket.onmessage = socket.onclose = null
    socket.close()
  }

  /** The connection is dead when nothing is heard for this long. */
  private heard(patienceMs: number): void {
    clearTimeout(this.watchTimer)
    const due = performance.now() + patienceMs
    this.watchTimer = setTimeout(() => {
      // A tab that slept runs its timers late, and before the messages that wait: let those come first.
      if (performance.now() > due + LATE_MS) this.heard(LATE_MS)
      else this.lost()
    }, patienceMs)
  }

  private send(message: ClientMessage): void {
    this.socket?.send(JSON.stringify(message))
  }

  private change(connection: Connection): void {
    this.connection = connection
    for (const listener of [...this.connectionListeners]) listener(connection)
  }
}

/** The tab's own connection. */
export const live = new LiveConnection()

/** Calls `onMessage` with every message of the live channel. Returns the undo. */
export function connectWebSocket(onMessage: (message: ServerMessage) => void): () => void {
  return live.listen(onMessage)
}
