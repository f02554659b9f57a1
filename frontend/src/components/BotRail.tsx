import { Link } from '@tanstack/react-router'
import { useEffect, useRef } from 'react'
import { useDeck } from '../hooks/useDeck'
import { lookOf, word } from '../lib/states'
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
      <p className={classes.title}>
        Bots <span className={classes.count}>{order.length}</span>
      </p>
      <ul className={classes.list} ref={list}>
        {order.map((name) => {
          const state = bots[name]?.status.state ?? 'unknown'
          return (
            <li key={name}>
              <Link
                to="/bots/$name"
                params={{ name }}
                className={classes.bot}
                aria-current={name === shown ? 'page' : undefined}
              >
                <StateIcon look={lookOf(state)} stale={stale} />
                <span className={classes.name}>{name}</span>
                <span className={classes.word}>{word(state)}</span>
              </Link>
            </li>
          )
        })}
      </ul>
    </nav>
  )
}
