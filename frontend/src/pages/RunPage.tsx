import { Button } from '@mantine/core'
import { IconFileOff } from '@tabler/icons-react'
import { Link, useParams } from '@tanstack/react-router'
import { Back } from '../components/Back'
import { Middle } from '../components/Middle'
import { Notice } from '../components/Notice'
import { PostMortemView } from '../components/PostMortemView'
import { RunHead } from '../components/RunHead'
import { RunSkeleton } from '../components/RunSkeleton'
import { useChannel } from '../hooks/useConnection'
import { useBot, useDeck } from '../hooks/useDeck'
import { useToday } from '../hooks/useNow'
import { useRun } from '../hooks/useRuns'
import { useTitle } from '../hooks/useTitle'
import { shortTime } from '../lib/dates'
import { unended } from '../lib/ends'
import { ApiError } from '../services/api'

/** One run of a bot: how it ended, and what it left for those who ask why. */
export function RunPage() {
  const { name, run: id } = useParams({ from: '/signed-in/bots/$name/runs/$run' })
  const { stale } = useChannel()
  const today = useToday()
  const status = useBot(name)?.status
  const unheard = useDeck((state) => state.order === null)
  const now = unended(id, status, stale)
  const { data: run, error, isFetching, refetch } = useRun(name, id, now.lives)
  useTitle(run ? `Run of ${shortTime(run.started_at, today)}: ${name}` : `Run: ${name}`)

  if (!run && error) {
    const none = error instanceof ApiError && error.status === 404
    if (none) return <NoSuchRun bot={name} run={id} known={unheard || status !== undefined} />
    return (
      <>
        <Back bot={name} />
        <h1 className="visually-hidden">The run could not be loaded</h1>
        <Notice>{error.message}</Notice>
        <div>
          <Button variant="default" disabled={isFetching} onClick={() => void refetch()}>
            {isFetching ? 'Trying…' : 'Try again'}
          </Button>
        </div>
      </>
    )
  }
  return (
    <>
      <Back bot={name} />
      {run ? (
        <>
          <RunHead run={run} now={now} />
          <PostMortemView key={id} run={run} now={now} />
        </>
      ) : (
        <RunSkeleton />
      )}
    </>
  )
}

function NoSuchRun({ bot, run, known }: { bot: string; run: string; known: boolean }) {
  return (
    <Middle>
      <IconFileOff size={40} stroke={1.4} aria-hidden />
      <div>
        <h1>There is no such run</h1>
        <p className="muted">
          {known ? `Of ${bot} no run ${run} is kept. Old ones are let go after a while.` : `The deck knows no bot named ${bot}.`}
        </p>
      </div>
      <Link to="/bots/$name" params={{ name: bot }}>
        {known ? `To ${bot} and its runs` : 'To the bots there are'}
      </Link>
    </Middle>
  )
}
