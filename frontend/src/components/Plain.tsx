import type { ReactNode } from 'react'
import { Brand } from './Brand'
import classes from './Plain.module.css'

/** A page of one card in the middle: signing in, setting up, or saying what is wrong. */
export function Plain({ title, lead, children }: { title: string; lead?: ReactNode; children: ReactNode }) {
  return (
    <main className={classes.page}>
      <div className={classes.column}>
        <Brand />
        <div className={classes.card}>
          <div>
            <h1 className={classes.title}>{title}</h1>
            {lead && <p className="muted">{lead}</p>}
          </div>
          {children}
        </div>
      </div>
    </main>
  )
}
