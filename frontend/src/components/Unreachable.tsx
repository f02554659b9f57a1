import { Button } from '@mantine/core'
import { useRouter } from '@tanstack/react-router'
import { useState } from 'react'
import { Notice } from './Notice'
import { Plain } from './Plain'

/** In place of a page that could not even begin, mostly since the deck does not answer. */
export function Unreachable({ error }: { error: unknown }) {
  const router = useRouter()
  const [tries, setTries] = useState(false)
  return (
    <Plain title="Could not load this page">
      <Notice>{error instanceof Error ? error.message : String(error)}</Notice>
      <p className="muted">
        If the deck runs on this machine, look at the terminal where <code>botdeck up</code> runs. Bots go on running
        without it.
      </p>
      <Button
        fullWidth
        disabled={tries}
        onClick={() => {
          setTries(true)
          void router.invalidate().finally(() => {
            setTries(false)
          })
        }}
      >
        {tries ? 'Trying…' : 'Try again'}
      </Button>
    </Plain>
  )
}
