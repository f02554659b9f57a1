import { Button, CopyButton } from '@mantine/core'
import { IconCheck, IconCopy, IconRobot } from '@tabler/icons-react'
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
          Add one to <code>botdeck.toml</code>, then start <code>botdeck up</code> again. It appears here by itself.
        </p>
      </div>
      <div className={classes.example}>
        <pre className={classes.code}>{EXAMPLE}</pre>
        <CopyButton value={EXAMPLE}>
          {({ copied, copy }) => (
            <Button
              size="xs"
              variant="default"
              className={classes.copy}
              leftSection={copied ? <IconCheck size={14} aria-hidden /> : <IconCopy size={14} aria-hidden />}
              onClick={copy}
            >
              {copied ? 'Copied' : 'Copy'}
            </Button>
          )}
        </CopyButton>
      </div>
    </Middle>
  )
}
