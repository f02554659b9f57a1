import { describe, expect, test, vi } from 'vitest'
import { apply, DeckStore, type DeckState, type Message, NOTHING_YET } from '../src/stores/deck'
import { merged, MOST_LINES } from '../src/stores/lines'
import type { ServerMessage } from '../src/types/api.gen'
import { goldens, type Known } from './support/goldens'
import { gap, goaway, line, message, resumed, snapshot, stats, status } from './support/messages'

const BROWSER_BEGAN = Date.parse('2026-11-22T19:00:00Z')

function after(messages: Message[], state: DeckState = NOTHING_YET): DeckState {
  return messages.reduce((known, next, index) => apply(known, next, { ms: 1000 * index, wall: 1e12 + 1000 * index }), state)
}

/** The state after messages that arrived when they were sent; an update that was kept for a while arrived with those around it. */
function replayed(messages: ServerMessage[]): Known {
  let state = NOTHING_YET
  let ms = 0
  for (const message of messages) {
    ms = Math.max(ms, Date.parse(message.timestamp) - BROWSER_BEGAN)
    state = apply(state, message, { ms, wall: ms })
  }
  return known(state, ms)
}

/** What a page can show at `ms`: the uptime has gone on until then. */
function known(state: DeckState, ms: number): Known {
  return {
    order: state.order && [...state.order],
    default_bot: state.defaultBot,
    operator: state.operator,
    bots: Object.fromEntries(
      Object.entries(state.bots).map(([name, { status, uptime, stats }]) => {
        const uptime_s = uptime.seconds === null ? null : uptime.seconds + (ms - uptime.ms) / 1000
        return [name, { ...stats, bot_uptime: undefined, state: status.state, sample: status.sample, uptime_s }]
      }),
    ),
    logs: Object.fromEntries(Object.entries(state.logs).map(([name, { lines }]) => [name, lines.map(({ id }) => id)])),
    gaps: Object.fromEntries(
      Object.entries(state.logs).flatMap(([name, { gap }]) => (gap ? [[name, [gap.after, gap.before]]] : [])),
    ),
    runners: state.runners,
  }
}

describe('the fold', () => {
  test.each(goldens.map((golden) => [golden.title, golden] as const))('%s', (_title, golden) => {
    const state = replayed(golden.messages)

    expect(state).toMatchObject(golden.expect)
    expect(state.logs).toEqual(golden.expect.logs)
    expect(state.gaps).toEqual(golden.expect.gaps)
    if (golden.same_as) expect(state).toEqual(replayed([golden.same_as]))
  })

  test('leaves the state it was given as it was', () => {
    const before = after([snapshot()])
    const copy = structuredClone(before)

    after([message('bot_status', status({ state: 'stopped' })), message('log', { bot: 'hello', lines: [line(3)], dropped: 0 })], before)

    expect(before).toEqual(copy)
  })

  test('takes polled figures and lines like those of the live channel', () => {
    const fleet = { default_bot: 'hello', bots: [status({ state: 'unhealthy' })] }
    const polled = after([
      snapshot(),
      { type: 'polled', askedMs: 500, fleet, runners: [], stats: stats({ messages_today: 48_260, recent_logs: [line(2), line(3)] }) },
    ])

    expect(polled.bots.hello?.status.state).toBe('unhealthy')
    expect(polled.bots.hello?.stats?.messages_today).toBe(48_260)
    expect(polled.logs.hello?.lines.map(({ id }) => id)).toEqual([1, 2, 3])
    expect(polled.heardAt?.ms).toBe(1000)
  })

  test('passes over a poll that was asked for before something newer was heard', () => {
    const fleet = { default_bot: 'hello', bots: [status()] }
    const now = after([
      snapshot(),
      message('bot_status', status({ state: 'stopped' })),
      { type: 'polled', askedMs: 500, fleet, runners: [], stats: stats({ recent_logs: [line(3)] }) },
    ])

    expect(now.bots.hello?.status.state).toBe('stopped')
    expect(now.heardAt?.ms).toBe(1000)
  })

  test('does not take a deck that goes away for news of its bots', () => {
    const before = after([snapshot()])

    expect(after([goaway()], before)).toBe(before)
  })

  test('keeps the gap that polling found open to the first line after those that were dropped', () => {
    const fleet = { default_bot: 'hello', bots: [status()] }
    const back = after([
      snapshot(),
      { type: 'polled', askedMs: 500, fleet, runners: [], stats: stats({ recent_logs: [line(50), line(51)] }) },
      resumed(),
      gap('log/hello', 9, 60),
      message('log', { bot: 'hello', lines: [line(70), line(71)], dropped: 0 }, 9),
      message('log', { bot: 'hello', lines: [line(72)], dropped: 0 }, 10),
    ])

    expect(back.logs.hello?.gap).toEqual({ after: 2, before: 70 })
  })

  test('opens no gap where nothing was held before, or only figures are left out', () => {
    const empty = after([
      snapshot({ stats: stats({ recent_logs: [] }) }),
      gap('log/hello', 9, 60),
      message('log', { bot: 'hello', lines: [line(70)], dropped: 0 }, 9),
    ])
    expect(empty.logs.hello).toMatchObject({ gap: null, cut: false, fromTheStart: false })

    expect(after([snapshot(), gap('overview', 9, 0), gap('log/hello', 9, 0)]).logs.hello?.cut).toBe(false)
  })

  test('keeps lines that the deck did not tell in a snapshot that was made a moment before', () => {
    const page = after([snapshot(), message('log', { bot: 'hello', lines: [line(3)], dropped: 0 }), snapshot()])

    expect(page.logs.hello?.lines.map(({ id }) => id)).toEqual([1, 2, 3])
  })

  test('closes a gap with the lines that were fetched for it', () => {
    const open = after([snapshot(), message('log', { bot: 'hello', lines: [line(9)], dropped: 2 })])
    const page = { lines: [line(1), line(2), line(4), line(7)], more: false }

    const closed = after([{ type: 'fetched', bot: 'hello', gap: { after: 2, before: 9 }, page }], open)

    expect(closed.logs.hello?.lines.map(({ id }) => id)).toEqual([1, 2, 4, 7, 9])
    expect(closed.logs.hello?.gap).toBeNull()
  })

  test('lets older lines go when too much is missing, so that what is shown is whole', () => {
    const open = after([snapshot(), message('log', { bot: 'hello', lines: [line(900)], dropped: 500 })])
    const page = { lines: [line(800), line(899)], more: true }

    const closed = after([{ type: 'fetched', bot: 'hello', gap: { after: 2, before: 900 }, page }], open)

    expect(closed.logs.hello?.lines.map(({ id }) => id)).toEqual([800, 899, 900])
  })

  test('knows that a reader who went back has come to the first line', () => {
    const page = { lines: [line(1), line(2)], more: true }
    const back = after([snapshot({ stats: stats({ recent_logs: [line(3)] }) }), { type: 'older', bot: 'hello', page }])
    expect(back.logs.hello?.lines.map(({ id }) => id)).toEqual([1, 2, 3])
    expect(back.logs.hello?.fromTheStart).toBe(false)

    const whole = after([{ type: 'older', bot: 'hello', page: { lines: [], more: false } }], back)
    expect(whole.logs.hello?.fromTheStart).toBe(true)
    expect(after([message('log', { bot: 'hello', lines: [line(4)], dropped: 0 })], whole).logs.hello?.fromTheStart).toBe(true)
  })

  test('keeps a second gap open when the first is closed', () => {
    const batch = (id: number, seq: number) => message('log', { bot: 'hello', lines: [line(id)], dropped: 1 }, seq)
    const open = after([snapshot(), batch(9, 2), batch(20, 3)])
    const page = { lines: [line(5)], more: true }

    const still = after([{ type: 'fetched', bot: 'hello', gap: { after: 2, before: 9 }, page }], open)

    expect(still.logs.hello?.gap).toEqual({ after: 2, before: 20 })
  })
})

describe('lines', () => {
  test('are the newest of them when there are too many', () => {
    const many = Array.from({ length: MOST_LINES }, (_, index) => line(index + 1))

    const kept = merged(many, [line(MOST_LINES + 1)])

    expect(kept).toHaveLength(MOST_LINES)
    expect(kept[0]?.id).toBe(2)
  })

  test('are the same list when nothing is new', () => {
    const held = [line(1), line(2)]

    expect(merged(held, [line(2)])).toBe(held)
  })
})

describe('the store', () => {
  test('tells its listeners once a frame, however many messages came', async () => {
    const store = new DeckStore()
    const listener = vi.fn()
    store.subscribe(listener)

    store.receive(snapshot())
    store.receive(message('log', { bot: 'hello', lines: [line(3)], dropped: 0 }))
    expect(store.getSnapshot()).toBe(NOTHING_YET)

    await vi.waitFor(() => {
      expect(store.getSnapshot().logs.hello?.lines).toHaveLength(3)
    })
    expect(listener).toHaveBeenCalledTimes(1)
  })

  test('goes on telling while the tab is hidden, where no frames are drawn', async () => {
    vi.spyOn(document, 'hidden', 'get').mockReturnValue(true)
    vi.stubGlobal('requestAnimationFrame', () => 0)
    const store = new DeckStore()

    store.receive(snapshot())

    await vi.waitFor(() => {
      expect(store.getSnapshot().order).toEqual(['hello'])
    })
  })

  test('lets each listener go by its own undo', async () => {
    const store = new DeckStore()
    const listener = vi.fn()
    const first = store.subscribe(listener)
    store.subscribe(listener)
    first()
    first()

    store.receive(snapshot())

    await vi.waitFor(() => {
      expect(listener).toHaveBeenCalledTimes(1)
    })
  })
})
