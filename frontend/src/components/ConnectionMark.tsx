import { useConnection } from '../hooks/useConnection'
import { useDeck } from '../hooks/useDeck'
import classes from './ConnectionMark.module.css'

/** Whether what the page shows is live, in a word. */
export function ConnectionMark({ stale }: { stale: boolean }) {
  const { phase } = useConnection()
  const known = useDeck((state) => state.heardAt !== null)
  const lost = stale || phase === 'refused'
  const quiet = !lost && phase !== 'live'
  const said = lost ? 'Not live' : !known ? 'Connecting…' : quiet ? 'Reconnecting…' : 'Live'
  return (
    <span className={classes.mark} data-lost={lost || undefined} data-testid="connection" data-phase={phase}>
      <span className={classes.dot} data-quiet={quiet || undefined} aria-hidden="true" />
      {said}
    </span>
  )
}
