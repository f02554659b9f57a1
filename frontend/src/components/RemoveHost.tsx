import { Button } from '@mantine/core'
import { useRemoval } from '../hooks/useHosts'
import type { RunnerStatus } from '../types/api.gen'
import { Dialog, DialogFoot } from './Dialog'
import { Notice } from './Notice'

/** Asks before a host's access is taken away, and says what that does and what it does not. */
export function RemoveHost({ runner, onClose }: { runner: RunnerStatus; onClose: () => void }) {
  const removal = useRemoval(runner.name, onClose)
  return (
    <Dialog title={`Remove host ${runner.name}?`} onClose={onClose}>
      <ul>
        <li>Its runner is let in no more, from now on.</li>
        <li>{onGoing(runner.bots)} neither seen nor steered from here any more.</li>
        <li>What is stored of them stays. To come back, the host needs a new invitation.</li>
      </ul>
      {removal.error && <Notice>{removal.error.message}</Notice>}
      <DialogFoot>
        <Button variant="default" onClick={onClose}>
          Keep it
        </Button>
        <Button
          color="red"
          disabled={removal.isPending}
          onClick={() => {
            removal.mutate()
          }}
        >
          {removal.isPending ? 'Removing…' : 'Remove host'}
        </Button>
      </DialogFoot>
    </Dialog>
  )
}

function onGoing(bots: number): string {
  if (bots === 1) return 'Its bot goes on running there, but is'
  return `${bots === 0 ? 'Bots that run there' : `Its ${bots} bots`} go on, but are`
}
