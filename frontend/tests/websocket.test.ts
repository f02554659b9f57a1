import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { type Connection, LiveConnection, reconnectDelay } from '../src/services/websocket'
import { rememberUserId } from '../src/services/userId'
import { FakeWebSocket } from './support/FakeWebSocket'
import { heartbeat, snapshot } from './support/messages'

let live: LiveConnection
let phases: Connection['phase'][]
let undo: (() => void)[]

beforeEach(() => {
  vi.useFakeTimers()
  vi.stubGlobal('WebSocket', FakeWebSocket)
  FakeWebSocket.made = []
  rememberUserId('u 1')
  live = new LiveConnection(() => 0.5)
  phases = []
  undo = [live.watch(({ phase }) => phases.push(phase))]
})

afterEach(() => {
  for (const each of undo) each()
  vi.useRealTimers()
})

function connect(onMessage: (message: unknown) => void = () => undefined): () => void {
  const off = live.listen(onMessage)
  undo.push(off)
  return off
}

function beLive(): FakeWebSocket {
  const socket = FakeWebSocket.latest
  socket.accept()
  socket.say(snapshot())
  return socket
}

describe('connecting', () => {
  test('goes to the operator’s own address beside the page', () => {
    connect()

    expect(FakeWebSocket.latest.url).toBe('ws://localhost:3000/ws/u%201')
  })

  test('opens one socket for several listeners, and closes it with the last of them', () => {
    const heard = [vi.fn(), vi.fn()]
    const offs = heard.map((listener) => connect(listener))
    const socket = beLive()

    offs[0]?.()
    socket.say(heartbeat(2))
    expect(heard.map((listener) => listener.mock.calls.length)).toEqual([1, 2])
    expect(socket.closed).toBe(false)

    offs[1]?.()
    expect(socket.closed).toBe(true)
    expect(FakeWebSocket.made).toHaveLength(1)
  })

  test('counts the same listener twice as two, each with its own undo', () => {
    const listener = vi.fn()
    const first = connect(listener)
    connect(listener)
    const socket = beLive()
    first()
    first()

    socket.say(heartbeat(2))

    expect(listener).toHaveBeenCalledTimes(3)
    expect(socket.closed).toBe(false)
  })

  test('is live with the snapshot, not with the open socket', () => {
    connect()
    FakeWebSocket.latest.accept()
    expect(phases.at(-1)).toBe('connecting')

    FakeWebSocket.latest.say(snapshot())
    expect(phases.at(-1)).toBe('live')
  })

  test('asks for the wished bot, and asks again after a reconnection', () => {
    connect()
    live.follow('news')
    beLive()
    expect(FakeWebSocket.latest.sent).toEqual([{ type: 'subscribe', bot: 'news' }])

    live.follow('weather')
    expect(FakeWebSocket.latest.sent.at(-1)).toEqual({ type: 'subscribe', bot: 'weather' })

    FakeWebSocket.latest.end()
    vi.advanceTimersByTime(3000)
    beLive()
    expect(FakeWebSocket.latest.sent).toEqual([{ type: 'subscribe', bot: 'weather' }])
  })
})

describe('after a loss', () => {
  test('the first attempt comes within 3 s, the next ones later and later, never over 10 s apart', () => {
    connect()
    beLive().end()
    const waits: number[] = []
    for (let attempt = 0; attempt < 8; attempt += 1) {
      const before = performance.now()
      vi.advanceTimersToNextTimer()
      waits.push(performance.now() - before)
      FakeWebSocket.latest.end()
    }

    expect(waits).toEqual([500, 1000, 2000, 4000, 8000, 10_000, 10_000, 10_000])
  })

  test.each([0, 0.999])('luck of %d keeps the delays within bounds', (luck) => {
    const delays = Array.from({ length: 40 }, (_, attempt) => reconnectDelay(attempt, luck))

    expect(delays[0]).toBeLessThan(3000)
    expect(delays[0]).toBeGreaterThanOrEqual(250)
    expect(Math.max(...delays)).toBeLessThanOrEqual(10_000)
  })

  test('the delays begin anew only when the connection between was a good one', () => {
    connect()
    for (let round = 0; round < 4; round += 1) {
      beLive().end()
      vi.advanceTimersToNextTimer()
    }
    beLive()
    vi.advanceTimersByTime(11_000)
    const before = performance.now()
    FakeWebSocket.latest.end()
    vi.advanceTimersToNextTimer()

    expect(performance.now() - before).toBe(500)
  })

  test.each([4401, 4403])('code %i is final until somebody retries', (code) => {
    connect()
    beLive().end(code)
    vi.advanceTimersByTime(3_600_000)
    expect(FakeWebSocket.made).toHaveLength(1)
    expect(phases.at(-1)).toBe('refused')

    live.retryNow()
    expect(FakeWebSocket.made).toHaveLength(2)
  })

  test.each([1001, 1006, 1012, 1013, 4008, 4400])('code %i is tried again', (code) => {
    connect()
    beLive().end(code)
    vi.advanceTimersByTime(3000)

    expect(FakeWebSocket.made).toHaveLength(2)
  })

  test('the network’s return is not slept through', () => {
    connect()
    beLive()
    for (let attempt = 0; attempt < 6; attempt += 1) {
      FakeWebSocket.latest.end()
      vi.advanceTimersToNextTimer()
    }
    FakeWebSocket.latest.end()
    const before = FakeWebSocket.made.length

    window.dispatchEvent(new Event('online'))

    expect(FakeWebSocket.made).toHaveLength(before + 1)
  })

  test('a retry by hand opens no second socket beside one that is opening', () => {
    connect()
    live.retryNow()
    live.retryNow()

    expect(FakeWebSocket.made).toHaveLength(1)
  })

  test('nobody connects any more once the last listener went', () => {
    const off = connect()
    beLive().end()
    off()
    vi.advanceTimersByTime(60_000)
    window.dispatchEvent(new Event('online'))

    expect(FakeWebSocket.made).toHaveLength(1)
    expect(phases.at(-1)).toBe('closed')
  })
})

describe('silence', () => {
  test('of three intervals is a loss', () => {
    connect()
    const socket = beLive()
    vi.advanceTimersByTime(29_000)
    expect(phases.at(-1)).toBe('live')

    vi.advanceTimersByTime(1_200)
    expect(phases.at(-1)).toBe('waiting')
    expect(socket.closed).toBe(true)
  })

  test('is broken by any message', () => {
    connect()
    const socket = beLive()
    for (let seq = 2; seq < 10; seq += 1) {
      vi.advanceTimersByTime(25_000)
      socket.say(heartbeat(seq))
    }

    expect(phases.at(-1)).toBe('live')
  })

  test('of an opening that never ends is a loss too', () => {
    connect()
    vi.advanceTimersByTime(10_100)

    expect(phases.at(-1)).toBe('waiting')
  })
})

describe('the sequence', () => {
  test('with a hole starts a fresh connection, and what came after the hole is not passed on', () => {
    const heard = vi.fn()
    connect(heard)
    const socket = beLive()
    socket.say(heartbeat(2))
    socket.say(heartbeat(4))

    expect(heard).toHaveBeenCalledTimes(2)
    expect(socket.closed).toBe(true)
    vi.advanceTimersByTime(3000)
    expect(FakeWebSocket.made).toHaveLength(2)
  })

  test('of another epoch without a snapshot starts a fresh connection', () => {
    connect()
    const socket = beLive()
    socket.say(heartbeat(2, 'b'))

    expect(socket.closed).toBe(true)
  })

  test('with a message again passes it on once', () => {
    const heard = vi.fn()
    connect(heard)
    const socket = beLive()
    socket.say(heartbeat(2))
    socket.say(heartbeat(2))

    expect(heard).toHaveBeenCalledTimes(2)
    expect(socket.closed).toBe(false)
  })

  test('goes on from a second snapshot, which a subscription brings', () => {
    const heard = vi.fn()
    connect(heard)
    const socket = beLive()
    socket.say(snapshot({}, 2))
    socket.say(heartbeat(3))

    expect(heard).toHaveBeenCalledTimes(3)
  })
})

test('without an operator there is nothing to connect to', () => {
  localStorage.clear()
  connect()

  expect(FakeWebSocket.made).toHaveLength(0)
  expect(phases.at(-1)).toBe('refused')
})
