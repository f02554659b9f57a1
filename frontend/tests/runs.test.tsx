import { cleanup, fireEvent, screen, waitFor, within } from '@testing-library/react'
import userEvent from '@testing-library/user-event'
import { describe, expect, test } from 'vitest'
import { axe } from 'vitest-axe'
import type { PostMortem, Run } from '../src/types/api.gen'
import { FakeWebSocket } from './support/FakeWebSocket'
import { message, run, snapshot, status } from './support/messages'
import { type Answers, beLive, openPage, SIGNED_IN } from './support/page'

const NOW = '20261122T190742-1a2b3c'
const living = run({ id: NOW, started_at: '2026-11-22T19:07:42Z', ended_at: null, exit_code: null, reason: '', cause: null, cpu_s: null, peak_memory_bytes: null })
const LEFT: PostMortem = {
  last_output: ['working', '\u001b[31mTraceback\u001b[0m', 'ZeroDivisionError <b>'],
  last_log: ['ERROR weather: forecast failed'],
  last_commands: [
    { name: 'weather', user: 'ana', started_at: '2026-11-22T18:05:00Z', duration_ms: 812, outcome: 'ok' },
    { name: 'forecast', user: 'dora', started_at: '2026-11-22T18:05:11Z', duration_ms: null, outcome: null },
  ],
  memory: [
    { at_s: 0, bytes: 40 * 1e6 },
    { at_s: 100, bytes: 80 * 1e6 },
    { at_s: 312, bytes: 112 * 1e6 },
  ],
}
const ONE = 'GET /api/bots/hello/runs/20261122T180000-aaaaaa'

function withRuns(...runs: Run[]): Answers {
  return { ...SIGNED_IN, 'GET /api/bots/hello/runs': () => ({ body: runs }) }
}

async function open(path: string, answers: Answers, over = {}) {
  const page = openPage(path, answers)
  const socket = await beLive(snapshot(over))
  return { ...page, socket }
}

describe('the list of runs', () => {
  test('says how each ended, by whom, and what it used, and leads to it', async () => {
    const stopped = run({ id: 'r-2', cause: 'operator', operator: 'ana', reason: 'stopped by ana', signal: 'SIGTERM', exit_code: null })
    await open('/', withRuns(living, run(), stopped))

    const rows = await screen.findAllByTestId('run')
    expect(rows.map((row) => row.getAttribute('data-cause'))).toEqual([null, 'exit', 'operator'])
    expect(rows[0]).toHaveTextContent(/^Running–, started /)
    expect(rows[1]).toHaveTextContent(/^Exited with code 1–, started .*, lasted 5 min 12 s, CPU 2\.4 s, peak memory 112 MB$/)
    expect(rows[2]).toHaveTextContent(/^Stopped by ana, by ana/)
    expect(rows[1]).toHaveAttribute('href', '/bots/hello/runs/20261122T180000-aaaaaa')
  })

  test('is asked for again when a run ends, and until its end is told', async () => {
    const answers = withRuns(living)
    const { socket } = await open('/', answers)
    await screen.findByTestId('run')

    socket.say(message('bot_status', status({ state: 'backoff', crashes_total: 1, uptime_s: null, retry_in_s: 40 })))
    expect(await screen.findByText('Over; how it ended is not told yet')).toBeInTheDocument()
    answers['GET /api/bots/hello/runs'] = () => ({ body: [{ ...living, ended_at: '2026-11-22T19:08:00Z', cause: 'oom', reason: 'killed by the kernel' }] })

    expect(await screen.findByText('Killed by the kernel', undefined, { timeout: 5000 })).toBeInTheDocument()
  })

  test('shows a few, and all when asked', async () => {
    await open('/', withRuns(...Array.from({ length: 8 }, (_, index) => run({ id: `r${index}` }))))
    expect(await screen.findAllByTestId('run')).toHaveLength(5)

    await userEvent.click(screen.getByRole('button', { name: 'Show all 8' }))

    expect(screen.getAllByTestId('run')).toHaveLength(8)
    expect(screen.getByRole('button', { name: 'Show fewer' })).toHaveAttribute('aria-expanded', 'true')
  })

  test('says when there was none', async () => {
    await open('/', withRuns())

    expect(await screen.findByText(/It was never started/)).toBeInTheDocument()
  })

  test('that cannot be had says why, and leaves the rest of the page alone', async () => {
    const answers: Answers = { ...SIGNED_IN, 'GET /api/bots/hello/runs': () => ({ status: 503, body: { detail: 'The disk is full.', code: 'storage' } }) }
    await open('/', answers)
    expect(await screen.findByText('The disk is full.')).toBeInTheDocument()
    expect(screen.getByTestId('state')).toHaveTextContent('Running')

    Object.assign(answers, withRuns(run()))
    await userEvent.click(screen.getByRole('button', { name: 'Try again' }))

    expect(await screen.findByTestId('run')).toBeInTheDocument()
  })
})

describe('the page of a run', () => {
  const path = '/bots/hello/runs/20261122T180000-aaaaaa'
  const answers = () => ({ ...withRuns(living, run()), [ONE]: () => ({ body: run({ post_mortem: LEFT }) }) })

  test('is found by its address and shows why it ended and what it left', async () => {
    await open(path, answers())

    expect(await screen.findByTestId('end')).toHaveTextContent('Exited with code 1Ended by itself')
    const output = screen.getByRole('log', { name: 'Last output' })
    expect(within(output).getAllByRole('listitem').map((item) => item.textContent)).toEqual(['working', 'Traceback', 'ZeroDivisionError <b>'])
    expect(within(output).getByText('Traceback')).toHaveAttribute('data-ansi', '1')
    expect(screen.getByRole('log', { name: 'Last log lines' })).toHaveTextContent('forecast failed')
    expect(screen.getByRole('row', { name: /weather ana 812 ms ok/ })).toBeInTheDocument()
    expect(screen.getByRole('row', { name: /forecast dora – not finished/ })).toBeInTheDocument()
    expect(screen.getByRole('link', { name: 'hello' })).toHaveAttribute('href', '/bots/hello')
    expect(document.title).toMatch(/^Run of .*: hello$/)
  })

  test('tells the memory at a moment by the keyboard', async () => {
    await open(path, answers())
    const chart = await screen.findByRole('slider', { name: 'Memory over the run' })
    expect(chart).toHaveAttribute('aria-valuetext', '112 MB after 5 min 12 s')

    fireEvent.keyDown(chart, { key: 'ArrowLeft' })
    expect(chart).toHaveAttribute('aria-valuetext', '80.0 MB after 1 min 40 s')
    fireEvent.keyDown(chart, { key: 'Home' })
    fireEvent.keyDown(chart, { key: 'ArrowLeft' })

    expect(chart).toHaveAttribute('aria-valuetext', '40.0 MB after 0.0 s')
    expect(screen.getByText('40.0 MB')).toBeInTheDocument()
  })

  test('puts the evidence on the clipboard', async () => {
    const user = userEvent.setup()
    Object.defineProperty(window, 'isSecureContext', { value: true, configurable: true })
    await open(path, answers())

    await user.click(await screen.findByRole('button', { name: 'Copy evidence' }))

    expect(await screen.findByRole('button', { name: 'Copied' })).toBeInTheDocument()
    expect(await navigator.clipboard.readText()).toContain('--- Last output\nworking\n')
  })

  test('of a run that goes on leads back to the bot, and changes when it ends', async () => {
    const own = `GET /api/bots/hello/runs/${NOW}`
    const all: Answers = { ...withRuns(living), [own]: () => ({ body: living }) }
    const { socket } = await open(`/bots/hello/runs/${NOW}`, all)
    expect(await screen.findByText(/It is running now/)).toBeInTheDocument()

    all[own] = () => ({ body: { ...living, ended_at: '2026-11-22T19:09:42Z', cause: 'oom', reason: 'killed by the kernel: memory was short', post_mortem: LEFT } })
    socket.say(message('bot_status', status({ state: 'backoff', uptime_s: null, retry_in_s: 20 })))

    await waitFor(() => {
      expect(screen.getByTestId('end')).toHaveTextContent('Killed by the kernel: memory was short')
    })
    expect(screen.getByRole('log', { name: 'Last output' })).toBeInTheDocument()
  })

  test('says a reason once', async () => {
    const grown = run({ cause: 'memory', reason: 'used 166 MB, and memory_max_mb is 150' })
    const missing = run({ cause: 'cannot_start', reason: "did not start: there is no command 'pyton3'" })
    const all: Answers = { ...withRuns(), [ONE]: () => ({ body: grown }) }
    await open(path, all)
    expect(await screen.findByTestId('end')).toHaveTextContent(/is 150Ended by Botdeck, and counts as a crash$/)
    cleanup()

    all[ONE] = () => ({ body: missing })
    await open(path, all)

    expect(await screen.findByTestId('end')).toHaveTextContent(/^Did not start: there is no command 'pyton3'$/)
    expect(screen.getByText('No process came to be, so there is nothing more to tell.')).toBeInTheDocument()
  })

  test('of a run that left nothing says so', async () => {
    await open(path, { ...withRuns(), [ONE]: () => ({ body: run() }) })

    expect(await screen.findByText(/Nothing more is kept of this run/)).toBeInTheDocument()
  })

  test('that is not kept any more says so', async () => {
    await open(path, { ...withRuns(), [ONE]: () => ({ status: 404, body: { detail: 'hello has no such run.', code: 'unknown_run' } }) })

    expect(await screen.findByRole('heading', { name: 'There is no such run' })).toBeInTheDocument()
    expect(screen.getByRole('link', { name: 'To hello and its runs' })).toHaveAttribute('href', '/bots/hello')
  })

  test('that cannot be had says why and tries again when asked', async () => {
    const all: Answers = { ...withRuns(), [ONE]: () => ({ status: 503, body: { detail: 'The database cannot be read now.', code: 'storage' } }) }
    await open(path, all)
    expect(await screen.findByRole('alert')).toHaveTextContent('The database cannot be read now.')

    Object.assign(all, answers())
    await userEvent.click(screen.getByRole('button', { name: 'Try again' }))

    expect(await screen.findByTestId('end')).toBeInTheDocument()
  })

  test('keeps the live channel while people go back and forth', async () => {
    await open('/', answers())
    const socket = FakeWebSocket.latest
    await userEvent.click(await screen.findByRole('link', { name: /^Exited with code 1/ }))
    await screen.findByTestId('end')

    await userEvent.click(screen.getByRole('link', { name: 'hello' }))

    expect(await screen.findByTestId('state')).toHaveTextContent('Running')
    expect(screen.getByTestId('connection')).toHaveTextContent('Live')
    expect(FakeWebSocket.made).toEqual([socket])
  })

  test('has nothing that an accessibility checker objects to', async () => {
    const { container } = await open(path, answers())
    await screen.findByTestId('end')

    const { violations } = await axe(container)

    expect(violations).toEqual([])
  })
})
