import { act, screen, waitFor, within } from '@testing-library/react'
import userEvent from '@testing-library/user-event'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { axe } from 'vitest-axe'
import { FakeWebSocket } from './support/FakeWebSocket'
import { goaway, line, message, resumed, runner, snapshot, stats, status } from './support/messages'
import { ANA, asked, beLive, openPage, SIGNED_IN } from './support/page'

afterEach(() => {
  vi.useRealTimers()
})

const FLEET = { default_bot: 'hello', bots: [status()] }
const CALM = { ...SIGNED_IN, 'GET /api/bots/hello/runs': () => ({ body: [] }) }
const POLLED = {
  ...CALM,
  'GET /api/bots': () => ({ body: FLEET }),
  'GET /api/runners': () => ({ body: [] }),
  'GET /api/dashboard/stats': () => ({ body: stats({ messages_today: 50_000, recent_logs: [line(2), line(3)] }) }),
}

describe('loading', () => {
  test('shows the page’s bones and claims nothing', async () => {
    openPage('/', CALM)

    expect(await screen.findByTestId('loading')).toBeInTheDocument()
    expect(screen.queryByTestId('state')).not.toBeInTheDocument()
    expect(screen.getByTestId('connection')).toHaveTextContent('Connecting')
  })
})

describe('live', () => {
  test('shows the four figures, the state and the lines', async () => {
    openPage('/', CALM)
    await beLive(snapshot())

    expect(await screen.findByTestId('state')).toHaveTextContent(/^Running$/)
    expect(screen.getByTestId('uptime')).toHaveTextContent('86h 14m')
    expect(screen.getByTestId('total-users')).toHaveTextContent('18,234')
    expect(screen.getByTestId('messages-today')).toHaveAttribute('data-value', '48251')
    expect(screen.getByTestId('messages-sent-today')).toHaveAttribute('data-value', '1204')
    expect(screen.getByTestId('active-commands')).toHaveAttribute('data-value', '37')
    expect(screen.getAllByTestId('log-line')).toHaveLength(2)
    expect(document.title).toBe('Running: hello')
  })

  test('names the host of the bot when there are several', async () => {
    openPage('/', CALM)
    const socket = await beLive(snapshot({ runners: [runner()] }))
    await screen.findByTestId('state')
    expect(screen.queryByText('on atlas')).not.toBeInTheDocument()

    socket.say(message('runners', { runners: [runner(), runner({ name: 'cellar' })] }))

    expect(await screen.findByText('on atlas')).toBeInTheDocument()
  })

  test('says that a bot runs elsewhere, and offers nothing that cannot be done here', async () => {
    openPage('/', CALM)
    await beLive(snapshot({ fleet: { default_bot: 'hello', bots: [status({ runner: '' })] } }))

    expect(await screen.findByText('runs elsewhere')).toBeInTheDocument()
    expect(screen.queryByRole('button', { name: 'Restart' })).toBeNull()
    expect(screen.queryByTestId('cpu')).toBeNull()
  })

  test('changes with each message', async () => {
    openPage('/', CALM)
    const socket = await beLive(snapshot())
    await screen.findByTestId('state')

    socket.say(message('dashboard_stats', stats({ messages_today: 48_252 })))
    socket.say(message('bot_status', status({ state: 'stopped', uptime_s: null, started_at: null })))
    socket.say(message('log', { bot: 'hello', lines: [line(3, { text: 'bye <b>' })], dropped: 0 }))

    expect(await screen.findByText('Stopped')).toBeInTheDocument()
    expect(screen.getByTestId('messages-today')).toHaveTextContent('48,252')
    expect(screen.getByTestId('uptime')).toHaveTextContent('–')
    expect(screen.getByTestId('uptime')).not.toHaveAttribute('data-value')
    expect(screen.getAllByTestId('log-text').at(-1)).toHaveTextContent('bye <b>')
  })

  test('lets the uptime tick by itself', async () => {
    vi.useFakeTimers({ shouldAdvanceTime: true })
    openPage('/', CALM)
    await beLive(snapshot({ fleet: { default_bot: 'hello', bots: [status({ uptime_s: 59 })] }, stats: stats({ bot_uptime: 59 }) }))
    expect(await screen.findByTestId('uptime')).toHaveTextContent('0h 0m')

    await act(() => vi.advanceTimersByTimeAsync(3000))

    expect(screen.getByTestId('uptime')).toHaveTextContent('0h 1m')
  })

  test('has nothing that an accessibility checker objects to', async () => {
    const { container } = openPage('/', CALM)
    await beLive(snapshot({ fleet: { default_bot: 'hello', bots: [status(), status({ bot: 'news', state: 'failed' })] } }))
    await screen.findByTestId('state')

    const { violations } = await axe(container)

    expect(violations).toEqual([])
  })
})

describe('empty', () => {
  test('says what to do when there is no bot', async () => {
    openPage('/', CALM)
    await beLive(snapshot({ fleet: { default_bot: null, bots: [] }, stats: null }))

    expect(await screen.findByRole('heading', { name: 'No bots yet' })).toBeInTheDocument()
    expect(screen.getByText(/\[bots\.hello\]/)).toBeInTheDocument()
  })

  test('names the bots there are when the address names another', async () => {
    openPage('/bots/nope', CALM)
    await beLive(snapshot({ stats: null }))

    expect(await screen.findByRole('heading', { name: 'No bot named “nope”' })).toBeInTheDocument()
    expect(screen.getByRole('link', { name: 'hello' })).toHaveAttribute('href', '/bots/hello')
  })
})

describe('failed', () => {
  test('says why, and tries again when asked', async () => {
    const answers = { ...CALM }
    openPage('/', answers)
    expect(await screen.findByRole('alert', undefined, { timeout: 5000 })).toHaveTextContent('The deck cannot be reached.')

    Object.assign(answers, POLLED)
    await userEvent.click(screen.getByRole('button', { name: 'Try again' }))

    expect(await screen.findByTestId('messages-today')).toHaveTextContent('50,000')
  })

  test('offers to try again when not even the operator is known', async () => {
    // React and the router report what the page shows; that is not for the test's output.
    vi.spyOn(console, 'error').mockReturnValue()
    vi.spyOn(console, 'warn').mockReturnValue()
    const answers = {}
    openPage('/', answers)
    expect(await screen.findByRole('alert')).toHaveTextContent('The deck cannot be reached.')

    Object.assign(answers, CALM)
    await userEvent.click(screen.getByRole('button', { name: 'Try again' }))

    expect(await screen.findByTestId('loading')).toBeInTheDocument()
  })
})

describe('stale', () => {
  test('says so after a moment, greys the state, polls, and is over when the deck is back', async () => {
    openPage('/', POLLED)
    const socket = await beLive(snapshot())
    await screen.findByTestId('state')

    socket.end()
    FakeWebSocket.latest.closed = true
    expect(screen.queryByTestId('connection-banner')).not.toBeInTheDocument()

    const banner = await screen.findByTestId('connection-banner', undefined, { timeout: 5000 })
    expect(banner).toHaveTextContent(/Connection lost\. Showing values from \d\d:\d\d:\d\d, polling every 10 s\./)
    expect(document.querySelector('main [data-look=running]:not([data-stale])')).toBeNull()
    expect(document.title).toBe('Not live: hello')
    await waitFor(() => {
      expect(screen.getByTestId('messages-today')).toHaveTextContent('50,000')
    })
    expect(screen.getAllByTestId('log-line').map((row) => row.dataset.id)).toEqual(['1', '2', '3'])

    await userEvent.click(within(banner).getByRole('button', { name: 'Retry now' }))
    await beLive(snapshot({}, 'b'))
    await waitFor(() => {
      expect(screen.queryByTestId('connection-banner')).not.toBeInTheDocument()
    })
    expect(document.title).toBe('Running: hello')
  })

  test('says nothing about a loss that is over with the first attempt to come back', async () => {
    vi.spyOn(Math, 'random').mockReturnValue(0.5)
    openPage('/', POLLED)
    const socket = await beLive(snapshot())
    await screen.findByTestId('state')
    const before = asked.length

    socket.end()
    expect(await screen.findByText('Reconnecting…')).toBeInTheDocument()
    await vi.waitFor(() => {
      expect(FakeWebSocket.latest).not.toBe(socket)
    }, 5000)
    await beLive(resumed())

    expect(await screen.findByText('Live')).toBeInTheDocument()
    expect(screen.queryByTestId('connection-banner')).not.toBeInTheDocument()
    expect(asked.slice(before)).not.toContain('GET /api/bots')
  })

  test('says in the deck’s own words that it went away, without alarm', async () => {
    openPage('/', POLLED)
    const socket = await beLive(snapshot())
    await screen.findByTestId('state')

    socket.say(goaway({ after_s: 60, spread_s: 0 }))

    const banner = await screen.findByTestId('connection-banner', undefined, { timeout: 5000 })
    expect(banner).toHaveTextContent(/^The deck is restarting\. Showing values from \d\d:\d\d:\d\d\. Trying again in 5\d s\./)
    expect(banner).toHaveAttribute('data-told')
    expect(await screen.findByText('The deck is restarting. The values shown are not live.', undefined, { timeout: 5000 })).toBeInTheDocument()
    expect(asked).not.toContain('GET /api/bots')
  })

  test('says so as well when the deck never let the page in', async () => {
    openPage('/', POLLED)
    await beLive(goaway({ reason: 'the deck is too busy', after_s: 60, spread_s: 0 }))

    const banner = await screen.findByTestId('connection-banner', undefined, { timeout: 5000 })
    expect(banner).toHaveTextContent(/^The deck is too busy\. Trying again in 5\d s\./)
    expect(screen.getByTestId('loading')).toBeInTheDocument()
  })

  test('is at once when the deck refuses the live channel for good', async () => {
    openPage('/', POLLED)
    const socket = await beLive(snapshot())
    await screen.findByTestId('state')

    socket.end(4403)

    expect(await screen.findByTestId('connection-banner')).toHaveTextContent('The deck refuses this page the live channel.')
  })

  test('keeps a bot whose runner is away unknown, with the reason', async () => {
    openPage('/', CALM)
    const away = status({ state: 'unknown', reason: 'its runner is away', uptime_s: null, started_at: null })
    await beLive(snapshot({ fleet: { default_bot: 'hello', bots: [away] } }))

    expect(await screen.findByTestId('state')).toHaveTextContent(/^Unknown$/)
    expect(screen.getByTestId('reason')).toHaveTextContent('Its runner is away.')
    expect(screen.getByRole('button', { name: 'Start' })).toBeDisabled()
  })
})

describe('actions', () => {
  test('wait for the status that says so, and kill is offered only while stopping', async () => {
    openPage('/', {
      ...CALM,
      'POST /api/bots/hello/stop': () => ({ body: { bot: 'hello', action: 'stop', status: status({ state: 'stopping' }) } }),
    })
    const socket = await beLive(snapshot())
    expect(await screen.findByRole('button', { name: 'Start' })).toBeDisabled()
    expect(screen.queryByRole('button', { name: 'Kill' })).not.toBeInTheDocument()

    await userEvent.click(screen.getByRole('button', { name: 'Stop' }))
    expect(screen.getByRole('button', { name: 'Stopping…' })).toBeDisabled()
    expect(screen.getByTestId('state')).toHaveTextContent('Running')

    socket.say(message('bot_status', status({ state: 'stopping', wanted: 'stopped', reason: 'stopped by ana' }), 2))
    expect(await screen.findByRole('button', { name: 'Kill' })).toBeEnabled()

    socket.say(message('bot_status', status({ state: 'stopped', wanted: 'stopped', uptime_s: null }), 3))
    await waitFor(() => {
      expect(screen.getByRole('button', { name: 'Start' })).toBeEnabled()
    })
    expect(screen.getByRole('button', { name: 'Stop' })).toBeDisabled()
    expect(screen.queryByRole('button', { name: 'Kill' })).not.toBeInTheDocument()
  })

  test('that are refused say why, in place', async () => {
    openPage('/', {
      ...CALM,
      'POST /api/bots/hello/restart': () => ({ status: 503, body: { detail: 'The runner is away.', code: 'runner_away' } }),
    })
    await beLive(snapshot())

    await userEvent.click(await screen.findByRole('button', { name: 'Restart' }))

    expect(await screen.findByRole('alert')).toHaveTextContent('The runner is away.')
    expect(screen.getByRole('button', { name: 'Restart' })).toBeEnabled()
  })

  test('are not for viewers', async () => {
    openPage('/', { ...CALM, 'GET /api/auth/me': () => ({ body: { ...ANA, role: 'viewer' } }) })
    await beLive(snapshot())

    expect(await screen.findByRole('button', { name: 'Stop' })).toBeDisabled()
    expect(screen.getByText(/you can look, but not act/)).toBeInTheDocument()
  })
})
