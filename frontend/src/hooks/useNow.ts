import { useEffect, useState } from 'react'

/** `performance.now()`, renewed every `everyMs`; while `everyMs` is null it stands still. */
export function useNow(everyMs: number | null): number {
  const [now, setNow] = useState(() => performance.now())
  useEffect(() => {
    if (everyMs === null) return
    const timer = setInterval(() => {
      setNow(performance.now())
    }, everyMs)
    return () => {
      clearInterval(timer)
    }
  }, [everyMs])
  return now
}

/** The wall clock when the component came to be: near enough to tell today from other days. */
export function useToday(): number {
  const [today] = useState(() => Date.now())
  return today
}
