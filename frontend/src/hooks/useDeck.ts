import { useSyncExternalStore } from 'react'
import { type BotLive, deck, type DeckState, deckTime } from '../stores/deck'
import type { BotLines } from '../stores/lines'
import { useNow } from './useNow'

/** A part of the live state. `select` must return the same thing for the same state. */
export function useDeck<T>(select: (state: DeckState) => T): T {
  return useSyncExternalStore(deck.subscribe, () => select(deck.getSnapshot()))
}

export function useBot(name: string | null): BotLive | undefined {
  return useDeck((state) => (name === null ? undefined : state.bots[name]))
}

export function useBotLines(name: string): BotLines | undefined {
  return useDeck((state) => state.logs[name])
}

/**
 * The deck's time of day in milliseconds, to the second, renewed every `everyMs` (null: standing still); null before it
 * was heard.
 */
export function useDeckTime(everyMs: number | null): number | null {
  const now = useNow(everyMs)
  return useDeck((state) => {
    const time = deckTime(state, now)
    return time && Math.floor(time / 1000) * 1000
  })
}
