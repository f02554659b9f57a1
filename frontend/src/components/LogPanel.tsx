import { Button } from '@mantine/core'
import { IconArrowDown } from '@tabler/icons-react'
import { Fragment, useMemo } from 'react'
import { useBotLines } from '../hooks/useDeck'
import { useFollow } from '../hooks/useFollow'
import { useRuns } from '../hooks/useRuns'
import { MOST_LINES } from '../stores/lines'
import type { LogLine } from '../types/api.gen'
import classes from './LogPanel.module.css'
import { LogRow } from './LogRow'
import { RunMark } from './RunMark'

/** While following, only these are drawn; whoever scrolls up gets all that are held. */
const TAIL = 250
const NONE: readonly LogLine[] = []
const COUNT = new Intl.NumberFormat('en')

export function LogPanel({ bot, stale }: { bot: string; stale: boolean }) {
  const lines = useBotLines(bot)?.lines ?? NONE
  const { items, following, onScroll, jump, scroller } = useFollow(lines)
  const runs = useRuns(bot, lines.at(-1)?.run)
  const drawn = useMemo(() => (following ? items.slice(-TAIL) : items), [following, items])
  const newest = lines.at(-1)?.id ?? 0
  const seen = items.at(-1)?.id ?? 0
  const unseen = following ? 0 : lines.filter((line) => line.id > seen).length

  return (
    <section className={classes.panel} aria-labelledby="recent-logs">
      <div className={classes.head}>
        <h2 id="recent-logs" className={classes.title}>
          Recent logs
        </h2>
        <p className={classes.hint}>{hint(lines.length, following, stale)}</p>
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
            <p className={classes.none}>No lines yet. What the bot writes appears here as it is written.</p>
          ) : (
            <ol className={classes.lines}>
              {drawn.map((line, index) => (
                <Fragment key={line.id}>
                  {line.run !== drawn[index - 1]?.run && <RunMark run={line.run} before={drawn[index - 1]?.run} runs={runs} />}
                  <LogRow line={line} />
                </Fragment>
              ))}
            </ol>
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
            Jump to latest{unseen > 0 && ` (${COUNT.format(unseen)} new)`}
          </Button>
        )}
      </div>
    </section>
  )
}

function hint(count: number, following: boolean, stale: boolean): string {
  const held = count >= MOST_LINES ? `the last ${COUNT.format(MOST_LINES)} lines` : `${COUNT.format(count)} ${count === 1 ? 'line' : 'lines'}`
  if (count === 0) return ''
  if (stale) return `${held}, not live`
  return following ? `${held}, following` : `${held}, paused`
}
