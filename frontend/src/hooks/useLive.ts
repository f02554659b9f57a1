import { useMutation, useQuery } from '@tanstack/react-query'
import { useEffect } from 'react'
import { botAPI, dashboardAPI, runnerAPI } from '../services/api'
import { connectWebSocket, live } from '../services/websocket'
import { deck } from '../stores/deck'
import { useConnection } from './useConnection'
import { useBotLines, useDeck } from './useDeck'

/** Some 10 s; not the same for all pages, which a deck that ends loses at the same moment. */
const POLL_MS = 9_000 + 2_000 * Math.random()
const OLDER_LINES = 500

interface Poll {
  /** False as well while the deck wants to be left alone. */
  polling: boolean
  pollProblem: Error | null
  pollNow: () => void
}

/** Keeps the live state fresh: over the live channel, and by polling while that is `stale`. Use it once. */
export function useLive(bot: string | null, stale: boolean): Poll {
  const connection = useConnection()
  const polling = stale && !('asTold' in connection && connection.asTold)
  // Before the connection opens, for its address names the bot.
  useEffect(() => {
    live.follow(bot)
  }, [bot])
  useEffect(() => connectWebSocket(deck.receive), [])

  const poll = useQuery({
    queryKey: ['poll', bot],
    queryFn: async () => {
      const askedMs = performance.now()
      const [fleet, runners] = await Promise.all([botAPI.list(), runnerAPI.list()])
      const name = bot ?? fleet.default_bot
      const known = fleet.bots.some((status) => status.bot === name)
      const stats = name !== null && known ? await dashboardAPI.getStats(name) : null
      deck.receive({ type: 'polled', askedMs, fleet, runners, stats })
      return Date.now()
    },
    enabled: polling,
    refetchInterval: POLL_MS,
    refetchIntervalInBackground: true,
    retry: false,
    gcTime: 0,
    networkMode: 'always',
  })
  return { polling, pollProblem: poll.error, pollNow: () => void poll.refetch() }
}

/** Fetches the lines that a slow or broken connection left out. */
export function useGapCloser(bot: string | null): void {
  const gap = useBotLines(bot ?? '')?.gap ?? null
  useQuery({
    queryKey: ['gap', bot, gap?.before],
    queryFn: async () => {
      if (bot === null || gap === null) return null
      const page = await botAPI.logs(bot, { before: gap.before, limit: 1000 })
      deck.receive({ type: 'fetched', bot, gap, page })
      return gap.before
    },
    enabled: gap !== null,
    retry: 3,
    gcTime: 0,
  })
}

/** Fetches lines older than the first that is held. */
export function useOlderLines(bot: string): { load: () => void; loading: boolean; problem: Error | null } {
  const oldest = useBotLines(bot)?.lines[0]?.id
  const { mutate, isPending, error } = useMutation({
    mutationFn: async () => {
      const page = await botAPI.logs(bot, oldest === undefined ? { limit: OLDER_LINES } : { before: oldest, limit: OLDER_LINES })
      deck.receive({ type: 'older', bot, page })
    },
  })
  return {
    load: () => {
      mutate()
    },
    loading: isPending,
    problem: error,
  }
}

/** The bot that the page shows: the one named, or else the default one. Null while it is not known yet. */
export function useShownBot(named: string | null): string | null {
  return useDeck((state) => named ?? state.defaultBot)
}
