import { Button } from '@mantine/core'
import { useState } from 'react'
import { useRuns } from '../hooks/useRuns'
import { unended } from '../lib/ends'
import type { BotLive } from '../stores/deck'
import classes from './RunList.module.css'
import { RunBones, RunsProblem } from './RunListStates'
import { RunRow } from './RunRow'

/** More than these are shown when asked for. */
const FEW = 5

/** The last runs of a bot, each with how it ended, and a way to what it left. */
export function RunList({ bot: { status, statusAt }, stale }: { bot: BotLive; stale: boolean }) {
  const { runs, loading, problem, retry } = useRuns(status)
  const [all, setAll] = useState(false)
  const shown = all ? runs : runs.slice(0, FEW)
  if (problem && runs.length === 0) return <RunsProblem message={problem.message} onRetry={retry} />
  if (loading) return <RunBones />
  if (runs.length === 0) return <p className={classes.none}>It was never started. Each run appears here with how it ended.</p>
  return (
    <>
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
    </>
  )
}
