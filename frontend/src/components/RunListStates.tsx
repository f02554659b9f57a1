import { Button } from '@mantine/core'
import { Notice } from './Notice'
import classes from './RunListStates.module.css'

export function RunBones() {
  return (
    <div aria-busy="true">
      <p className="visually-hidden">Loading the runs…</p>
      {[0, 1, 2].map((row) => (
        <div key={row} className={classes.bone} />
      ))}
    </div>
  )
}

export function RunsProblem({ message, onRetry }: { message: string; onRetry: () => void }) {
  return (
    <div className={classes.problem}>
      <Notice>{message}</Notice>
      <Button size="xs" variant="default" onClick={onRetry}>
        Try again
      </Button>
    </div>
  )
}
