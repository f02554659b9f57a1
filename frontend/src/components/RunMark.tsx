import { Link } from '@tanstack/react-router'
import { dateAndTime, runStart, timeOfDay } from '../lib/dates'
import type { Run } from '../types/api.gen'
import classes from './LogPanel.module.css'

/** Between the lines of two runs: how the one before ended, and when this one began. */
export function RunMark({ run, before, runs }: { run: string; before: string | undefined; runs: ReadonlyMap<string, Run> }) {
  const ended = before === undefined ? undefined : runs.get(before)
  const began = runs.get(run)?.started_at ?? runStart(run)
  return (
    <li className={classes.mark} title={began ? dateAndTime(began) : undefined}>
      <span>
        {ended?.reason && (
          <>
            <Link to="/bots/$name/runs/$run" params={{ name: ended.bot, run: ended.id }} className={classes.markLink}>
              Run ended: {ended.reason}
            </Link>
            .{' '}
          </>
        )}
        Run started{began && ` ${timeOfDay(began)}`}
      </span>
    </li>
  )
}
