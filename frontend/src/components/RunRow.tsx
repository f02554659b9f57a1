import { IconChevronRight } from '@tabler/icons-react'
import { Link } from '@tanstack/react-router'
import type { ReactNode } from 'react'
import { bytes } from '../lib/bytes'
import { dateAndTime, shortTime } from '../lib/dates'
import { lasted } from '../lib/durations'
import { endInWords, lifeS, toneOf, type Unended } from '../lib/ends'
import type { Run } from '../types/api.gen'
import { EndIcon } from './EndIcon'
import classes from './RunList.module.css'

interface Props {
  run: Run
  /** What is known of it while its end is not told. */
  now: Unended
  /** For the dates, as milliseconds of the epoch. */
  today: number
}

/** One run as a line that leads to what it left. */
export function RunRow({ run, now, today }: Props) {
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
          <EndIcon run={run} now={now} />
          <span className={classes.words} data-tone={toneOf(run, now)}>
            {endInWords(run, now)}
          </span>
        </span>
        <span className={classes.facts}>
          <Fact name="by">{run.operator || null}</Fact>
          <Fact name="started" title={dateAndTime(run.started_at)}>
            {shortTime(run.started_at, today)}
          </Fact>
          <Fact name="lasted">{life === null ? null : lasted(life)}</Fact>
          <Fact name="CPU">{run.cpu_s === null ? null : lasted(run.cpu_s)}</Fact>
          <Fact name="peak memory">{run.peak_memory_bytes === null ? null : bytes(run.peak_memory_bytes)}</Fact>
        </span>
        <IconChevronRight className={classes.chevron} size={16} stroke={1.8} aria-hidden />
      </Link>
    </li>
  )
}

/** A value under the name of its column, which those who hear the page hear before it. */
function Fact({ name, title, children }: { name: string; title?: string; children: ReactNode }) {
  if (children === null) {
    return (
      <span className={classes.fact} data-none aria-hidden>
        –
      </span>
    )
  }
  return (
    <span className={classes.fact} data-name={name} title={title}>
      <span className="visually-hidden">, {name} </span>
      {children}
    </span>
  )
}
