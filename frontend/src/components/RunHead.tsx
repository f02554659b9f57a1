import { useToday } from '../hooks/useNow'
import { bytes } from '../lib/bytes'
import { dateAndTime, dayAndTime, shortTime } from '../lib/dates'
import { lasted } from '../lib/durations'
import { endInWords, isOver, lifeS, toneOf, type Unended, WHOSE } from '../lib/ends'
import { evidenceOf } from '../lib/evidence'
import type { Run } from '../types/api.gen'
import { CopyText } from './CopyText'
import { EndIcon } from './EndIcon'
import classes from './RunHead.module.css'

/** When the run was, how it ended in words, and its figures. */
export function RunHead({ run, now }: { run: Run; now: Unended }) {
  const life = lifeS(run)
  const whose = run.cause && WHOSE[run.cause]
  const today = useToday()
  return (
    <>
      <div className={classes.top}>
        <h1 className={classes.title}>
          Run of <time dateTime={run.started_at}>{shortTime(run.started_at, today)}</time>
        </h1>
        {isOver(run) && <CopyText text={() => evidenceOf(run)} label="Copy evidence" />}
      </div>
      <div className={classes.end} data-tone={toneOf(run, now)} data-testid="end">
        <EndIcon run={run} now={now} size={22} />
        <div className={classes.said}>
          <p className={classes.words}>{endInWords(run, now)}</p>
          {whose && <p className={classes.kind}>{whose}</p>}
        </div>
      </div>
      <dl className={classes.facts}>
        <Fact name="Started" meaning={dateAndTime(run.started_at)}>
          <time dateTime={run.started_at}>{dayAndTime(run.started_at)}</time>
        </Fact>
        {run.ended_at && (
          <Fact name="Ended" meaning={dateAndTime(run.ended_at)}>
            <time dateTime={run.ended_at}>{dayAndTime(run.ended_at)}</time>
          </Fact>
        )}
        {life !== null && <Fact name="Lasted">{lasted(life)}</Fact>}
        {run.exit_code !== null && <Fact name="Exit code">{run.exit_code}</Fact>}
        {run.signal && <Fact name="Signal">{run.signal}</Fact>}
        {run.stop_timed_out && <Fact name="Stop">not in time, killed</Fact>}
        {run.operator && <Fact name="By">{run.operator}</Fact>}
        {run.cpu_s !== null && <Fact name="CPU time">{lasted(run.cpu_s)}</Fact>}
        {run.peak_memory_bytes !== null && (
          <Fact name="Peak memory" meaning="Largest resident size of one of its processes, by the kernel.">
            {bytes(run.peak_memory_bytes)}
          </Fact>
        )}
        {run.pid !== null && <Fact name="PID">{run.pid}</Fact>}
        <Fact name="Run">
          <code>{run.id}</code>
        </Fact>
      </dl>
    </>
  )
}

function Fact({ name, meaning, children }: { name: string; meaning?: string; children: React.ReactNode }) {
  return (
    <div className={classes.fact} title={meaning}>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  )
}
