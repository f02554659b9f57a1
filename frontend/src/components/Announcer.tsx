import { useEffect, useRef, useState } from 'react'

/** Reads changes of `sentence` to those who use a screen reader, but not the first one: the page says that already. */
export function Announcer({ sentence }: { sentence: string }) {
  const first = useRef(sentence)
  const [said, setSaid] = useState('')
  useEffect(() => {
    if (sentence === first.current) return
    first.current = ''
    // Changes in quick succession are one: at most one sentence a second.
    const timer = setTimeout(() => {
      setSaid(sentence)
    }, 1000)
    return () => {
      clearTimeout(timer)
    }
  }, [sentence])
  return (
    <p className="visually-hidden" role="status" aria-live="polite">
      {said}
    </p>
  )
}
