import type { ReactNode } from 'react'
import classes from './Middle.module.css'

/** A few lines in the middle of the page, in place of what is not there. */
export function Middle({ children }: { children: ReactNode }) {
  return <section className={classes.middle}>{children}</section>
}
