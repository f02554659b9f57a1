import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { rememberUserId } from '../src/services/userId'
import { type Connection, LiveConnection } from '../src/services/websocket'
import { FakeWebSocket } from './support/FakeWebSocket'
import { gap, goaway, heartbeat, message, resumed, snapshot, stats, status } from './support/messages'

let live: LiveConnection
let connections: Connection[]
let undo: (() => void)[]

beforeEach(() => {
  vi.useFakeTimers()
  vi.stubGlobal('WebSocket', FakeWebSocket)
  FakeWebSocket.made = []
  rememberUserId('u 1')
  live = new LiveConnection(() => 0.5)
  connections = []
  undo = [live.watch((connection) => connections.push(connection))]
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

function beLive(first: unknown = snapshot()): FakeWebSocket {
  const socket = FakeWebSocket.latest
  socket.accept()
  socket.say(first)
  return socket
}

/** Loses the connection and waits for the next socket. */
function comeBack(code = 1006): FakeWebSocket {
  FakeWebSocket.latest.end(code)
  vi.advanceTimersToNextTimer()
  return FakeWebSocket.latest
}

const phase = () => connections.at(-1)?.phase
const changed = (seq: number) => message('bot_status', status(), seq)
const counted = (seq: number) => message('dashboard_stats', stats(), seq)
const resumeAsked = ({ url }: FakeWebSocket) => JSON.parse(new URL(url).searchParams.get('resume') ?? 'null') as unknown

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
    socket.say(heartbeat())
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

    socket.say(heartbeat())

    expect(listener).toHaveBeenCalledTimes(3)
    expect(socket.closed).toBe(false)
  })

  test('is live with the snapshot, not with the open socket', () => {
    connect()
    FakeWebSocket.latest.accept()
    expect(phase()).toBe('connecting')

    FakeWebSocket.latest.say(snapshot())
    expect(phase()).toBe('live')
  })

  test('names the wished bot in the address, also after a reconnection', () => {
    live.follow('news & more')
    connect()
    expect(FakeWebSocket.latest.url).toBe('ws://localhost:3000/ws/u%201?bot=news+%26+more')

    beLive()
    const back = comeBack()

    expect(new URL(back.url).searchParams.get('bot')).toBe('news & more')
    expect(FakeWebSocket.made.map(({ sent }) => sent)).toEqual([[], []])
  })

  test('asks for another bot while it is open', () => {
    connect()
    const socket = beLive()
    live.follow('news')
    live.follow('news')
    live.follow(null)

    expect(socket.sent).toEqual([
      { type: 'subscribe', bot: 'news' },
      { type: 'subscribe', bot: null },
    ])
  })

  test('asks for a bot that was wished for while it was opening', () => {
    connect()
    live.follow('news')
    FakeWebSocket.latest.accept()

    expect(FakeWebSocket.latest.sent).toEqual([{ type: 'subscribe', bot: 'news' }])
  })
})

describe('coming back', () => {
  test('says how far the page got, and is live without a snapshot', () => {
    const heard = vi.fn()
    connect(heard)
    const socket = beLive()
    socket.say(changed(2))
    socket.say(counted(2))
    socket.say(changed(3))

    const back = comeBack()
    expect(resumeAsked(back)).toEqual({ epoch: 'a', positions: { overview: 3, 'bot/hello': 2, 'log/hello': 1 } })

    back.accept()
    expect(phase()).toBe('connecting')
    back.say(resumed())
    back.say(changed(4))
    expect(phase()).toBe('live')
    expect(heard.mock.calls.map(([{ type }]) => type as string).slice(-2)).toEqual(['resumed', 'bot_status'])
  })

  test('takes a snapshot as well, when the deck no longer knows', () => {
    connect()
    beLive()
    comeBack()
    const heard = vi.fn()
    connect(heard)
    beLive(snapshot({ positions: { overview: 70, 'bot/hello': 40, 'log/hello': 9 } }, 'b')).say({ ...changed(71), epoch: 'b' })

    expect(heard).toHaveBeenCalledTimes(2)
    expect(phase()).toBe('live')
  })

  test('goes on from where it was when the connection was lost before anything came', () => {
    connect()
    beLive()
    comeBack()
    const again = comeBack()

    expect(resumeAsked(again)).toMatchObject({ epoch: 'a' })
  })

  test('begins anew when another bot is followed now, also one that was asked for last', () => {
    connect()
    beLive()
    live.follow('news')
    expect(resumeAsked(comeBack())).toBeNull()

    live.follow('hello')
    expect(resumeAsked(comeBack())).toMatchObject({ epoch: 'a' })
  })

  test('begins anew after the last listener went', () => {
    const off = connect()
    beLive()
    off()
    connect()

    expect(resumeAsked(FakeWebSocket.latest)).toBeNull()
  })

  test('begins anew when the deck goes on with what this page never had', () => {
    connect()
    beLive()
    comeBack()
    beLive(resumed('ana', 'b'))

    expect(phase()).toBe('waiting')
    vi.advanceTimersToNextTimer()
    expect(resumeAsked(FakeWebSocket.latest)).toBeNull()
  })
})

describe('after a loss', () => {
  test('the first attempt comes within 2 s, the next ones later and later, never over 30 s apart', () => {
    connect()
    beLive().end()
    const waits: number[] = []
    for (let attempt = 0; attempt < 8; attempt += 1) {
      const before = performance.now()
      vi.advanceTimersToNextTimer()
      waits.push(performance.now() - before)
      FakeWebSocket.latest.end()
    }

    expect(waits).toEqual([1_100, 1_100, 2_100, 4_100, 8_100, 15_100, 15_100, 15_100])
  })

  test('the delays begin anew only when the connection between was a good one', () => {
    connect()
    for (let round = 0; round < 4; round += 1) {
      beLive()
      comeBack()
    }
    const socket = beLive()
    for (let beat = 0; beat < 7; beat += 1) {
      vi.advanceTimersByTime(5_000)
      socket.say(heartbeat())
    }
    const before = performance.now()
    comeBack()

    expect(performance.now() - before).toBe(1_100)
  })

  test.each([4401, 4403])('code %i is final until somebody retries', (code) => {
    connect()
    beLive().end(code)
    window.dispatchEvent(new Event('online'))
    vi.advanceTimersByTime(3_600_000)
    expect(FakeWebSocket.made).toHaveLength(1)
    expect(phase()).toBe('refused')

    live.retryNow()
    expect(FakeWebSocket.made).toHaveLength(2)
  })

  test.each([1001, 1006, 1009, 1012, 1013, 4008, 4400])('code %i is tried again', (code) => {
    connect()
    beLive().end(code)
    vi.advanceTimersByTime(3_000)

    expect(FakeWebSocket.made).toHaveLength(2)
  })

  test.each([
    ['the network’s return', () => window.dispatchEvent(new Event('online'))],
    ['a look at the page', () => document.dispatchEvent(new Event('visibilitychange'))],
  ])('%s is not slept through, but pages do not all come at once', (_what, happen) => {
    connect()
    beLive()
    for (let attempt = 0; attempt < 6; attempt += 1) comeBack()
    FakeWebSocket.latest.end()
    const before = FakeWebSocket.made.length

    happen()
    expect(FakeWebSocket.made).toHaveLength(before)
    vi.advanceTimersByTime(500)

    expect(FakeWebSocket.made).toHaveLength(before + 1)
  })

  test('a hurry never makes the wait longer', () => {
    connect()
    beLive().end()
    vi.advanceTimersByTime(1_000)

    window.dispatchEvent(new Event('online'))
    vi.advanceTimersByTime(100)

    expect(FakeWebSocket.made).toHaveLength(2)
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
    window.dispatchEvent(new Event('online'))
    vi.advanceTimersByTime(60_000)

    expect(FakeWebSocket.made).toHaveLength(1)
    expect(phase()).toBe('closed')
  })
})

describe('sent away', () => {
  test.each([1012, 1013, 1006, 4401])('the page comes back when it was told to, also when code %i follows', (code) => {
    connect()
    const socket = beLive()
    socket.say(goaway({ after_s: 5, spread_s: 10 }))
    socket.end(code)
    expect(connections.at(-1)).toMatchObject({ phase: 'waiting', asTold: true, farewell: 'the deck is restarting' })

    vi.advanceTimersByTime(9_999)
    expect(FakeWebSocket.made).toHaveLength(1)
    vi.advanceTimersByTime(1)
    expect(FakeWebSocket.made).toHaveLength(2)
  })

  test('it is not hurried by a look at it, only by a retry by hand', () => {
    connect()
    beLive().say(goaway())
    document.dispatchEvent(new Event('visibilitychange'))
    vi.advanceTimersByTime(5_000)
    expect(FakeWebSocket.made).toHaveLength(1)

    live.retryNow()
    expect(FakeWebSocket.made).toHaveLength(2)
  })

  test('it goes on where it was', () => {
    connect()
    beLive().say(goaway())
    vi.advanceTimersByTime(10_000)

    expect(resumeAsked(FakeWebSocket.latest)).toMatchObject({ epoch: 'a' })
  })

  test('by a deck that is too busy to let it in, it tries as late as it is told each time', () => {
    connect()
    for (let round = 0; round < 4; round += 1) {
      FakeWebSocket.latest.accept()
      FakeWebSocket.latest.say(goaway({ reason: 'too busy', after_s: 1, spread_s: 2 }))
      vi.advanceTimersByTime(2_000)
    }

    expect(FakeWebSocket.made).toHaveLength(5)
  })

  test('the words are kept until the page is live again', () => {
    connect()
    beLive().say(goaway())
    vi.advanceTimersByTime(10_000)
    expect(connections.at(-1)).toEqual({ phase: 'connecting', asTold: true, farewell: 'the deck is restarting' })

    comeBack()
    expect(connections.at(-1)).toEqual({ phase: 'connecting', asTold: false, farewell: 'the deck is restarting' })

    beLive(snapshot({}, 'b')).end()
    expect(connections.at(-1)).toMatchObject({ phase: 'waiting', farewell: null })
  })
})

describe('silence', () => {
  test('of three heartbeats is a loss', () => {
    connect()
    const socket = beLive()
    vi.advanceTimersByTime(14_900)
    expect(phase()).toBe('live')

    vi.advanceTimersByTime(200)
    expect(phase()).toBe('waiting')
    expect(socket.closed).toBe(true)
  })

  test('counts from a resumption, too', () => {
    connect()
    beLive()
    comeBack()
    beLive(resumed())
    vi.advanceTimersByTime(15_100)

    expect(phase()).toBe('waiting')
  })

  test('is broken by any message', () => {
    connect()
    const socket = beLive()
    for (let seq = 2; seq < 10; seq += 1) {
      vi.advanceTimersByTime(12_000)
      socket.say(seq % 2 ? heartbeat() : changed(2))
    }

    expect(phase()).toBe('live')
  })

  test('of an opening that never ends is a loss too', () => {
    connect()
    vi.advanceTimersByTime(9_000)
    FakeWebSocket.latest.accept()
    vi.advanceTimersByTime(9_000)
    expect(phase()).toBe('connecting')

    vi.advanceTimersByTime(1_100)
    expect(phase()).toBe('waiting')
  })
})

describe('the sequence of a topic', () => {
  test('with a hole starts a fresh connection, and what came after the hole is not passed on', () => {
    const heard = vi.fn()
    connect(heard)
    const socket = beLive()
    socket.say(changed(2))
    socket.say(changed(4))

    expect(heard).toHaveBeenCalledTimes(2)
    expect(socket.closed).toBe(true)
    vi.advanceTimersByTime(3_000)
    expect(resumeAsked(FakeWebSocket.latest)).toBeNull()
  })

  test('may leave out what a gap told of', () => {
    const heard = vi.fn()
    connect(heard)
    const socket = beLive()
    socket.say(gap('overview', 9))
    for (const seq of [5, 9, 10]) socket.say(changed(seq))
    expect(heard).toHaveBeenCalledTimes(5)

    socket.say(changed(12))
    expect(phase()).toBe('waiting')
  })

  test('is not that of another topic', () => {
    connect()
    const socket = beLive()
    socket.say(gap('overview', 9))
    socket.say(counted(3))

    expect(socket.closed).toBe(true)
  })

  test('of another epoch without a snapshot starts a fresh connection', () => {
    connect()
    const socket = beLive()
    socket.say({ ...changed(2), epoch: 'b' })

    expect(socket.closed).toBe(true)
  })

  test('with a message again passes it on once', () => {
    const heard = vi.fn()
    connect(heard)
    const socket = beLive()
    socket.say(changed(2))
    socket.say(changed(2))

    expect(heard).toHaveBeenCalledTimes(2)
    expect(socket.closed).toBe(false)
  })

  test('goes on from a second snapshot, which a subscription brings, and leftovers of the first are not passed on', () => {
    const heard = vi.fn()
    connect(heard)
    const socket = beLive()
    live.follow('news')
    socket.say(counted(2))
    socket.say(snapshot({ stats: stats({ bot: 'news' }) }))
    socket.say(counted(3))
    socket.say(gap('log/hello', 8, 3))
    socket.say(message('dashboard_stats', stats({ bot: 'news' })))

    expect(heard).toHaveBeenCalledTimes(4)
    expect(phase()).toBe('live')
  })

  test('needs a beginning', () => {
    connect()
    FakeWebSocket.latest.accept()
    FakeWebSocket.latest.say(changed(2))

    expect(phase()).toBe('waiting')
  })
})

test('without an operator there is nothing to connect to', () => {
  localStorage.clear()
  connect()

  expect(FakeWebSocket.made).toHaveLength(0)
  expect(phase()).toBe('refused')
})
