import { createContext, useContext, useEffect, useState, useSyncExternalStore } from 'react'
import { type Connection, live } from '../services/websocket'

/** A loss that is over within this time is not worth a word. */
const GRACE_MS = 1_000

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
 * True when the live channel has been away for more than a second, so that what the page shows is old. Use it once: a
 * page that opens later must not begin with a second of grace.
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
  return away
}
