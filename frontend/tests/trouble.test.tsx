import { act, screen, waitFor, within } from '@testing-library/react'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { axe } from 'vitest-axe'
import type { BotStatus, RunnerStatus } from '../src/types/api.gen'
import { heartbeat, line, message, runner, sample, snapshot, stats, status } from './support/messages'
import { beLive, openPage, SIGNED_IN } from './support/page'

afterEach(() => {
  vi.useRealTimers()
})

const CALM = { ...SIGNED_IN, 'GET /api/bots/hello/runs': () => ({ body: [] }) }

/** The page of a bot in this state, live. */
async function show(over: Partial<BotStatus>, runners: RunnerStatus[] = [runner()]) {
  const page = openPage('/', CALM)
  const socket = await beLive(snapshot({ fleet: { default_bot: 'hello', bots: [status(over)] }, runners }))
  await screen.findByTestId('state')
  return { ...page, socket }
}

describe('a bot in trouble', () => {
  test('in a crash loop shows it in word and tab, and counts down by itself', async () => {
    vi.useFakeTimers({ shouldAdvanceTime: true })
    await show({ state: 'backoff', crash_loop: true, reason: 'exited with code 1', retry_in_s: 42, uptime_s: null })
    expect(screen.getByTestId('state')).toHaveTextContent(/^Crash loop$/)
    expect(screen.getByTestId('reason')).toHaveTextContent('Crashing again and again: exited with code 1.')
    expect(document.title).toBe('Crash loop: hello')
    expect(screen.getByTestId('next')).toHaveTextContent(/Next try in 4[12] s\./)

    await act(() => vi.advanceTimersByTimeAsync(10_000))

    expect(screen.getByTestId('next')).toHaveTextContent(/Next try in 3[12] s\./)
    expect(screen.getByRole('link', { name: 'Look into the last run' })).toHaveAttribute(
      'href',
      '/bots/hello/runs/20261122T190742-1a2b3c',
    )
  })

  test('that starts again tells the end before as the end before', async () => {
    await show({ state: 'starting', reason: 'used 166 MB, and memory_max_mb is 150' })

    expect(screen.getByTestId('reason')).toHaveTextContent(/^last end: used 166 MB/)
  })

  test('out of contact is unknown, with the host and an age that ticks', async () => {
    vi.useFakeTimers({ shouldAdvanceTime: true })
    // The snapshot is of 19:07:42 by the deck's clock, whatever this browser's says.
    const { socket } = await show({ state: 'unknown', uptime_s: null }, [runner({ connected: false, since: '2026-11-22T19:05:00Z' })])
    expect(screen.getByTestId('reason')).toHaveTextContent('No contact with host atlas for 2 min.')

    for (const timestamp of ['2026-11-22T19:07:52Z', '2026-11-22T19:08:02Z', '2026-11-22T19:08:12Z']) {
      await act(() => vi.advanceTimersByTimeAsync(10_000))
      socket.say({ ...heartbeat(), timestamp })
    }

    expect(await screen.findByText('No contact with host atlas for 3 min.')).toBeInTheDocument()
    expect(document.querySelector('main [data-look=running]')).toBeNull()
  })

  test.each<[string, Partial<BotStatus>]>([
    ['unhealthy', { state: 'unhealthy', reason: 'no heartbeat for 75 s' }],
    ['failed', { state: 'failed', reason: 'its start budget is spent', starts_24h: 500, uptime_s: null }],
    ['unknown', { state: 'unknown', uptime_s: null }],
  ])('that is %s has nothing that an accessibility checker objects to', async (_name, over) => {
    const { container } = await show(over, [runner({ troubles: ['the disk is full'] })])

    const { violations } = await axe(container)

    expect(violations).toEqual([])
  })
})

describe('the figures of use', () => {
  test('change with each sample, and end with the process', async () => {
    const { socket } = await show({ sample: sample() })
    expect(screen.getByTestId('cpu')).toHaveTextContent('3.4 %')
    expect(screen.getByTestId('memory')).toHaveTextContent('48.3 MB')
    expect(screen.getByTestId('threads')).toHaveTextContent('4')
    expect(screen.getByTestId('open-files')).toHaveTextContent('19')
    expect(screen.getByTestId('children')).toHaveTextContent('2')

    socket.say(message('samples', { runner: 'atlas', samples: [sample({ cpu_percent: 112, threads: 9 })] }))
    await waitFor(() => {
      expect(screen.getByTestId('cpu')).toHaveTextContent('112 %')
    })
    expect(screen.getByTestId('threads')).toHaveTextContent('9')

    socket.say(message('samples', { runner: 'atlas', samples: [] }, 3))
    await waitFor(() => {
      expect(screen.getByTestId('cpu')).toHaveTextContent('–')
    })
    expect(screen.getByTestId('memory')).toHaveTextContent('–')
  })

  test('are greyed when they are old, and not shown in the list of bots at all', async () => {
    openPage('/', CALM)
    const both = [status({ sample: sample() }), status({ bot: 'news', sample: sample({ bot: 'news', cpu_percent: 55 }) })]
    const socket = await beLive(snapshot({ fleet: { default_bot: 'hello', bots: both } }))
    const rail = await screen.findByRole('navigation', { name: 'Bots' })
    expect(within(rail).getByRole('link', { name: /^news Running, CPU ?55 %, memory ?48\.3 MB$/ })).toBeInTheDocument()

    socket.end()
    await screen.findByTestId('connection-banner', undefined, { timeout: 5000 })

    expect(within(rail).queryByText(/55 %/)).not.toBeInTheDocument()
    expect(screen.getByTestId('cpu').closest('[data-stale]')).not.toBeNull()
  })

  test('count crashes, restarts by hand and starts apart, with a meter that warns', async () => {
    const { socket } = await show({ crashes_total: 37, operator_restarts: 2, starts_24h: 12 })
    expect(screen.getByTestId('crashes')).toHaveTextContent('37')
    expect(screen.getByTestId('restarts')).toHaveTextContent('2')
    expect(screen.getByTestId('starts')).toHaveTextContent('12 of 500')
    const meter = screen.getByRole('meter', { name: 'Starts in 24 hours' })
    expect(meter).toHaveAttribute('aria-valuetext', '12 of 500 starts in 24 h')
    expect(meter).toHaveAttribute('data-level', 'calm')

    socket.say(message('bot_status', status({ starts_24h: 412 })))
    await screen.findByText(/nearly spent/)
    expect(meter).toHaveAttribute('data-level', 'high')

    socket.say(message('bot_status', status({ start_budget: null }), 3))
    await waitFor(() => {
      expect(screen.queryByRole('meter')).not.toBeInTheDocument()
    })
  })

  test('tell the next restart on schedule', async () => {
    await show({ next_restart_at: '2026-11-23T04:00:00Z' })

    expect(screen.getByText(/next restart on schedule/)).toBeInTheDocument()
  })
})

describe('what is lost', () => {
  test('is counted beside the lines, and noted between them in Botdeck’s own name', async () => {
    openPage('/', CALM)
    const lines = [line(1), line(2, { stream: 'note', level: null, text: '4.2 MB of output were dropped here.' }), line(3)]
    await beLive(snapshot({ stats: stats({ recent_logs: lines, dropped_bytes: 12.4 * 1e6 }) }))

    expect(await screen.findByTestId('dropped')).toHaveTextContent('12.4 MB dropped in all')
    expect(screen.getByTestId('log-note')).toHaveTextContent('Botdeck: 4.2 MB of output were dropped here.')
    expect(screen.getAllByTestId('log-line')).toHaveLength(2)
  })

  test('is not mentioned when nothing is', async () => {
    await show({})

    expect(screen.queryByTestId('dropped')).not.toBeInTheDocument()
  })
})

describe('the troubles of hosts', () => {
  test('are on the pages of its bots as long as they last, but not those of other hosts or of one out of contact', async () => {
    const full = runner({ troubles: ['the disk of /var/lib/botdeck is full'] })
    const other = runner({ name: 'cellar', host: 'cellar', troubles: ['something else'] })
    const { socket } = await show({}, [full, other])
    const banner = screen.getByTestId('troubles')
    expect(banner).toHaveTextContent('Host atlas: The disk of /var/lib/botdeck is full.')
    expect(banner).not.toHaveTextContent('something else')
    expect(screen.getByRole('link', { name: /Hosts.*something is wrong/ })).toHaveAttribute('href', '/hosts')

    socket.say(message('runners', { runners: [{ ...full, connected: false }, other] }))

    await waitFor(() => {
      expect(screen.queryByTestId('troubles')).not.toBeInTheDocument()
    })
  })

  test('that are many lead to the page of hosts', async () => {
    await show({}, [runner({ troubles: ['one', 'two', 'three', 'four', 'five'] })])

    expect(screen.getByRole('link', { name: '2 more on hosts' })).toBeInTheDocument()
  })
})
