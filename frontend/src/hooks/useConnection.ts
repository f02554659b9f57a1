import { createContext, useContext, useEffect, useState, useSyncExternalStore } from 'react'
import { sentence } from '../lib/sentences'
import { type Connection, live } from '../services/websocket'

/** A loss that is over within this time is not worth a word: the first attempt to come back is made within 2 s. */
const GRACE_MS = 2_500

let known: Connection = { phase: 'closed' }

function subscribe(onChange: () => void): () => void {
  return live.watch((connection) => {
    known = connection
    onChange()
  })
}

export function useConnection(): Connection {
  return useSyncExternalStore(subscribe, () => known)
}

/** Why the page is not live, in a sentence; `told` when it is the deck's own. */
export function useLoss(): { sentence: string; told: boolean } {
  const connection = useConnection()
  const farewell = 'farewell' in connection ? connection.farewell : null
  return farewell ? { sentence: sentence(farewell), told: true } : { sentence: 'Connection lost.', told: false }
}

/** What the frame of the pages knows of the live channel, for the page in it. */
export interface Channel {
  /** What is shown is old. */
  stale: boolean
  /** Why not even asking every few seconds works, while it is tried. */
  pollProblem: Error | null
  pollNow: () => void
}

export const ChannelContext = createContext<Channel>({ stale: false, pollProblem: null, pollNow: () => undefined })

export function useChannel(): Channel {
  return useContext(ChannelContext)
}

/**
 * True when what the page shows is old: the live channel has been away for longer than the time of grace, or is refused.
 * Use it once: a page that opens later must not begin with its own time of grace.
 */
export function useStale(): boolean {
  const { phase } = useConnection()
  const isLive = phase === 'live'
  const [away, setAway] = useState(false)
  useEffect(() => {
    if (isLive) return
    const timer = setTimeout(() => {
      setAway(true)
    }, GRACE_MS)
    return () => {
      clearTimeout(timer)
      setAway(false)
    }
  }, [isLive])
  return away || phase === 'refused'
}
