import { fireEvent, screen, waitFor } from '@testing-library/react'
import userEvent from '@testing-library/user-event'
import { expect, test } from 'vitest'
import { line, message, snapshot, stats } from './support/messages'
import { asked, beLive, openPage, SIGNED_IN } from './support/page'

const ids = () => screen.getAllByTestId('log-line').map((row) => Number(row.dataset.id))
const batch = (id: number, seq: number) => message('log', { bot: 'hello', lines: [line(id)], dropped: 0 }, seq)

/** What the browser does when the reader scrolls: in a column-reverse box the end is 0. */
function scrollTo(top: number): void {
  const log = screen.getByRole('log')
  Object.defineProperty(log, 'scrollTop', { value: top, configurable: true })
  fireEvent.scroll(log)
}

async function open(answers = {}, recent = [line(11), line(12)]) {
  openPage('/', { ...SIGNED_IN, 'GET /api/bots/hello/runs': () => ({ body: [] }), ...answers })
  const socket = await beLive(snapshot({ stats: stats({ recent_logs: recent }) }))
  await screen.findByTestId('state')
  return socket
}

test('a reader who scrolls up keeps the place, is told of new lines, and jumps back to them', async () => {
  const socket = await open()
  socket.say(batch(13, 2))
  await waitFor(() => {
    expect(ids()).toEqual([11, 12, 13])
  })

  scrollTo(-200)
  socket.say(batch(14, 3))
  await userEvent.click(await screen.findByRole('button', { name: 'Jump to latest (1 new)' }))

  expect(ids()).toEqual([11, 12, 13, 14])
  expect(screen.queryByRole('button', { name: /Jump to latest/ })).not.toBeInTheDocument()
})

test('scrolling back to the end follows again', async () => {
  const socket = await open()
  scrollTo(-200)
  socket.say(batch(13, 2))
  await screen.findByRole('button', { name: 'Jump to latest (1 new)' })
  expect(ids()).toEqual([11, 12])

  scrollTo(0)

  expect(ids()).toEqual([11, 12, 13])
})

test('older lines are fetched before what the reader has, down to the first', async () => {
  const older = [line(1, { run: '20261122T080000-aaaaaa' }), line(2)]
  const recent = Array.from({ length: 50 }, (_, index) => line(11 + index))
  await open({ 'GET /api/bots/hello/logs': () => ({ body: { lines: older, more: false } }) }, recent)
  scrollTo(-200)

  await userEvent.click(screen.getByRole('button', { name: 'Show older lines' }))

  await waitFor(() => {
    expect(ids()).toEqual([1, 2, ...recent.map(({ id }) => id)])
  })
  expect(screen.queryByRole('button', { name: 'Show older lines' })).not.toBeInTheDocument()
  expect(screen.getAllByText(/Run started/)).toHaveLength(2)
})

test('a deck that has few lines is not asked for older ones', async () => {
  await open()

  expect(screen.queryByRole('button', { name: 'Show older lines' })).not.toBeInTheDocument()
  expect(screen.getByText(/Run started/)).toBeInTheDocument()
})

test('lines that were left out are fetched without being asked for', async () => {
  const socket = await open({ 'GET /api/bots/hello/logs': () => ({ body: { lines: [line(13), line(14)], more: true } }) })

  socket.say(message('log', { bot: 'hello', lines: [line(15)], dropped: 2 }, 2))

  await waitFor(() => {
    expect(ids()).toEqual([13, 14, 15])
  })
  expect(asked.filter((request) => request.endsWith('/logs'))).toHaveLength(1)
})

test('at most the newest lines are drawn while following, however many came', async () => {
  const socket = await open()
  const many = Array.from({ length: 3000 }, (_, index) => line(100 + index))

  socket.say(message('log', { bot: 'hello', lines: many, dropped: 0 }, 2))

  await waitFor(() => {
    expect(ids().at(-1)).toBe(3099)
  })
  expect(ids().length).toBeLessThan(200)
  expect(screen.getByText('the last 2,000 lines, following')).toBeInTheDocument()
})
