import { Button } from '@mantine/core'
import { IconArrowDown } from '@tabler/icons-react'
import { useMemo } from 'react'
import { useBotLines } from '../hooks/useDeck'
import { useFollow } from '../hooks/useFollow'
import { useOlderLines } from '../hooks/useLive'
import { useRuns } from '../hooks/useRuns'
import { bytes } from '../lib/bytes'
import { counted, NUMBER } from '../lib/sentences'
import { runsElsewhere } from '../lib/states'
import type { BotLive } from '../stores/deck'
import { MOST_LINES } from '../stores/lines'
import type { LogLine } from '../types/api.gen'
import classes from './LogPanel.module.css'
import { LogRows } from './LogRows'

/** While following, only these are drawn; whoever scrolls up gets all that are held. */
const TAIL = 120
const NOTHING: { lines: readonly LogLine[]; fromTheStart: boolean } = { lines: [], fromTheStart: false }
const NONE = 'No lines yet. What the bot writes appears here as it is written.'
const NONE_FROM_ELSEWHERE = 'No lines yet. Of a bot that runs elsewhere, what it logs through botdeck.BotdeckHandler appears here.'
const DROPPED = 'Output and events that were never stored, ever: above the limits of this bot, or for lack of disk.'

export function LogPanel({ bot: { status, stats }, stale }: { bot: BotLive; stale: boolean }) {
  const { bot } = status
  const { lines, fromTheStart } = useBotLines(bot) ?? NOTHING
  const older = useOlderLines(bot)
  const { items, following, onScroll, jump, scroller } = useFollow(lines)
  const { runs } = useRuns(status)
  const runsById = useMemo(() => new Map(runs.map((run) => [run.id, run])), [runs])
  const drawn = useMemo(() => (following ? items.slice(-TAIL) : items), [following, items])
  const begins = fromTheStart && drawn[0] === lines[0]
  const newest = lines.at(-1)?.id ?? 0
  const seen = items.at(-1)?.id ?? 0
  const dropped = stats?.dropped_bytes ?? 0
  const unseen = following ? 0 : lines.filter((line) => line.id > seen).length

  return (
    <section className={classes.panel} aria-labelledby="recent-logs">
      <div className={classes.head}>
        <h2 id="recent-logs" className={classes.title}>
          Recent logs
        </h2>
        <p className={classes.hint}>
          {dropped > 0 && (
            <span className={classes.dropped} title={DROPPED} data-testid="dropped" data-value={dropped}>
              {bytes(dropped)} dropped in all
            </span>
          )}
          {hint(lines.length, following, stale)}
        </p>
      </div>
      <div className={classes.frame}>
        <div
          ref={scroller}
          className={classes.scroller}
          role="log"
          aria-live="off"
          aria-label={`Recent log lines of ${bot}`}
          tabIndex={0}
          onScroll={onScroll}
          data-following={following}
          data-newest={newest}
        >
          {drawn.length === 0 ? (
            <p className={classes.none}>{runsElsewhere(status) ? NONE_FROM_ELSEWHERE : NONE}</p>
          ) : (
            <div className={classes.lines}>
              {!begins && lines.length < MOST_LINES && (
                <p className={classes.older}>
                  <Button size="compact-xs" variant="subtle" disabled={older.loading} onClick={older.load}>
                    {older.loading ? 'Loading…' : 'Show older lines'}
                  </Button>
                  {older.problem?.message}
                </p>
              )}
              <LogRows lines={drawn} begins={begins} runs={runsById} />
            </div>
          )}
        </div>
        {!following && (
          <Button
            className={classes.jump}
            size="xs"
            radius="xl"
            leftSection={<IconArrowDown size={14} aria-hidden />}
            onClick={jump}
          >
            Jump to latest{unseen > 0 && ` (${NUMBER.format(unseen)} new)`}
          </Button>
        )}
      </div>
    </section>
  )
}

function hint(count: number, following: boolean, stale: boolean): string {
  const held = count >= MOST_LINES ? `the last ${counted(MOST_LINES, 'line')}` : counted(count, 'line')
  if (count === 0) return ''
  if (stale) return `${held}, not live`
  return following ? `${held}, following` : `${held}, paused`
}
