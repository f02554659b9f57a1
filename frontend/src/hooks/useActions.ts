import { useMutation } from '@tanstack/react-query'
import { useEffect, useState } from 'react'
import { botAPI } from '../services/api'
import type { Action, BotStatus } from '../types/api.gen'

/** How long an accepted action may wait for the status that follows it. */
const PATIENCE_MS = 3_000

export interface Actions {
  /** The action that was asked for and whose effect is not seen yet. */
  pending: Action | null
  problem: Error | null
  ask: (action: Action) => void
  forget: () => void
}

/** Asks the deck for actions on a bot. What comes of them is seen in the bot's status, never assumed. */
export function useActions(bot: string, status: BotStatus): Actions {
  const [asked, setAsked] = useState<{ action: Action; status: BotStatus } | null>(null)
  const mutation = useMutation({
    mutationFn: (action: Action) => botAPI[action](bot),
    onError: () => {
      setAsked(null)
    },
  })
  // Pending ends with the first status that says something else, or when the deck is slow to say so.
  const answered = asked !== null && !mutation.isPending && (asked.status.state !== status.state || asked.status.wanted !== status.wanted)
  const pending = asked !== null && !answered ? asked.action : null

  useEffect(() => {
    if (asked === null || mutation.isPending) return
    const timer = setTimeout(() => {
      setAsked(null)
    }, PATIENCE_MS)
    return () => {
      clearTimeout(timer)
    }
  }, [asked, mutation.isPending])

  return {
    pending,
    problem: mutation.error,
    ask: (action) => {
      setAsked({ action, status })
      mutation.mutate(action)
    },
    forget: mutation.reset,
  }
}
