import { useConnection } from '../hooks/useConnection'
import classes from './ConnectionMark.module.css'

/** Whether what the page shows is live, in a word. */
export function ConnectionMark({ stale }: { stale: boolean }) {
  const { phase } = useConnection()
  const lost = stale || phase === 'refused'
  const said = lost ? 'Not live' : 'Live'
  // Within the second of grace nothing is said yet, so that a short loss does not flicker.
  const quiet = !lost && phase !== 'live'
  return (
    <span className={classes.mark} data-lost={lost || undefined} data-testid="connection" data-phase={phase}>
      <span className={classes.dot} data-quiet={quiet || undefined} aria-hidden="true" />
      {said}
    </span>
  )
}
