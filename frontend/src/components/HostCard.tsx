import { Button } from '@mantine/core'
import { IconAlertTriangle } from '@tabler/icons-react'
import { useState } from 'react'
import { useDeckTime } from '../hooks/useDeck'
import { useToday } from '../hooks/useNow'
import { dateAndTime, shortTime } from '../lib/dates'
import { roughly } from '../lib/durations'
import { counted, sentence } from '../lib/sentences'
import type { RunnerStatus } from '../types/api.gen'
import classes from './HostCard.module.css'
import { HostMeters } from './HostMeters'
import { RemoveHost } from './RemoveHost'
import { StateIcon } from './StateIcon'

interface Props {
  runner: RunnerStatus
  stale: boolean
  mayRemove: boolean
}

/** One host and the runner on it. */
export function HostCard({ runner, stale, mayRemove }: Props) {
  const [removing, setRemoving] = useState(false)
  const { name, host, connected, troubles } = runner
  return (
    <li className={classes.card} data-testid="host" data-stale={stale || !connected || undefined}>
      <div className={classes.head}>
        <StateIcon look={!connected ? 'unknown' : troubles.length > 0 ? 'warning' : 'running'} stale={stale} size={18} />
        <div className={classes.who}>
          <h2 className={classes.name}>{name}</h2>
          <p className={classes.meta}>
            <Contact runner={runner} stale={stale} />
          </p>
        </div>
        {mayRemove && (
          <Button
            size="compact-xs"
            variant="subtle"
            className={classes.remove}
            aria-label={`Remove host ${name}`}
            onClick={() => {
              setRemoving(true)
            }}
          >
            Remove
          </Button>
        )}
      </div>
      {troubles.map((trouble) => (
        <p key={trouble} className={classes.trouble}>
          <IconAlertTriangle size={16} stroke={1.8} aria-hidden />
          <span>{sentence(trouble)}</span>
        </p>
      ))}
      <HostMeters load={runner.load} connected={connected} old={stale || !connected} />
      <p className={classes.foot}>
        <span>{counted(runner.bots, 'bot')}</span>
        {host && name !== host && <span>on {host}</span>}
        <span>{runner.version ? `Botdeck ${runner.version}` : 'version not told'}</span>
        <span>{runner.joined ? 'joined by invitation' : 'the deck’s own'}</span>
      </p>
      {removing && (
        <RemoveHost
          runner={runner}
          onClose={() => {
            setRemoving(false)
          }}
        />
      )}
    </li>
  )
}

/** In contact since when, or lost for how long by the deck's clock. */
function Contact({ runner: { connected, since, load }, stale }: { runner: RunnerStatus; stale: boolean }) {
  const time = useDeckTime(connected || stale ? null : 1000)
  const when = <time title={dateAndTime(since)}>{shortTime(since, useToday())}</time>
  if (connected) {
    return (
      <>
        {stale ? 'Was connected' : 'Connected'} since {when}
      </>
    )
  }
  const age = time === null || stale ? null : Math.max(0, time - Date.parse(since)) / 1000
  return (
    <>
      <strong>No contact</strong> since {when}
      {age !== null && age >= 1 && `, for ${roughly(age)}`}
      {load && '; figures from before'}
    </>
  )
}
