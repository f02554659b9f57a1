import { Link } from '@tanstack/react-router'
import { useEffect, useRef } from 'react'
import { useDeck } from '../hooks/useDeck'
import { bytes } from '../lib/bytes'
import { percent } from '../lib/percent'
import { isAlive, lookOf, word } from '../lib/states'
import type { BotStatus } from '../types/api.gen'
import classes from './BotRail.module.css'
import { StateIcon } from './StateIcon'

/** All bots with their states, when there is more than one to choose from. On a phone BotSwitch stands in. */
export function BotRail({ shown, stale }: { shown: string | null; stale: boolean }) {
  const order = useDeck((state) => state.order)
  const bots = useDeck((state) => state.bots)
  const list = useRef<HTMLUListElement>(null)
  const listed = order !== null
  // The one that is shown may be far down a long list.
  useEffect(() => {
    list.current?.querySelector('[aria-current]')?.scrollIntoView({ block: 'nearest' })
  }, [shown, listed])
  if (!order || order.length < 2) return null
  return (
    <nav className={classes.rail} aria-label="Bots">
      <div className={classes.stay}>
        <p className={classes.title}>
          Bots <span className={classes.count}>{order.length}</span>
        </p>
        <ul className={classes.list} ref={list}>
          {order.map((name) => {
            const status = bots[name]?.status
            return (
              status && (
                <li key={name}>
                  <Link
                    to="/bots/$name"
                    params={{ name }}
                    className={classes.bot}
                    aria-current={name === shown ? 'page' : undefined}
                  >
                    <StateIcon look={lookOf(status)} stale={stale} />
                    <span className={classes.name}>{name}</span>{' '}
                    <span className={classes.word}>{word(status)}</span>
                    <RailUse status={status} stale={stale} />
                  </Link>
                </li>
              )
            )
          })}
        </ul>
      </div>
    </nav>
  )
}

/** What the bot uses now. When that is old it says less than nothing, so it is not here at all. */
function RailUse({ status, stale }: { status: BotStatus; stale: boolean }) {
  const sample = isAlive(status.state) && !stale ? status.sample : null
  if (!sample) return null
  return (
    <span className={classes.use}>
      <span className="visually-hidden">, CPU </span>
      {percent(sample.cpu_percent)}
      <span className="visually-hidden">, memory </span>
      <span className={classes.memory}>{bytes(sample.memory_bytes)}</span>
    </span>
  )
}
