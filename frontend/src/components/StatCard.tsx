import { ActionIcon, Tooltip } from '@mantine/core'
import { IconInfoCircle } from '@tabler/icons-react'
import type { ReactNode } from 'react'
import classes from './StatCard.module.css'

interface Props {
  label: string
  /** What exactly the number counts. */
  meaning: string
  testId: string
  /** As people read it. */
  value: string
  /** The plain number; null when there is none. */
  number: number | null
  note?: ReactNode
  /** Shown on hover over value and note. */
  hint?: string
  stale: boolean
}

export function StatCard({ label, meaning, testId, value, number, note, hint, stale }: Props) {
  return (
    <section className={classes.card} aria-label={label} data-stale={stale || undefined}>
      <div className={classes.label}>
        <h2 className={classes.name}>{label}</h2>
        <Tooltip label={meaning}>
          <ActionIcon variant="transparent" size={24} className={classes.info} aria-label={`What ${label.toLowerCase()} means`}>
            <IconInfoCircle size={15} stroke={1.8} aria-hidden />
          </ActionIcon>
        </Tooltip>
      </div>
      <div title={hint}>
        <p className={classes.value} data-testid={testId} data-value={number ?? undefined}>
          {value}
        </p>
        <p className={classes.note}>{note}</p>
      </div>
    </section>
  )
}
