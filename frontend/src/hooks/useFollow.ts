import { useRef, useState, type UIEvent } from 'react'

/** Closer to the end than this is at the end. */
const NEAR_PX = 8

interface Follow<T> {
  /** What to render: the newest while following, what was there when the reader left the end otherwise. */
  items: readonly T[]
  following: boolean
  onScroll: (event: UIEvent<HTMLElement>) => void
  /** Back to the end. */
  jump: () => void
  scroller: React.RefObject<HTMLDivElement | null>
}

/**
 * Follows a list that grows until the reader scrolls up. The scroller must be a `column-reverse` box: there the end is
 * `scrollTop` 0 and the browser itself stays at it, without a frame drawn in between, and what is added at the top
 * moves nothing.
 */
export function useFollow<T extends { id: number }>(all: readonly T[]): Follow<T> {
  const scroller = useRef<HTMLDivElement>(null)
  const [kept, setKept] = useState<readonly T[] | null>(null)
  const first = kept?.[0]?.id ?? 0
  // What was fetched since, for a reader who goes back, comes before what was kept.
  const older = kept === null ? 0 : all.findIndex((item) => item.id >= first)
  return {
    items: kept === null ? all : older > 0 ? [...all.slice(0, older), ...kept] : kept,
    following: kept === null,
    scroller,
    onScroll: ({ currentTarget }) => {
      const atEnd = Math.abs(currentTarget.scrollTop) < NEAR_PX
      if (atEnd) setKept(null)
      else if (kept === null) setKept(all)
    },
    jump: () => {
      setKept(null)
      scroller.current?.scrollTo({ top: 0 })
    },
  }
}
