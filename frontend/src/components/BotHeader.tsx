import type { BotLive } from '../stores/deck'
import type { Role } from '../types/api.gen'
import { useActions } from '../hooks/useActions'
import { useRunners } from '../hooks/useHosts'
import { runsElsewhere } from '../lib/states'
import { ActionButtons } from './ActionButtons'
import classes from './BotHeader.module.css'
import { Notice } from './Notice'
import { StateLine } from './StateLine'

interface Props {
  bot: BotLive
  role: Role
  stale: boolean
}

export function BotHeader({ bot, role, stale }: Props) {
  const { status } = bot
  const actions = useActions(status.bot, status)
  const elsewhere = runsElsewhere(status)
  const severalHosts = useRunners().length > 1
  return (
    <>
      <div className={classes.header}>
        <div className={classes.who}>
          <div className={classes.title}>
            <h1 className={classes.name}>{status.bot}</h1>
            {severalHosts && !elsewhere && <p className="muted">on {status.runner}</p>}
            {elsewhere && (
              <p className="muted" title="No runner keeps it: it reports by HTTP, and is started and stopped where it runs.">
                runs elsewhere
              </p>
            )}
          </div>
          {status.description && <p className="muted">{status.description}</p>}
        </div>
        {!elsewhere && (
          <div className={classes.actions}>
            <ActionButtons status={status} role={role} pending={actions.pending} onAction={actions.ask} />
          </div>
        )}
        <StateLine bot={bot} stale={stale} />
      </div>
      {actions.problem && <Notice onClose={actions.forget}>{actions.problem.message}</Notice>}
    </>
  )
}
