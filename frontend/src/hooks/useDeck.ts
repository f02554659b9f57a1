import { useSyncExternalStore } from 'react'
import { type BotLines, type BotLive, deck, type DeckState } from '../stores/deck'

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
