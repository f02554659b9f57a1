import type { Look } from '../lib/states'
import classes from './StateIcon.module.css'

const SOLID: Record<Look, React.ReactNode> = {
  running: (
    <>
      <circle cx="10" cy="10" r="9" />
      <path className={classes.mark} d="m6 10.4 2.8 2.8L14 7.6" />
    </>
  ),
  busy: <circle className={classes.ring} cx="10" cy="10" r="7" strokeDasharray="9.2 5.46" />,
  warning: (
    <>
      <path className={classes.round} d="M10 2.5 18.5 17.5h-17z" />
      <path className={classes.mark} d="M10 8v4m0 2.7v.1" />
    </>
  ),
  failed: (
    <>
      <path d="M6.3 1h7.4L19 6.3v7.4L13.7 19H6.3L1 13.7V6.3z" />
      <path className={classes.mark} d="m7 7 6 6m0-6-6 6" />
    </>
  ),
  stopped: <rect x="2.5" y="2.5" width="15" height="15" rx="2.5" />,
  unknown: <circle className={classes.ring} cx="10" cy="10" r="7.5" />,
}

const OUTLINE: Record<Look, React.ReactNode> = {
  running: (
    <>
      <circle cx="10" cy="10" r="8" />
      <path d="m6.5 10.3 2.5 2.5 4.5-5" />
    </>
  ),
  busy: <circle cx="10" cy="10" r="7.5" strokeDasharray="9.8 5.9" />,
  warning: <path d="M10 3 18 17H2zm0 5.5v3.5m0 2.2v.1" />,
  failed: <path d="M6.7 2h6.6L18 6.7v6.6L13.3 18H6.7L2 13.3V6.7zM7.5 7.5l5 5m0-5-5 5" />,
  stopped: <rect x="3" y="3" width="14" height="14" rx="2" />,
  unknown: <circle cx="10" cy="10" r="7.5" />,
}

interface Props {
  look: Look
  /** Outlined and grey: what is shown is old. */
  stale?: boolean
  size?: number
}

/** The shape of a state. The word beside it says the same, so readers are not told twice. */
export function StateIcon({ look, stale = false, size = 16 }: Props) {
  return (
    <svg
      className={classes.icon}
      data-look={look}
      data-stale={stale || undefined}
      width={size}
      height={size}
      viewBox="0 0 20 20"
      aria-hidden="true"
    >
      {stale ? OUTLINE[look] : SOLID[look]}
    </svg>
  )
}
