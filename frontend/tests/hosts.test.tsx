import { screen, waitFor, within } from '@testing-library/react'
import userEvent from '@testing-library/user-event'
import { describe, expect, test } from 'vitest'
import { axe } from 'vitest-axe'
import type { RunnerStatus } from '../src/types/api.gen'
import { message, runner, snapshot } from './support/messages'
import { ANA, type Answers, asked, beLive, openPage, SIGNED_IN } from './support/page'

const CELLAR = runner({ name: 'cellar', host: 'cellar', joined: true, connected: false, since: '2026-11-22T19:04:00Z', bots: 2 })
const TOKEN = { token: 'join_abc', name: null, expires_at: '2026-11-22T20:07:42Z' }

async function open(runners: RunnerStatus[], answers: Answers = SIGNED_IN) {
  const page = openPage('/hosts', answers)
  const socket = await beLive(snapshot({ runners }))
  await screen.findByRole('heading', { name: 'Hosts' })
  return { ...page, socket }
}

describe('the page of hosts', () => {
  test('shows each with its contact, load and bots', async () => {
    await open([runner(), CELLAR])

    const [atlas, cellar] = (await screen.findAllByTestId('host')) as [HTMLElement, HTMLElement]
    expect(atlas).toHaveTextContent(/atlasConnected since/)
    expect(atlas).toHaveTextContent('1 bot')
    expect(atlas).toHaveTextContent('Botdeck 0.2.0')
    expect(atlas).toHaveTextContent('the deck’s own')
    const meter = (name: string) => within(atlas).getByRole('meter', { name })
    expect(meter('CPU')).toHaveAttribute('aria-valuetext', '12 % of 8 cores')
    expect(meter('Memory')).toHaveAttribute('aria-valuetext', '11.0 GB free of 16 GB')
    expect(meter('Disk')).toHaveAttribute('data-level', 'full')
    expect(cellar).toHaveTextContent(/No contact since .*, for 3 min; figures from before/)
    expect(cellar).toHaveTextContent('joined by invitation')
  })

  test('says in sentences what is wrong, and follows the live channel', async () => {
    const { socket } = await open([runner({ troubles: ['the disk is full'] })])
    expect(await screen.findByText('The disk is full.')).toBeInTheDocument()

    socket.say(message('runners', { runners: [runner({ load: null })] }))

    expect(await screen.findByText('Its load is not told yet.')).toBeInTheDocument()
    expect(screen.queryByText('The disk is full.')).not.toBeInTheDocument()
  })

  test('says what to do when there is none', async () => {
    await open([])

    expect(await screen.findByRole('heading', { name: 'No host yet' })).toBeInTheDocument()
  })

  test('says why nothing can be shown', async () => {
    openPage('/hosts', SIGNED_IN)
    expect(await screen.findByTestId('loading')).toBeInTheDocument()

    expect(await screen.findByRole('alert', undefined, { timeout: 5000 })).toHaveTextContent('The deck cannot be reached.')
  })

  test('greys what is old', async () => {
    const { socket } = await open([runner()])
    const card = await screen.findByTestId('host')

    socket.end()
    await screen.findByTestId('connection-banner', undefined, { timeout: 5000 })

    expect(card).toHaveAttribute('data-stale')
    expect(card).toHaveTextContent('Was connected since')
    expect(document.title).toBe('Not live: Hosts')
  })

  test.each(['viewer', 'operator'] as const)('has nothing to press for a %s', async (role) => {
    const operator = { ...ANA, role }
    const { socket } = await open([runner(), CELLAR], { 'GET /api/auth/me': () => ({ body: operator }) })
    socket.say(snapshot({ runners: [runner(), CELLAR], operator }))
    await screen.findAllByTestId('host')

    await waitFor(() => {
      expect(screen.queryByRole('button', { name: /Invite|Remove/ })).not.toBeInTheDocument()
    })
  })

  test('has nothing that an accessibility checker objects to', async () => {
    const { container } = await open([runner({ troubles: ['the disk is full'] }), CELLAR])
    await userEvent.click(await screen.findByRole('button', { name: 'Invite a host' }))

    const { violations } = await axe(container)

    expect(violations).toEqual([])
  })
})

describe('an invitation', () => {
  test('is a command to run there, with its end, shown this once', async () => {
    await open([runner()], { ...SIGNED_IN, 'POST /api/runners/invitations': () => ({ body: TOKEN }) })
    await userEvent.click(screen.getByRole('button', { name: 'Invite a host' }))
    await userEvent.click(screen.getByRole('button', { name: 'Make command' }))

    expect(await screen.findByTestId('join-command')).toHaveTextContent('botdeck runner join http://localhost:3000 join_abc')
    expect(screen.getByRole('dialog')).toHaveTextContent(/shown this once.*works for one host, until .* \((59 min|1 h) left\)/)
    expect(screen.getByRole('alert')).toHaveTextContent('an address that only its own machine can reach')

    await userEvent.click(screen.getByRole('button', { name: 'Done' }))
    expect(screen.queryByText(/join_abc/)).not.toBeInTheDocument()
    await userEvent.click(screen.getByRole('button', { name: 'Invite a host' }))
    expect(screen.queryByText(/join_abc/)).not.toBeInTheDocument()
  })

  test('for a name that cannot be is not asked for', async () => {
    await open([runner()])
    await userEvent.click(screen.getByRole('button', { name: 'Invite a host' }))
    await userEvent.type(screen.getByLabelText(/^Name/), 'no spaces')
    await userEvent.click(screen.getByRole('button', { name: 'Make command' }))

    expect(screen.getByLabelText(/^Name/)).toHaveAccessibleDescription(/Letters, digits/)
    expect(asked).not.toContain('POST /api/runners/invitations')
  })

  test('that is refused says why', async () => {
    await open([runner()], {
      ...SIGNED_IN,
      'POST /api/runners/invitations': () => ({ status: 409, body: { detail: 'There is a runner named local already.', code: 'exists' } }),
    })
    await userEvent.click(screen.getByRole('button', { name: 'Invite a host' }))
    await userEvent.type(screen.getByLabelText(/^Name/), 'local{Enter}')

    expect(await screen.findByRole('alert')).toHaveTextContent('There is a runner named local already.')
  })
})

describe('removing a host', () => {
  test('says what that does before it is done', async () => {
    const { socket } = await open([runner(), CELLAR], { ...SIGNED_IN, 'DELETE /api/runners/cellar': () => ({ status: 204 }) })
    expect(await screen.findAllByRole('button', { name: /^Remove/ })).toHaveLength(1)

    await userEvent.click(screen.getByRole('button', { name: 'Remove host cellar' }))
    expect(screen.getByRole('dialog', { name: 'Remove host cellar?' })).toHaveTextContent('Its 2 bots go on, but are neither seen nor steered')
    expect(asked).not.toContain('DELETE /api/runners/cellar')
    await userEvent.click(screen.getByRole('button', { name: 'Remove host' }))

    await waitFor(() => {
      expect(screen.queryByRole('dialog')).not.toBeInTheDocument()
    })
    expect(asked).toContain('DELETE /api/runners/cellar')
    socket.say(message('runners', { runners: [runner()] }))
    await waitFor(() => {
      expect(screen.getAllByTestId('host')).toHaveLength(1)
    })
  })

  test('that is refused says why and keeps the question open', async () => {
    await open([CELLAR], { ...SIGNED_IN, 'DELETE /api/runners/cellar': () => ({ status: 409, body: { detail: 'Not now.', code: 'refused' } }) })
    await userEvent.click(await screen.findByRole('button', { name: 'Remove host cellar' }))
    await userEvent.click(screen.getByRole('button', { name: 'Remove host' }))

    expect(await screen.findByRole('alert')).toHaveTextContent('Not now.')
    await userEvent.click(screen.getByRole('button', { name: 'Keep it' }))
    expect(screen.queryByRole('dialog')).not.toBeInTheDocument()
  })
})
