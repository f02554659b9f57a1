import { Button } from '@mantine/core'
import { useState } from 'react'
import { useRuns } from '../hooks/useRuns'
import { unended } from '../lib/ends'
import type { BotLive } from '../stores/deck'
import { Notice } from './Notice'
import classes from './RunList.module.css'
import { RunRow } from './RunRow'

/** More than these are shown when asked for. */
const FEW = 5

/** The last runs of a bot, each with how it ended, and a way to what it left. */
export function RunList({ bot: { status, statusAt }, stale }: { bot: BotLive; stale: boolean }) {
  const { runs, loading, problem, retry } = useRuns(status)
  const [all, setAll] = useState(false)
  const shown = all ? runs : runs.slice(0, FEW)
  return (
    <section className={classes.panel} aria-labelledby="runs">
      <div className={classes.head}>
        <h2 id="runs" className={classes.title}>
          Runs
        </h2>
        {runs.length > 0 && <p className={classes.hint}>newest first</p>}
      </div>
      {problem && runs.length === 0 && (
        <div className={classes.aside}>
          <Notice>{problem.message}</Notice>
          <Button size="xs" variant="default" onClick={retry}>
            Try again
          </Button>
        </div>
      )}
      {loading && !problem && <RunBones />}
      {!loading && !problem && runs.length === 0 && <p className={classes.none}>It was never started. Each run appears here with how it ended.</p>}
      {runs.length > 0 && (
        <div data-stale={stale || undefined}>
          <div className={classes.names} aria-hidden>
            <span>How it ended</span>
            <span>By</span>
            <span>Started</span>
            <span>Lasted</span>
            <span>CPU</span>
            <span>Peak memory</span>
          </div>
          <ol>
            {shown.map((run) => (
              <RunRow key={run.id} run={run} now={unended(run.id, status, stale)} today={statusAt.wall} />
            ))}
          </ol>
        </div>
      )}
      {runs.length > FEW && (
        <div className={classes.more}>
          <Button
            size="compact-xs"
            variant="subtle"
            aria-expanded={all}
            onClick={() => {
              setAll(!all)
            }}
          >
            {all ? 'Show fewer' : `Show all ${runs.length}`}
          </Button>
        </div>
      )}
    </section>
  )
}

function RunBones() {
  return (
    <div className={classes.bones} aria-busy="true" aria-label="Loading the runs">
      {[0, 1, 2].map((row) => (
        <div key={row} className={classes.bone} />
      ))}
    </div>
  )
}
