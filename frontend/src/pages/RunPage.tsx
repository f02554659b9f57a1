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
import { useBot } from '../hooks/useDeck'
import { useToday } from '../hooks/useNow'
import { useRun } from '../hooks/useRuns'
import { useTitle } from '../hooks/useTitle'
import { shortTime } from '../lib/dates'
import { isAlive } from '../lib/states'
import { ApiError } from '../services/api'

/** One run of a bot: how it ended, and what it left for those who ask why. */
export function RunPage() {
  const { name, run: id } = useParams({ from: '/signed-in/bots/$name/runs/$run' })
  const { stale } = useChannel()
  const today = useToday()
  const status = useBot(name)?.status
  const living = status?.run === id && isAlive(status.state) && !stale
  const { data: run, error, isFetching, refetch } = useRun(name, id, living)
  useTitle(run ? `Run of ${shortTime(run.started_at, today)}: ${name}` : `Run: ${name}`)

  if (!run && error) {
    const none = error instanceof ApiError && error.status === 404
    if (none) return <NoSuchRun bot={name} said={error.message} />
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
          <RunHead run={run} living={living} />
          <PostMortemView key={id} run={run} living={living} />
        </>
      ) : (
        <RunSkeleton />
      )}
    </>
  )
}

function NoSuchRun({ bot, said }: { bot: string; said: string }) {
  return (
    <Middle>
      <IconFileOff size={40} stroke={1.4} aria-hidden />
      <div>
        <h1>This run is not kept</h1>
        <p className="muted">{said}</p>
      </div>
      <Link to="/bots/$name" params={{ name: bot }}>
        To the runs that are
      </Link>
    </Middle>
  )
}
