import { Button, TextInput } from '@mantine/core'
import { useInvitation } from '../hooks/useHosts'
import { useForm } from '../hooks/useForm'
import { useDeckTime } from '../hooks/useDeck'
import { useToday } from '../hooks/useNow'
import { dateAndTime, shortTime } from '../lib/dates'
import { roughly } from '../lib/durations'
import { deckBase, isOwnMachine } from '../services/address'
import type { Invitation } from '../types/api.gen'
import { CopyText } from './CopyText'
import { Dialog, DialogFoot } from './Dialog'
import classes from './InviteHost.module.css'
import { Notice } from './Notice'

const NAME = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/

/** Lets another host in: asks for a one-time token and shows the command to run there. */
export function InviteHost({ onClose }: { onClose: () => void }) {
  const { mutateAsync, data } = useInvitation()
  const form = useForm({
    fields: ['name'],
    check: ({ name }) => ({
      name: !name || NAME.test(name) ? undefined : 'Letters, digits, “_”, “-” and “.”, a letter or digit first.',
    }),
    send: async ({ name }) => {
      await mutateAsync(name || null)
    },
  })
  if (data) return <Command invitation={data} onClose={onClose} />
  return (
    <Dialog title="Invite a host" onClose={onClose}>
      <form onSubmit={form.submit} noValidate>
        <p className="muted">
          You get a command to run once on the other host, where Botdeck is installed. What may run there is decided
          there, in its own botdeck.toml.
        </p>
        {form.problem && <Notice>{form.problem}</Notice>}
        <TextInput
          {...form.field('name')}
          required={false}
          label="Name (may be empty)"
          description="What the host is called here. If empty, its own name."
          autoComplete="off"
          autoCapitalize="none"
          spellCheck={false}
        />
        <DialogFoot>
          <Button variant="default" onClick={onClose}>
            Cancel
          </Button>
          <Button type="submit" disabled={form.busy}>
            {form.busy ? 'Making…' : 'Make command'}
          </Button>
        </DialogFoot>
      </form>
    </Dialog>
  )
}

function Command({ invitation, onClose }: { invitation: Invitation; onClose: () => void }) {
  const time = useDeckTime(1000)
  const today = useToday()
  const command = `botdeck runner join ${deckBase()} ${invitation.token}`
  const leftS = time === null ? null : (Date.parse(invitation.expires_at) - time) / 1000
  const over = leftS !== null && leftS <= 0
  return (
    <Dialog title={invitation.name ? `Run this on ${invitation.name}` : 'Run this on the other host'} onClose={onClose}>
      <div className={classes.command} data-over={over || undefined}>
        <code data-testid="join-command">{command}</code>
        <CopyText text={command} />
      </div>
      {isOwnMachine() && (
        <Notice>
          You see this deck at an address that only its own machine can reach. For other hosts, set public_url or host
          under [deck] in botdeck.toml, open the page there, and invite again.
        </Notice>
      )}
      <p>
        <strong>It is shown this once.</strong> It works for one host,{' '}
        {over ? (
          'and its time is over: make another one.'
        ) : (
          <>
            until{' '}
            <time dateTime={invitation.expires_at} title={dateAndTime(invitation.expires_at)}>
              {shortTime(invitation.expires_at, today)}
            </time>
            {leftS !== null && ` (${roughly(leftS)} left)`}. The host appears here by itself.
          </>
        )}
      </p>
      <DialogFoot>
        <Button variant="default" onClick={onClose}>
          Done
        </Button>
      </DialogFoot>
    </Dialog>
  )
}
