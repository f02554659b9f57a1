import { dateAndTime, timeOfDay } from '../lib/dates'
import { took } from '../lib/durations'
import type { LastCommand } from '../types/api.gen'
import classes from './LastCommands.module.css'

/** What chat users asked of the bot shortly before its end. */
export function LastCommands({ commands }: { commands: readonly LastCommand[] }) {
  if (commands.length === 0) return <p className={classes.none}>No command was given, or the bot does not report commands.</p>
  return (
    <table className={classes.table}>
      <thead>
        <tr>
          <th scope="col">At</th>
          <th scope="col">Command</th>
          <th scope="col">User</th>
          <th scope="col">Took</th>
          <th scope="col">Outcome</th>
        </tr>
      </thead>
      <tbody>
        {commands.map((command, index) => (
          <Row key={index} command={command} />
        ))}
      </tbody>
    </table>
  )
}

function Row({ command }: { command: LastCommand }) {
  const { name, user, started_at: at, duration_ms: ms, outcome } = command
  const open = ms === null
  return (
    <tr data-open={open || undefined}>
      <td>
        <time dateTime={at} title={dateAndTime(at)}>
          {timeOfDay(at)}
        </time>
      </td>
      <td className={classes.name}>{name}</td>
      <td className={classes.user}>{user ?? '–'}</td>
      <td>{open ? '–' : took(ms)}</td>
      <td data-outcome={open ? 'open' : (outcome ?? undefined)}>{open ? 'not finished' : (outcome ?? '–')}</td>
    </tr>
  )
}
