import { IconRobot } from '@tabler/icons-react'
import { CopyText } from './CopyText'
import classes from './EmptyFleet.module.css'
import { Middle } from './Middle'

const EXAMPLE = `[bots.hello]
command = ["python", "bot.py"]
description = "Says hello"
`

/** No bots yet, and how to have one. */
export function EmptyFleet() {
  return (
    <Middle>
      <IconRobot size={40} stroke={1.4} aria-hidden />
      <div>
        <h1>No bots yet</h1>
        <p className="muted">
          Add one to <code>botdeck.toml</code>, then say <code>botdeck reload</code>. It appears here by itself.
        </p>
      </div>
      <div className={classes.example}>
        <pre className={classes.code}>{EXAMPLE}</pre>
        <CopyText text={EXAMPLE} className={classes.copy} />
      </div>
    </Middle>
  )
}
