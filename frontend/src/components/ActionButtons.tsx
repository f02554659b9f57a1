import { Button } from '@mantine/core'
import { IconPlayerPlay, IconPlayerStop, IconRefresh, IconSkull } from '@tabler/icons-react'
import { makesSense } from '../lib/states'
import type { Action, BotStatus, Role } from '../types/api.gen'
import classes from './ActionButtons.module.css'

interface Props {
  status: BotStatus
  role: Role
  pending: Action | null
  onAction: (action: Action) => void
}

/** What is being waited for: asked for here, or by anybody, and seen in the status. */
function underWay(status: BotStatus, pending: Action | null): Action | null {
  if (status.state === 'stopping') return status.wanted === 'running' ? 'restart' : 'stop'
  return pending
}

export function ActionButtons({ status, role, pending, onAction }: Props) {
  const way = underWay(status, pending)
  const allowed = role !== 'viewer'
  const button = (action: Action) => ({
    disabled: !allowed || way !== null || !makesSense(action, status),
    // Not Mantine's `loading`: it covers the word, and the word is the news.
    'data-busy': way === action || undefined,
    onClick: () => {
      onAction(action)
    },
  })
  const why = !allowed
    ? 'Your role is viewer: you can look, but not act.'
    : status.state === 'unknown'
      ? 'Nothing can be asked of this bot while its runner is away.'
      : null
  return (
    <div className={classes.actions} role="group" aria-label={`Actions on ${status.bot}`} title={why ?? undefined}>
      <Button
        variant={makesSense('start', status) ? 'filled' : 'default'}
        leftSection={<IconPlayerPlay size={16} stroke={1.8} aria-hidden />}
        {...button('start')}
      >
        {way === 'start' ? 'Starting…' : 'Start'}
      </Button>
      <Button
        variant="default"
        leftSection={<IconPlayerStop className={classes.stop} size={16} stroke={1.8} aria-hidden />}
        {...button('stop')}
      >
        {way === 'stop' ? 'Stopping…' : 'Stop'}
      </Button>
      <Button
        variant="default"
        leftSection={<IconRefresh size={16} stroke={1.8} aria-hidden />}
        {...button('restart')}
      >
        {way === 'restart' ? 'Restarting…' : 'Restart'}
      </Button>
      {makesSense('kill', status) && (
        <Button
          variant="default"
          className={classes.kill}
          leftSection={<IconSkull size={16} stroke={1.8} aria-hidden />}
          disabled={!allowed || pending === 'kill'}
          onClick={() => {
            onAction('kill')
          }}
        >
          {pending === 'kill' ? 'Killing…' : 'Kill'}
        </Button>
      )}
      {why && <span className="visually-hidden">{why}</span>}
    </div>
  )
}
