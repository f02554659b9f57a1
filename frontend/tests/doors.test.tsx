import { screen } from '@testing-library/react'
import userEvent from '@testing-library/user-event'
import { afterEach, describe, expect, test } from 'vitest'
import { axe } from 'vitest-axe'
import { userIdInStorage } from '../src/services/userId'
import { FakeWebSocket } from './support/FakeWebSocket'
import { snapshot } from './support/messages'
import { ANA, type Answers, asked, beLive, openPage } from './support/page'

const problem = (status: number, detail: string) => () => ({ status, body: { detail, code: 'some_code' } })

/** A deck whose session begins with the right password. */
function door(needed = false): Answers {
  const answers: Answers = {
    'GET /api/auth/me': problem(401, 'Sign in.'),
    'GET /api/setup': () => ({ body: { needed } }),
    'GET /api/bots/hello/runs': () => ({ body: [] }),
    'POST /api/auth/login': (body) =>
      (body as { password: string }).password === 'right' ? open() : problem(401, 'Name or password is wrong.')(),
    'POST /api/setup': (body) =>
      (body as { code: string }).code === 'apple' ? open() : problem(403, 'That is not the setup code.')(),
    'POST /api/auth/logout': () => {
      answers['GET /api/auth/me'] = problem(401, 'Sign in.')
      return { status: 204 }
    },
  }
  function open() {
    answers['GET /api/auth/me'] = () => ({ body: ANA })
    return { body: ANA }
  }
  return answers
}

describe('under a base path', () => {
  afterEach(() => {
    document.querySelector('base')?.remove()
  })

  test('pages, requests and the live channel stay under it', async () => {
    const base = document.createElement('base')
    base.href = '/deep/botdeck/'
    document.head.append(base)
    const { router } = openPage('/deep/botdeck/bots/hello', door())
    await userEvent.type(await screen.findByLabelText('Name'), 'ana')
    await userEvent.type(screen.getByLabelText('Password'), 'right{Enter}')
    await screen.findByTestId('loading')

    expect(router.history.location.pathname).toBe('/deep/botdeck/bots/hello')
    expect(FakeWebSocket.latest.url).toBe('ws://localhost:3000/deep/botdeck/ws/u1?bot=hello')
  })
})

describe('signing in', () => {
  test('comes before every page and leads back to the one that was wanted', async () => {
    const { router } = openPage('/bots/hello', door())
    await userEvent.type(await screen.findByLabelText('Name'), 'ana')
    await userEvent.type(screen.getByLabelText('Password'), 'wrong{Enter}')
    expect(await screen.findByRole('alert')).toHaveTextContent('Name or password is wrong.')

    await userEvent.clear(screen.getByLabelText('Password'))
    await userEvent.type(screen.getByLabelText('Password'), 'right{Enter}')

    expect(await screen.findByTestId('loading')).toBeInTheDocument()
    expect(router.state.location.pathname).toBe('/bots/hello')
    expect(userIdInStorage()).toBe('u1')
  })

  test('says what is missing without asking the deck', async () => {
    openPage('/sign-in', door())
    await userEvent.click(await screen.findByRole('button', { name: 'Sign in' }))

    expect(screen.getByLabelText('Name')).toHaveFocus()
    expect(screen.getByLabelText('Name')).toHaveAccessibleDescription('Say who you are.')
    expect(asked).not.toContain('POST /api/auth/login')
  })

  test.each(['//evil.example/x', 'https://evil.example', '/\\evil.example'])('does not lead to %s', async (to) => {
    const { router } = openPage(`/sign-in?to=${encodeURIComponent(to)}`, door())
    await userEvent.type(await screen.findByLabelText('Name'), 'ana')
    await userEvent.type(screen.getByLabelText('Password'), 'right{Enter}')

    await screen.findByTestId('loading')
    expect(router.state.location.pathname).toBe('/')
  })

  test('is asked for with a sentence when the session ends under an open page', async () => {
    const answers = { ...door(), 'GET /api/auth/me': () => ({ body: ANA }) }
    openPage('/', answers)
    const socket = await beLive(snapshot())
    await screen.findByTestId('state')
    Object.assign(answers, { 'GET /api/bots': problem(401, 'Sign in.'), 'GET /api/auth/me': problem(401, 'Sign in.') })

    socket.end(4401)

    expect(await screen.findByText(/Your session is over/, undefined, { timeout: 5000 })).toBeInTheDocument()
  })

  test('out leaves nothing behind', async () => {
    openPage('/', { ...door(), 'GET /api/auth/me': () => ({ body: ANA }) })
    const socket = await beLive(snapshot())
    await userEvent.click(await screen.findByRole('button', { name: 'Signed in as ana' }))
    await userEvent.click(await screen.findByRole('menuitem', { name: 'Sign out' }))

    expect(await screen.findByRole('heading', { name: 'Sign in' })).toBeInTheDocument()
    expect(userIdInStorage()).toBeNull()
    expect(socket.closed).toBe(true)
  })
})

describe('setting up', () => {
  test('is where a deck without operators begins, and ends on the dashboard', async () => {
    openPage('/', door(true))
    await userEvent.type(await screen.findByLabelText('Setup code'), 'pear')
    await userEvent.type(screen.getByLabelText('Name'), 'ana')
    await userEvent.type(screen.getByLabelText('Password'), 'correct horse battery{Enter}')
    expect(await screen.findByRole('alert')).toHaveTextContent('That is not the setup code.')

    await userEvent.clear(screen.getByLabelText('Setup code'))
    await userEvent.type(screen.getByLabelText('Setup code'), ' apple {Enter}')

    expect(await screen.findByTestId('loading')).toBeInTheDocument()
  })

  test('counts the characters that a password still needs', async () => {
    openPage('/', door(true))
    await userEvent.type(await screen.findByLabelText('Password'), 'eleven char{Enter}')

    expect(await screen.findByText('1 more character is needed.')).toBeInTheDocument()
    await userEvent.type(screen.getByLabelText('Password'), 's')
    expect(screen.queryByText(/more character/)).not.toBeInTheDocument()
  })

  test('is no page any more once it was done', async () => {
    openPage('/setup', door(false))

    expect(await screen.findByRole('heading', { name: 'Sign in' })).toBeInTheDocument()
  })

  test('has fields that password managers and checkers understand', async () => {
    const { container } = openPage('/', door(true))

    expect(await screen.findByLabelText('Setup code')).toHaveAttribute('autocomplete', 'one-time-code')
    expect(screen.getByLabelText('Name')).toHaveAttribute('autocomplete', 'username')
    expect(screen.getByLabelText('Password')).toHaveAttribute('autocomplete', 'new-password')
    expect((await axe(container)).violations).toEqual([])
  })
})
