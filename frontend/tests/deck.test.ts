import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test, vi } from 'vitest'
import { apply, DeckStore, type DeckState, type Message, NOTHING_YET } from '../src/stores/deck'
import { merged, MOST_LINES } from '../src/stores/lines'
import type { ServerMessage } from '../src/types/api.gen'
import { line, message, snapshot, stats, status } from './support/messages'

interface Golden {
  title: string
  messages: ServerMessage[]
  expect: Known
  same_as?: ServerMessage
}

interface Known {
  order: string[] | null
  default_bot: string | null
  bots: Record<string, Record<string, unknown>>
  logs: Record<string, number[]>
  gaps: Record<string, [number, number]>
  runners?: readonly unknown[] | null
}

// Python reads the same files: what it would send is what this understands.
const folder = join(import.meta.dirname, '../../tests/golden/live')
const goldens = readdirSync(folder).map((name) => JSON.parse(readFileSync(join(folder, name), 'utf8')) as Golden)

function after(messages: Message[], state: DeckState = NOTHING_YET): DeckState {
  return messages.reduce((known, next, index) => apply(known, next, { ms: 1000 * index, wall: 1e12 + 1000 * index }), state)
}

function known(state: DeckState): Known {
  return {
    order: state.order && [...state.order],
    default_bot: state.defaultBot,
    bots: Object.fromEntries(
      Object.entries(state.bots).map(([name, { status, uptime, stats }]) => [
        name,
        { state: status.state, sample: status.sample, uptime_s: uptime.seconds, ...stats },
      ]),
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
    const state = known(after(golden.messages))

    expect(state).toMatchObject(golden.expect)
    expect(state.logs).toEqual(golden.expect.logs)
    expect(state.gaps).toEqual(golden.expect.gaps)
    if (golden.same_as) expect(state).toEqual(known(after([golden.same_as])))
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
