import { Button } from '@mantine/core'
import { IconPlugConnectedX, IconRefresh } from '@tabler/icons-react'
import { useConnection, useLoss } from '../hooks/useConnection'
import { useDeck } from '../hooks/useDeck'
import { useNow } from '../hooks/useNow'
import { timeOfDay } from '../lib/dates'
import { countdown } from '../lib/durations'
import type { Connection } from '../services/websocket'
import { live } from '../services/websocket'
import classes from './ConnectionBanner.module.css'

/** Shown while the live channel is away: how old the values are, and what happens next. */
export function ConnectionBanner({ polled, onRetry }: { polled: boolean; onRetry: () => void }) {
  const connection = useConnection()
  const loss = useLoss()
  const Icon = loss.told ? IconRefresh : IconPlugConnectedX
  const heardAt = useDeck((state) => state.heardAt)
  const now = useNow(1000)
  return (
    <section className={classes.banner} aria-label="Connection" data-testid="connection-banner" data-told={loss.told || undefined}>
      <Icon className={classes.icon} size={18} stroke={1.8} aria-hidden />
      <p className={classes.text}>
        <strong>{loss.sentence}</strong>{' '}
        {heardAt && (
          <>
            Showing values from <span className={classes.time}>{timeOfDay(heardAt.wall)}</span>
            {polled ? ', polling every 10 s. ' : '. '}
          </>
        )}
        {next(connection, now)}
      </p>
      <Button
        size="xs"
        variant="default"
        onClick={() => {
          live.retryNow()
          onRetry()
        }}
      >
        Retry now
      </Button>
    </section>
  )
}

function next(connection: Connection, now: number): string {
  switch (connection.phase) {
    case 'waiting': {
      const leftS = (connection.retryAt - Math.max(now, performance.now())) / 1000
      return leftS > 0 ? `Trying again in ${countdown(leftS)}.` : 'Trying again…'
    }
    case 'refused':
      return connection.code === 4401 ? 'The deck asks to sign in again.' : 'The deck refuses this page the live channel.'
    case 'connecting':
    case 'live':
    case 'closed':
      return 'Trying again…'
  }
}
