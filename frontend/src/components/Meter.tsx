import type { Level } from '../lib/levels'
import classes from './Meter.module.css'

interface Props {
  label: string
  /** 0 to 1; more is drawn as full. */
  share: number
  level: Level
  /** The value in words, for those who hear the page. */
  said: string
}

/** A thin bar: how much of something is used. The number stands beside it. */
export function Meter({ label, share, level, said }: Props) {
  const percent = Math.round(Math.min(1, Math.max(0, share)) * 100)
  return (
    <span
      className={classes.meter}
      role="meter"
      aria-label={label}
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={percent}
      aria-valuetext={said}
      data-level={level}
    >
      <span className={classes.bar} style={{ width: `${percent}%` }} />
    </span>
  )
}
