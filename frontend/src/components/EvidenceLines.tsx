import { LineText } from './LineText'
import classes from './EvidenceLines.module.css'

/** Lines a run left, the newest in sight: what killed it is mostly said last. */
export function EvidenceLines({ lines, label, none }: { lines: readonly string[]; label: string; none: string }) {
  if (lines.length === 0) return <p className={classes.none}>{none}</p>
  return (
    // The region scrolls, so the keyboard must reach it. Its box begins at the end: see useFollow.
    <div className={classes.scroller} role="log" aria-live="off" aria-label={label} tabIndex={0}>
      <ol className={classes.lines} data-ansi-text>
        {lines.map((line, index) => (
          // They are frozen, so their place is their identity.
          <li key={index} className={classes.line}>
            <LineText text={line} />
          </li>
        ))}
      </ol>
    </div>
  )
}
