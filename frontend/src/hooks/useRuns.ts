import { useQuery } from '@tanstack/react-query'
import { botAPI } from '../services/api'
import type { Run } from '../types/api.gen'

const NONE: ReadonlyMap<string, Run> = new Map()

/** The last runs of a bot by id, asked for again when a new one begins. */
export function useRuns(bot: string, latest: string | undefined): ReadonlyMap<string, Run> {
  const { data } = useQuery({
    queryKey: ['runs', bot, latest],
    queryFn: async () => new Map((await botAPI.runs(bot)).map((run) => [run.id, run])),
    enabled: latest !== undefined,
    staleTime: Infinity,
    placeholderData: (previous) => previous,
  })
  return data ?? NONE
}
