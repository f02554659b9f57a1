/**
 * The live channel: one WebSocket a tab, however many listeners. It opens with the first listener and closes with the
 * last, reconnects by itself, and tells the state of the connection to those who ask.
 */
import type { ClientMessage, ServerMessage } from '../types/api.gen'
import { liveUrl } from './address'
import { userIdInStorage } from './userId'

/** Close codes after which trying again is pointless until a person did something. */
export const FATAL = { signIn: 4401, forbidden: 4403 } as const

/** The state of the connection. `retryAt` and `since` are times of `performance.now()`. */
export type Connection =
  | { phase: 'closed' }
  | { phase: 'connecting'; attempt: number }
  | { phase: 'live' }
  | { phase: 'waiting'; attempt: number; retryAt: number }
  | { phase: 'refused'; code: number }

const FIRST_DELAY_MS = 500
const LONGEST_DELAY_MS = 10_000
const OPENING_PATIENCE_MS = 10_000
const MISSED_INTERVALS = 3
const LEAST_SILENCE_MS = 3_000
const LATE_MS = 1_000
/** A connection that lived this long was good: the next loss counts as the first. */
const GOOD_AFTER_MS = 10_000

/** Milliseconds before the nth attempt to reconnect: 0.5 s doubled each time, ± 50 %, never over 10 s. */
export function reconnectDelay(attempt: number, luck: number): number {
  return Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** Math.min(attempt, 10) * (0.5 + luck))
}

export class LiveConnection {
  private readonly messageListeners = new Set<(message: ServerMessage) => void>()
  private readonly connectionListeners = new Set<(connection: Connection) => void>()
  private connection: Connection = { phase: 'closed' }
  private socket: WebSocket | null = null
  private bot: string | null = null
  private position: { epoch: string; seq: number } | null = null
  private attempt = 0
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

  /** Asks for the figures and lines of one bot (null: the default bot), now and after every reconnection. */
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
    this.attempt = 0
    this.open()
  }

  private stop(): void {
    window.removeEventListener('online', this.hurry)
    document.removeEventListener('visibilitychange', this.hurry)
    this.drop()
    this.change({ phase: 'closed' })
  }

  private readonly hurry = (): void => {
    if (document.visibilityState === 'visible' && this.connection.phase === 'waiting') this.open()
  }

  private open(): void {
    this.drop()
    const userId = userIdInStorage()
    if (userId === null) {
      this.change({ phase: 'refused', code: FATAL.signIn })
      return
    }
    this.change({ phase: 'connecting', attempt: this.attempt })
    const socket = new WebSocket(liveUrl(userId))
    this.socket = socket
    this.heard(OPENING_PATIENCE_MS)
    socket.onopen = () => {
      if (this.bot !== null) this.send({ type: 'subscribe', bot: this.bot })
    }
    socket.onmessage = (event: MessageEvent<string>) => {
      this.receive(JSON.parse(event.data) as ServerMessage)
    }
    socket.onclose = (event) => {
      this.lost(event.code)
    }
  }

  private receive(message: ServerMessage): void {
    if (message.type === 'snapshot') {
      this.silenceMs = Math.max(LEAST_SILENCE_MS, MISSED_INTERVALS * message.data.stats_interval_s * 1000)
      this.position = { epoch: message.epoch, seq: message.seq }
      if (this.connection.phase !== 'live') this.liveSince = performance.now()
      this.change({ phase: 'live' })
    } else if (!this.follows(message)) {
      return
    }
    this.heard(this.silenceMs)
    for (const listener of [...this.messageListeners]) listener(message)
  }

  /** False for a message that was had already, and for one after a gap, which starts a fresh connection. */
  private follows(message: ServerMessage): boolean {
    const last = this.position
    if (last?.epoch === message.epoch && message.seq <= last.seq) return false
    if (last?.epoch !== message.epoch || message.seq !== last.seq + 1) {
      this.lost()
      return false
    }
    this.position = { epoch: message.epoch, seq: message.seq }
    return true
  }

  private lost(code?: number): void {
    const wasGood = this.connection.phase === 'live' && performance.now() - this.liveSince >= GOOD_AFTER_MS
    this.drop()
    if (code === FATAL.signIn || code === FATAL.forbidden) {
      this.change({ phase: 'refused', code })
      return
    }
    if (wasGood) this.attempt = 0
    const delay = reconnectDelay(this.attempt, this.luck())
    this.attempt += 1
    this.retryTimer = setTimeout(() => {
      this.open()
    }, delay)
    this.change({ phase: 'waiting', attempt: this.attempt, retryAt: performance.now() + delay })
  }

  /** Lets go of the socket without hearing from it again. */
  private drop(): void {
    clearTimeout(this.retryTimer)
    clearTimeout(this.watchTimer)
    this.position = null
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
