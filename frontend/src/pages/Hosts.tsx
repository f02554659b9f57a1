import { Button } from '@mantine/core'
import { IconPlus, IconPlugConnectedX, IconServerOff } from '@tabler/icons-react'
import { useState } from 'react'
import { Announcer } from '../components/Announcer'
import { HostCard } from '../components/HostCard'
import { HostsSkeleton } from '../components/HostsSkeleton'
import { InviteHost } from '../components/InviteHost'
import { Middle } from '../components/Middle'
import { Notice } from '../components/Notice'
import { useChannel, useLoss } from '../hooks/useConnection'
import { useDeck } from '../hooks/useDeck'
import { useOperator } from '../hooks/useOperator'
import { useTitle } from '../hooks/useTitle'
import type { Look } from '../lib/states'
import { counted } from '../lib/sentences'
import type { RunnerStatus } from '../types/api.gen'
import classes from './Hosts.module.css'

/** The hosts that run bots: whether they are in contact, how busy they are, and what is wrong there. */
export function Hosts() {
  const { stale, pollProblem, pollNow } = useChannel()
  const loss = useLoss()
  const runners = useDeck((state) => state.runners)
  const operator = useOperator()
  const [inviting, setInviting] = useState(false)
  const { look, said } = summaryOf(runners ?? [])
  useTitle(stale ? 'Not live: Hosts' : 'Hosts – Botdeck', stale || !runners ? 'unknown' : look)

  const mayChange = operator.role === 'admin'
  return (
    <>
      <Announcer sentence={stale ? `${loss.sentence} The values shown are not live.` : said} />
      <div className={classes.head}>
        <div>
          <h1 className={classes.title}>Hosts</h1>
          <p className="muted">Each has a runner, which keeps its bots alive and tells this deck of them.</p>
        </div>
        {mayChange && (
          <Button
            leftSection={<IconPlus size={16} stroke={1.8} aria-hidden />}
            onClick={() => {
              setInviting(true)
            }}
          >
            Invite a host
          </Button>
        )}
      </div>
      {runners ? <List runners={runners} stale={stale} mayChange={mayChange} /> : <NotYet problem={pollProblem} onRetry={pollNow} />}
      {inviting && (
        <InviteHost
          onClose={() => {
            setInviting(false)
          }}
        />
      )}
    </>
  )
}

function List({ runners, stale, mayChange }: { runners: readonly RunnerStatus[]; stale: boolean; mayChange: boolean }) {
  if (runners.length === 0) {
    return (
      <Middle>
        <IconServerOff size={40} stroke={1.4} aria-hidden />
        <div>
          <h2 className={classes.none}>No host yet</h2>
          <p className="muted">
            <code>botdeck up</code> brings one on this machine. Others join with an invitation
            {mayChange ? '.' : ' of an admin.'}
          </p>
        </div>
      </Middle>
    )
  }
  return (
    <ul className={classes.list}>
      {runners.map((runner) => (
        <HostCard key={runner.name} runner={runner} stale={stale} mayRemove={mayChange && runner.joined} />
      ))}
    </ul>
  )
}

function NotYet({ problem, onRetry }: { problem: Error | null; onRetry: () => void }) {
  if (!problem) return <HostsSkeleton />
  return (
    <Middle>
      <IconPlugConnectedX size={40} stroke={1.4} aria-hidden />
      <p className="muted">The hosts could not be loaded. This page tries again by itself every 10 s.</p>
      <Notice>{problem.message}</Notice>
      <Button variant="default" onClick={onRetry}>
        Try again
      </Button>
    </Middle>
  )
}

/** The worst of all hosts, for the tab, and in words for those who hear the page. */
function summaryOf(runners: readonly RunnerStatus[]): { look: Look; said: string } {
  const lost = runners.filter(({ connected }) => !connected).length
  const troubled = runners.filter(({ connected, troubles }) => connected && troubles.length > 0).length
  const said = [
    counted(runners.length, 'host'),
    lost > 0 ? `${lost} out of contact` : '',
    troubled > 0 ? `${troubled} with something wrong` : '',
  ]
  return { look: lost + troubled > 0 ? 'warning' : 'running', said: said.filter(Boolean).join(', ') }
}
