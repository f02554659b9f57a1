import { Link } from '@tanstack/react-router'
import { isOver, type Unended } from '../lib/ends'
import type { PostMortem, Run } from '../types/api.gen'
import { EvidenceLines } from './EvidenceLines'
import { LastCommands } from './LastCommands'
import { MemoryChart } from './MemoryChart'
import { Panel } from './Panel'

/** What the run left, frozen at its end. */
export function PostMortemView({ run, now }: { run: Run; now: Unended }) {
  const left = run.post_mortem
  if (left && !isEmpty(left)) return <Left left={left} />
  return (
    <p className="muted">
      {run.cause === 'cannot_start' ? (
        'No process came to be, so there is nothing more to tell.'
      ) : isOver(run) ? (
        'Nothing more is kept of this run. What runs leave is kept of the latest ones only.'
      ) : now.lives ? (
        <>
          It is running now. Its figures and lines are on{' '}
          <Link to="/bots/$name" params={{ name: run.bot }}>
            the bot’s page
          </Link>
          .
        </>
      ) : (
        'As soon as its runner tells how it ended, that appears here with what it left.'
      )}
    </p>
  )
}

function isEmpty({ last_output: output, last_log: log, last_commands: commands, memory }: PostMortem): boolean {
  return output.length + log.length + commands.length + memory.length === 0
}

function Left({ left }: { left: PostMortem }) {
  return (
    <>
      <Panel id="last-output" title="Last output" hint="as printed, newest last">
        <EvidenceLines lines={left.last_output} label="Last output" none="It printed nothing." />
      </Panel>
      {left.last_log.length > 0 && (
        <Panel id="last-log" title="Last log lines" hint="through the logging handler">
          <EvidenceLines lines={left.last_log} label="Last log lines" none="" />
        </Panel>
      )}
      <Panel id="memory" title="Memory" hint="of the bot and everything it started">
        <MemoryChart points={left.memory} />
      </Panel>
      <Panel id="last-commands" title="Last commands" hint="before the end, newest last">
        <LastCommands commands={left.last_commands} />
      </Panel>
    </>
  )
}
