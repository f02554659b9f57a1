import { useRouteContext } from '@tanstack/react-router'
import type { Operator } from '../types/api.gen'
import { useDeck } from './useDeck'

/** Who is signed in, as the live channel told last: the role may be another one than when the page was opened. */
export function useOperator(): Operator {
  const { operator } = useRouteContext({ from: '/signed-in' })
  return useDeck((state) => state.operator) ?? operator
}
