import { IconScissors } from '@tabler/icons-react'
import { memo } from 'react'
import { visible } from '../lib/ansi'
import { dateAndTime, timeOfDay } from '../lib/dates'
import type { LogLine } from '../types/api.gen'
import { LineText } from './LineText'
import classes from './LogPanel.module.css'

export const LogRow = memo(function LogRow({ line }: { line: LogLine }) {
  if (line.stream === 'note') return <Note line={line} />
  return (
    <li className={classes.row} data-testid="log-line" data-level={line.level ?? undefined} data-id={line.id}>
      <Time line={line} />
      <span className={classes.level}>{line.level}</span>
      <span className={classes.text} data-testid="log-text" data-ansi-text>
        <LineText text={line.text} />
      </span>
    </li>
  )
})

/** Botdeck's own word between the lines of the bot: what is missing here, and why. */
function Note({ line }: { line: LogLine }) {
  return (
    <li className={classes.noteRow} data-testid="log-note" data-id={line.id}>
      <Time line={line} />
      <span className={classes.note}>
        <IconScissors size={14} stroke={1.8} aria-hidden />
        <span>
          <strong>Botdeck:</strong> {visible(line.text)}
        </span>
      </span>
    </li>
  )
}

function Time({ line }: { line: LogLine }) {
  return (
    <time className={classes.time} dateTime={line.time} title={dateAndTime(line.time)}>
      {timeOfDay(line.time)}
    </time>
  )
}
