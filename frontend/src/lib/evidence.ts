import type { LastCommand, PostMortem, Run } from '../types/api.gen'
import { bytes } from './bytes'
import { lasted, took } from './durations'
import { CAUSES, endInWords, lifeS } from './ends'

/** Everything that is known of a run's end as plain text, for a ticket or a chat. Times are UTC. */
export function evidenceOf(run: Run): string {
  return [facts(run), ...(run.post_mortem ? left(run.post_mortem) : [])].join('\n\n') + '\n'
}

function facts(run: Run): string {
  const life = lifeS(run)
  const rows: [string, string | null][] = [
    ['Bot', run.bot],
    ['Run', run.id],
    ['Ended', endInWords(run, { word: 'not told yet' })],
    ['Kind', run.cause && CAUSES[run.cause]],
    ['Exit code', run.exit_code === null ? null : String(run.exit_code)],
    ['Signal', run.signal],
    ['By', run.operator || null],
    ['Stop timed out', run.stop_timed_out ? 'yes, it was killed' : null],
    ['From', run.started_at],
    ['To', run.ended_at],
    ['Lasted', life === null ? null : lasted(life)],
    ['CPU time', run.cpu_s === null ? null : lasted(run.cpu_s)],
    ['Peak memory', run.peak_memory_bytes === null ? null : bytes(run.peak_memory_bytes)],
  ]
  return rows.flatMap(([name, value]) => (value === null ? [] : [`${`${name}:`.padEnd(16)}${value}`])).join('\n')
}

function left({ last_output: output, last_log: log, last_commands: commands, memory }: PostMortem): string[] {
  const first = memory[0]
  const last = memory.at(-1)
  return [
    section('Last output', output),
    section('Last lines of the logging handler', log),
    section('Last commands', commands.map(commandInWords)),
    section('Memory', first && last ? [`${bytes(first.bytes)} after ${lasted(first.at_s)}, ${bytes(last.bytes)} after ${lasted(last.at_s)}`] : []),
  ].filter(Boolean)
}

function section(title: string, lines: string[]): string {
  return lines.length === 0 ? '' : [`--- ${title}`, ...lines].join('\n')
}

function commandInWords(command: LastCommand): string {
  const { name, user, started_at: at, duration_ms: ms, outcome } = command
  return [at, name, user && `by ${user}`, ms === null ? 'not finished' : took(ms), outcome].filter(Boolean).join(' ')
}
