import { ActionIcon } from '@mantine/core'
import { IconAlertOctagon, IconX } from '@tabler/icons-react'
import type { ReactNode } from 'react'
import classes from './Notice.module.css'

/** Something went wrong, said in place. */
export function Notice({ children, onClose }: { children: ReactNode; onClose?: () => void }) {
  return (
    <div role="alert" className={classes.notice}>
      <IconAlertOctagon className={classes.icon} size={18} aria-hidden />
      <div className={classes.text}>{children}</div>
      {onClose && (
        <ActionIcon variant="subtle" color="gray" size={24} aria-label="Close this message" onClick={onClose}>
          <IconX size={16} aria-hidden />
        </ActionIcon>
      )}
    </div>
  )
}
