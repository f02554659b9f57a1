import { MantineProvider } from '@mantine/core'
import { QueryClient, QueryClientProvider } from '@tanstack/react-query'
import { createMemoryHistory, RouterProvider } from '@tanstack/react-router'
import { render } from '@testing-library/react'
import { vi } from 'vitest'
import { createAppRouter } from '../../src/router'
import { deck } from '../../src/stores/deck'
import { theme } from '../../src/theme'
import { FakeWebSocket } from './FakeWebSocket'

type Answer = (body: unknown) => { status?: number; body?: unknown }

/** What the deck answers, by `METHOD /path` under the base path. What a test leaves out cannot be reached. */
export type Answers = Record<string, Answer>

export const ANA = { user_id: 'u1', name: 'ana', role: 'admin' as const }
export const SIGNED_IN: Answers = { 'GET /api/auth/me': () => ({ body: ANA }) }

/** Requests so far, as `METHOD /path`. */
export const asked: string[] = []

/** Opens the pages at `path` with a deck that answers like this; the live channel is `FakeWebSocket.latest`. */
export function openPage(path: string, answers: Answers) {
  deck.clear()
  asked.length = 0
  FakeWebSocket.made = []
  vi.stubGlobal('WebSocket', FakeWebSocket)
  vi.stubGlobal('fetch', async (request: Request) => {
    const base = new URL('.', document.baseURI).href
    const what = request.url.startsWith(base) ? `${request.method} /${request.url.slice(base.length).replace(/\?.*/, '')}` : request.url
    asked.push(what)
    const answer = answers[what]
    if (!answer) throw new TypeError('Failed to fetch')
    const text = await request.text()
    const { status = 200, body } = answer(text ? JSON.parse(text) : undefined)
    return new Response(body === undefined ? null : JSON.stringify(body), {
      status,
      headers: { 'Content-Type': 'application/json' },
    })
  })
  const router = createAppRouter(createMemoryHistory({ initialEntries: [path] }))
  const queries = new QueryClient({ defaultOptions: { queries: { retry: false } } })
  const rendered = render(
    <MantineProvider theme={theme} env="test">
      <QueryClientProvider client={queries}>
        <RouterProvider router={router} />
      </QueryClientProvider>
    </MantineProvider>,
  )
  return { ...rendered, router }
}

/** Lets the page in and gives it its first snapshot, when it has asked. */
export async function beLive(message: unknown): Promise<FakeWebSocket> {
  const socket = await vi.waitFor(() => FakeWebSocket.latest, { timeout: 3000 })
  socket.accept()
  socket.say(message)
  return socket
}
