import { IconChevronRight } from '@tabler/icons-react'
import { Link } from '@tanstack/react-router'
import type { ReactNode } from 'react'
import { bytes } from '../lib/bytes'
import { dateAndTime, shortTime } from '../lib/dates'
import { lasted } from '../lib/durations'
import { endInWords, lifeS, toneOf } from '../lib/ends'
import type { Run } from '../types/api.gen'
import { EndIcon } from './EndIcon'
import classes from './RunList.module.css'

interface Props {
  run: Run
  /** Its process is seen to live. */
  living: boolean
  now: number
}

/** One run as a line that leads to what it left. */
export function RunRow({ run, living, now }: Props) {
  const life = lifeS(run)
  return (
    <li>
      <Link
        to="/bots/$name/runs/$run"
        params={{ name: run.bot, run: run.id }}
        className={classes.row}
        data-testid="run"
        data-cause={run.cause ?? undefined}
      >
        <span className={classes.end}>
          <EndIcon run={run} living={living} />
          <span className={classes.words} data-tone={toneOf(run)}>
            {endInWords(run, living)}
          </span>
        </span>
        <Fact name="by" className={classes.by}>
          {run.operator || null}
        </Fact>
        <Fact name="started" title={dateAndTime(run.started_at)}>
          {shortTime(run.started_at, now)}
        </Fact>
        <Fact name="lasted">{life === null ? null : lasted(life)}</Fact>
        <Fact name="CPU">{run.cpu_s === null ? null : lasted(run.cpu_s)}</Fact>
        <Fact name="peak memory">{run.peak_memory_bytes === null ? null : bytes(run.peak_memory_bytes)}</Fact>
        <IconChevronRight className={classes.chevron} size={16} stroke={1.8} aria-hidden />
      </Link>
    </li>
  )
}

/** A value under the name of its column, which those who hear the page hear before it. */
function Fact({ name, className, title, children }: { name: string; className?: string; title?: string; children: ReactNode }) {
  if (children === null) {
    return (
      <span className={`${classes.fact ?? ''} ${className ?? ''}`} data-none aria-hidden>
        –
      </span>
    )
  }
  return (
    <span className={`${classes.fact ?? ''} ${className ?? ''}`} data-name={name} title={title}>
      <span className="visually-hidden">, {name} </span>
      {children}
    </span>
  )
}
