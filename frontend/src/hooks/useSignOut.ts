import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { authAPI } from '../services/api'
import { deck } from '../stores/deck'

/** Ends the session, forgets what was shown in it, and goes to the sign-in page. When the deck does not hear of it
    the session lives on, so the page stays and `problem` says so. */
export function useSignOut(): { signOut: () => void; problem: Error | null } {
  const navigate = useNavigate()
  const queries = useQueryClient()
  const { mutate, error } = useMutation({
    mutationFn: () => authAPI.logout(),
    onSuccess: async () => {
      await navigate({ to: '/sign-in' })
      queries.clear()
      deck.clear()
    },
  })
  return {
    signOut: () => {
      mutate()
    },
    problem: error,
  }
}
