import { Button } from '@mantine/core'
import { IconCheck, IconCopy } from '@tabler/icons-react'
import { useCopy } from '../hooks/useCopy'

interface Props {
  text: string | (() => string)
  label?: string
  className?: string
}

/** A button that copies, and says how that went. */
export function CopyText({ text, label = 'Copy', className }: Props) {
  const { copy, outcome } = useCopy()
  return (
    <Button
      size="xs"
      variant="default"
      className={className}
      leftSection={outcome === 'copied' ? <IconCheck size={14} aria-hidden /> : <IconCopy size={14} aria-hidden />}
      onClick={() => {
        copy(typeof text === 'string' ? text : text())
      }}
    >
      <span aria-live="polite">{outcome === null ? label : outcome === 'copied' ? 'Copied' : 'Could not copy'}</span>
    </Button>
  )
}
