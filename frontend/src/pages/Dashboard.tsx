import { Button } from '@mantine/core'
import { IconPlugConnectedX, IconRobotOff } from '@tabler/icons-react'
import { Link, useRouteContext } from '@tanstack/react-router'
import { Announcer } from '../components/Announcer'
import { BotHeader } from '../components/BotHeader'
import { BotSwitch } from '../components/BotSwitch'
import { DashboardSkeleton } from '../components/DashboardSkeleton'
import { EmptyFleet } from '../components/EmptyFleet'
import { LogPanel } from '../components/LogPanel'
import { Middle } from '../components/Middle'
import { Notice } from '../components/Notice'
import { RunPanel } from '../components/RunPanel'
import { StatCards } from '../components/StatCards'
import { TroubleBanner } from '../components/TroubleBanner'
import { UseStrip } from '../components/UseStrip'
import { useChannel, useLoss } from '../hooks/useConnection'
import { useBot, useDeck } from '../hooks/useDeck'
import { useGapCloser, useShownBot } from '../hooks/useLive'
import { useTitle } from '../hooks/useTitle'
import { lookOf, runsElsewhere, word } from '../lib/states'

/** One bot: its state, its figures, its last lines. `bot` is null for the default one. */
export function Dashboard({ bot: named }: { bot: string | null }) {
  const { stale, pollProblem, pollNow } = useChannel()
  const loss = useLoss()
  const name = useShownBot(named)
  useGapCloser(name)
  const known = useDeck((state) => state.order !== null)
  const status = useBot(name)?.status

  const summary = name && status ? `${word(status)}: ${name}` : 'Botdeck'
  useTitle(stale ? `Not live: ${name ?? 'Botdeck'}` : summary, stale || !status ? 'unknown' : lookOf(status))

  return (
    <>
      <Announcer sentence={stale ? `${loss.sentence} The values shown are not live.` : summary} />
      {known ? <Shown name={name} stale={stale} /> : <NotYet problem={pollProblem} onRetry={pollNow} />}
    </>
  )
}

function NotYet({ problem, onRetry }: { problem: Error | null; onRetry: () => void }) {
  if (!problem) return <DashboardSkeleton />
  return (
    <Middle>
      <IconPlugConnectedX size={40} stroke={1.4} aria-hidden />
      <div>
        <h1>The dashboard could not be loaded</h1>
        <p className="muted">Bots go on running without the deck. This page tries again by itself every 10 s.</p>
      </div>
      <Notice>{problem.message}</Notice>
      <Button variant="default" onClick={onRetry}>
        Try again
      </Button>
    </Middle>
  )
}

function Shown({ name, stale }: { name: string | null; stale: boolean }) {
  const bot = useBot(name)
  const { operator } = useRouteContext({ from: '/signed-in' })
  if (name === null) return <EmptyFleet />
  if (!bot) return <UnknownBot name={name} />
  return (
    <>
      <TroubleBanner host={bot.status.runner} />
      <BotSwitch shown={name} stale={stale} />
      <BotHeader key={`header ${name}`} bot={bot} role={operator.role} stale={stale} />
      <StatCards bot={bot} stale={stale} />
      {!runsElsewhere(bot.status) && <UseStrip bot={bot} stale={stale} />}
      <LogPanel key={`log ${name}`} bot={bot} stale={stale} />
      <RunPanel key={`runs ${name}`} bot={bot} stale={stale} />
    </>
  )
}

function UnknownBot({ name }: { name: string }) {
  const order = useDeck((state) => state.order) ?? []
  return (
    <Middle>
      <IconRobotOff size={40} stroke={1.4} aria-hidden />
      <h1>No bot named “{name}”</h1>
      <p className="muted">
        {order.length === 0 ? 'There are no bots yet.' : 'The bots of this deck: '}
        {order.map((known, index) => (
          <span key={known}>
            {index > 0 && ', '}
            <Link to="/bots/$name" params={{ name: known }}>
              {known}
            </Link>
          </span>
        ))}
      </p>
    </Middle>
  )
}
