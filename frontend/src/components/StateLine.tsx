import { Link } from '@tanstack/react-router'
import { useDeckTime } from '../hooks/useDeck'
import { useRunner } from '../hooks/useHosts'
import { useNow } from '../hooks/useNow'
import { dateAndTime, shortTime } from '../lib/dates'
import { lookOf, word } from '../lib/states'
import { type Around, type Story, storyOf } from '../lib/story'
import type { BotLive } from '../stores/deck'
import type { BotStatus } from '../types/api.gen'
import { StateIcon } from './StateIcon'
import classes from './StateLine.module.css'

/** The state as shape and word, and since when. One that is not as it should be gets a box: why, and what comes next. */
export function StateLine({ bot, stale }: { bot: BotLive; stale: boolean }) {
  const { status, statusAt } = bot
  const look = lookOf(status)
  const story = storyOf(status, { retryInS: useRetryInS(bot, stale), away: useAway(status, stale) })
  return (
    <div className={classes.line} data-look={look} data-story={story ? true : undefined} data-stale={stale || undefined}>
      <StateIcon look={look} stale={stale} size={20} />
      <div className={classes.text}>
        <p>
          <strong className={classes.word} data-testid="state">
            {word(status)}
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
          {!story && <Quietly status={status} now={statusAt.wall} />}
        </p>
        {story && <Told story={story} status={status} />}
      </div>
    </div>
  )
}

/** What is worth a word although all is as it should be. */
function Quietly({ status, now }: { status: BotStatus; now: number }) {
  const { state, reason, next_restart_at: next } = status
  return (
    <>
      {reason && (
        <span className={classes.note} data-testid="reason">
          {/* A new run begins, and the reason is still that of the end before. */}
          {state === 'starting' ? `last end: ${reason}` : reason}
        </span>
      )}
      {next && (
        <span className={classes.note} data-quiet>
          <time dateTime={next} title={dateAndTime(next)}>
            next restart on schedule {shortTime(next, now)}
          </time>
        </span>
      )}
    </>
  )
}

function Told({ story, status }: { story: Story; status: BotStatus }) {
  const over = status.state === 'backoff' || status.state === 'failed' ? status.run : null
  return (
    <>
      <p className={classes.what} data-testid="reason">
        {story.what}
      </p>
      {(story.next || over) && (
        <p className={classes.next}>
          {story.next && <span data-testid="next">{story.next}</span>}
          {over && (
            <Link to="/bots/$name/runs/$run" params={{ name: status.bot, run: over }}>
              Look into the last run
            </Link>
          )}
        </p>
      )}
    </>
  )
}

/** Counts down by itself from what the deck said last. */
function useRetryInS({ status, statusAt }: BotLive, stale: boolean): number | null {
  const waits = status.state === 'backoff' && status.retry_in_s !== null && !stale
  const now = useNow(waits ? 500 : null)
  return waits ? (status.retry_in_s ?? 0) - Math.max(0, now - statusAt.ms) / 1000 : null
}

/** The runner that is out of contact, and for how long by the deck's clock. */
function useAway(status: BotStatus, stale: boolean): Around['away'] {
  const runner = useRunner(status.runner)
  const unknown = status.state === 'unknown'
  const time = useDeckTime(unknown && !stale ? 1000 : null)
  if (!unknown || !runner || runner.connected) return null
  const seconds = stale || time === null ? null : Math.max(0, (time - Date.parse(runner.since)) / 1000)
  return { host: runner.name, seconds }
}
