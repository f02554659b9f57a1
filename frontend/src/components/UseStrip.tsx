import type { ReactNode } from 'react'
import { bytes } from '../lib/bytes'
import { percent } from '../lib/percent'
import { NUMBER } from '../lib/sentences'
import { isAlive } from '../lib/states'
import type { BotLive } from '../stores/deck'
import { StartBudget } from './StartBudget'
import classes from './UseStrip.module.css'

const MEANINGS = {
  cpu: 'Of one core, by the bot and everything it started: four busy threads use 400 %.',
  memory: 'Resident memory of the bot and everything it started. Pages that they share count for each of them.',
  threads: 'Of the bot and everything it started.',
  files: 'Files and sockets that the bot’s main process holds open.',
  children: 'Processes beside the main one.',
  crashes: 'Ends of runs that nobody asked for, ever.',
  restarts: 'Restarts that an operator asked for, ever.',
}

interface CellProps {
  label: string
  meaning: string
  testId: string
  /** A dash stands in for what is not known. */
  value: ReactNode
}

function Cell({ label, meaning, testId, value }: CellProps) {
  return (
    <div className={classes.cell} title={meaning}>
      <dt className={classes.label}>{label}</dt>
      <dd className={classes.value} data-testid={testId}>
        {value}
      </dd>
    </div>
  )
}

/** What the bot uses of its host right now, and how often it was started, in one quiet line. */
export function UseStrip({ bot: { status }, stale }: { bot: BotLive; stale: boolean }) {
  const sample = isAlive(status.state) ? status.sample : null
  const number = (value: number | undefined) => (value === undefined ? '–' : NUMBER.format(value))
  return (
    <section aria-label="Use and starts" className={classes.strip} data-stale={stale || undefined}>
      <dl className={classes.cells}>
        <Cell label="CPU" meaning={MEANINGS.cpu} testId="cpu" value={sample ? percent(sample.cpu_percent) : '–'} />
        <Cell label="Memory" meaning={MEANINGS.memory} testId="memory" value={sample ? bytes(sample.memory_bytes) : '–'} />
        <Cell label="Threads" meaning={MEANINGS.threads} testId="threads" value={number(sample?.threads)} />
        <Cell label="Open files" meaning={MEANINGS.files} testId="open-files" value={number(sample?.open_files)} />
        <Cell label="Children" meaning={MEANINGS.children} testId="children" value={number(sample?.children)} />
        <Cell label="Crashes" meaning={MEANINGS.crashes} testId="crashes" value={number(status.crashes_total)} />
        <Cell label="Restarts by hand" meaning={MEANINGS.restarts} testId="restarts" value={number(status.operator_restarts)} />
        <StartBudget starts={status.starts_24h} budget={status.start_budget} />
      </dl>
    </section>
  )
}
