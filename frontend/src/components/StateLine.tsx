import { useNow } from '../hooks/useNow'
import { dateAndTime, shortTime } from '../lib/dates'
import { countdown } from '../lib/durations'
import { lookOf, word } from '../lib/states'
import type { BotLive } from '../stores/deck'
import { StateIcon } from './StateIcon'
import classes from './StateLine.module.css'

/** The state as shape and word, why it is so, and since when. */
export function StateLine({ bot, stale }: { bot: BotLive; stale: boolean }) {
  const { status, statusAt } = bot
  const waits = status.state === 'backoff' && status.retry_in_s !== null && !stale
  const now = useNow(waits ? 1000 : null)
  const look = lookOf(status.state)
  const leftS = (status.retry_in_s ?? 0) - (now - statusAt.ms) / 1000
  const notes = [
    status.reason,
    waits ? (leftS > 0 ? `starts again in ${countdown(leftS)}` : 'starts again now') : '',
    status.restarts > 0 ? `${status.restarts} ${status.restarts === 1 ? 'restart' : 'restarts'} after a crash` : '',
  ].filter(Boolean)
  return (
    <div className={classes.line} data-look={look} data-stale={stale || undefined}>
      <StateIcon look={look} stale={stale} size={20} />
      <p className={classes.text}>
        <strong className={classes.word} data-testid="state">
          {word(status.state)}
        </strong>{' '}
        <span className="muted">
          {stale ? (
            <>as of {shortTime(statusAt.wall, statusAt.wall)}</>
          ) : (
            <time dateTime={status.since} title={dateAndTime(status.since)}>
              since {shortTime(status.since, statusAt.wall)}
            </time>
          )}
        </span>
        {notes.length > 0 && (
          <span className={classes.notes} data-testid="reason">
            {notes.join('; ')}
          </span>
        )}
      </p>
    </div>
  )
}
