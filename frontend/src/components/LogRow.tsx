import { memo } from 'react'
import { pieces } from '../lib/ansi'
import { dateAndTime, timeOfDay } from '../lib/dates'
import type { LogLine } from '../types/api.gen'
import classes from './LogPanel.module.css'

/** One line. What the bot wrote is only ever put into text nodes. */
export const LogRow = memo(function LogRow({ line }: { line: LogLine }) {
  return (
    <li className={classes.row} data-testid="log-line" data-level={line.level ?? undefined} data-id={line.id}>
      <time className={classes.time} dateTime={line.time} title={dateAndTime(line.time)}>
        {timeOfDay(line.time)}
      </time>
      <span className={classes.level}>{line.level}</span>
      <span className={classes.text} data-testid="log-text">
        {pieces(line.text).map((piece, index) =>
          piece.colour === null && !piece.bold && !piece.dim ? (
            piece.text
          ) : (
            <span
              // The pieces of a line never change.
              key={index}
              data-ansi={piece.colour === null ? undefined : piece.colour % 8}
              data-bold={piece.bold || undefined}
              data-dim={piece.dim || undefined}
            >
              {piece.text}
            </span>
          ),
        )}
      </span>
    </li>
  )
})
