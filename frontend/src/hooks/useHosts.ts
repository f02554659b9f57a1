import { useMutation } from '@tanstack/react-query'
import { runnerAPI } from '../services/api'
import type { RunnerStatus } from '../types/api.gen'
import { useDeck } from './useDeck'

const NONE: readonly RunnerStatus[] = []

/** All runners that the deck knows, by name. */
export function useRunners(): readonly RunnerStatus[] {
  return useDeck((state) => state.runners) ?? NONE
}

export function useRunner(name: string): RunnerStatus | undefined {
  return useRunners().find((runner) => runner.name === name)
}

export function useInvitation() {
  return useMutation({ mutationFn: (name: string | null) => runnerAPI.invite(name), gcTime: 0 })
}

/** The list follows over the live channel. */
export function useRemoval(name: string, onRemoved: () => void) {
  return useMutation({ mutationFn: () => runnerAPI.remove(name), onSuccess: onRemoved })
}
