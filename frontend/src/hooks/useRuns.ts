import { useQuery } from '@tanstack/react-query'
import { isAlive } from '../lib/states'
import { botAPI } from '../services/api'
import type { BotStatus, Run } from '../types/api.gen'

/** The end of a run is told right after the status that says so; until it came it is asked for this often. */
const AWAITED_MS = 2_000
const NONE: readonly Run[] = []

interface Runs {
  /** Newest first. */
  runs: readonly Run[]
  loading: boolean
  problem: Error | null
  retry: () => void
}

/** The last runs of a bot, asked for again when one begins or ends. */
export function useRuns(status: BotStatus): Runs {
  const { bot, run, state } = status
  const alive = isAlive(state)
  const query = useQuery({
    queryKey: ['runs', bot, run, alive, status.crashes_total],
    queryFn: () => botAPI.runs(bot),
    staleTime: Infinity,
    placeholderData: (previous, before) => (before?.queryKey[1] === bot ? previous : undefined),
    refetchInterval: ({ state: { data } }) => (awaitsEnd(data, run, alive, state) ? AWAITED_MS : false),
  })
  return {
    runs: query.data ?? NONE,
    loading: query.isPending,
    problem: query.error,
    retry: () => void query.refetch(),
  }
}

/** True while the record of the newest run says less than the status, which has no contact missing. */
function awaitsEnd(runs: readonly Run[] | undefined, run: string | null, alive: boolean, state: BotStatus['state']): boolean {
  if (runs === undefined || run === null || state === 'unknown') return false
  const newest = runs.find(({ id }) => id === run)
  if (newest === undefined) return alive
  return !alive && newest.ended_at === null
}

/** One run with what it left; asked for again when its end is told. */
export function useRun(bot: string, run: string, living: boolean) {
  return useQuery({
    queryKey: ['run', bot, run, living],
    queryFn: () => botAPI.run(bot, run),
    retry: false,
    refetchInterval: ({ state: { data } }) => (data?.ended_at === null && !living ? AWAITED_MS : false),
  })
}
