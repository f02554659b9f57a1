import type { ReactNode } from 'react'
import { useNow } from '../hooks/useNow'
import { calendarDay, dateAndTime, shortTime } from '../lib/dates'
import { hoursMinutes } from '../lib/durations'
import { isAlive } from '../lib/states'
import type { BotLive } from '../stores/deck'
import type { State } from '../types/api.gen'
import { StatCard } from './StatCard'
import classes from './StatCards.module.css'

const MEANINGS = {
  uptime: 'Now minus the time at which the kernel started the process of the current run. Nothing resets it but the process itself.',
  users: 'Different people the bot has ever heard from, as the deck saw them.',
  messages: 'Messages received from people, not from bots, since midnight in the deck’s time zone. Each message counts once.',
  commands: 'Commands that were started and are not finished, of a run that is alive, younger than 15 minutes.',
}

const NUMBER = new Intl.NumberFormat('en')

/** A number as people read it, or a dash while it is not known. */
function shown(value: number | undefined): string {
  return value === undefined ? '–' : NUMBER.format(value)
}

export function CardGrid({ children }: { children: ReactNode }) {
  return <div className={classes.grid}>{children}</div>
}

export function StatCards({ bot, stale }: { bot: BotLive; stale: boolean }) {
  const { stats } = bot
  const day = stats ? `${calendarDay(stats.day)}, ${stats.time_zone}` : undefined
  return (
    <CardGrid>
      <UptimeCard bot={bot} stale={stale} />
      <StatCard
        label="Total users"
        meaning={MEANINGS.users}
        testId="total-users"
        value={shown(stats?.total_users)}
        number={stats?.total_users ?? null}
        note="people it has heard from"
        stale={stale}
      />
      <StatCard
        label="Messages today"
        meaning={day ? `${MEANINGS.messages} Today is ${day}.` : MEANINGS.messages}
        testId="messages-today"
        value={shown(stats?.messages_today)}
        number={stats?.messages_today ?? null}
        note={
          <>
            <span data-testid="messages-sent-today" data-value={stats?.messages_sent_today}>
              {shown(stats?.messages_sent_today)}
            </span>{' '}
            sent by the bot
          </>
        }
        hint={day}
        stale={stale}
      />
      <StatCard
        label="Active commands"
        meaning={MEANINGS.commands}
        testId="active-commands"
        value={shown(stats?.active_commands)}
        number={stats?.active_commands ?? null}
        note="started, not finished"
        stale={stale}
      />
    </CardGrid>
  )
}

function note(state: State, started: string | null): string {
  if (state === 'unknown') return 'not known now'
  return started ?? (isAlive(state) ? '' : 'no process')
}

/** Ticks by itself from what the deck said last, unless that is too old to know whether the process still lives. */
function UptimeCard({ bot, stale }: { bot: BotLive; stale: boolean }) {
  const { status, statusAt, uptime } = bot
  const known = isAlive(status.state) ? uptime.seconds : null
  const lives = known !== null
  const now = useNow(lives && !stale ? 1000 : null)
  const aged = stale ? 0 : Math.max(0, now - uptime.ms) / 1000
  const seconds = known === null ? null : known + aged
  const started = lives ? status.started_at : null
  return (
    <StatCard
      label="Uptime"
      meaning={MEANINGS.uptime}
      testId="uptime"
      value={seconds === null ? '–' : hoursMinutes(seconds)}
      number={seconds === null ? null : Math.floor(seconds)}
      note={note(status.state, started ? `started ${shortTime(started, statusAt.wall)}` : null)}
      hint={started ? `Started ${dateAndTime(started)}` : undefined}
      stale={stale}
    />
  )
}
