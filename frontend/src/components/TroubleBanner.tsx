import { IconAlertTriangle } from '@tabler/icons-react'
import { Link } from '@tanstack/react-router'
import { useRunners } from '../hooks/useHosts'
import { sentence } from '../lib/sentences'
import classes from './TroubleBanner.module.css'

/** More sentences than these are a page of their own. */
const FEW = 3

/** What is wrong on hosts that are in contact: it concerns all their bots, so it is said on each bot's page. */
export function TroubleBanner() {
  const said = useRunners()
    .filter(({ connected }) => connected)
    .flatMap(({ name, troubles }) => troubles.map((trouble) => ({ host: name, trouble })))
  if (said.length === 0) return null
  const left = said.length - FEW
  return (
    <section className={classes.banner} aria-label="Troubles of hosts" data-testid="troubles">
      <IconAlertTriangle className={classes.icon} size={18} stroke={1.8} aria-hidden />
      <ul className={classes.list}>
        {said.slice(0, FEW).map(({ host, trouble }) => (
          <li key={`${host} ${trouble}`}>
            <strong>Host {host}:</strong> {sentence(trouble)}
          </li>
        ))}
      </ul>
      <Link to="/hosts" className={classes.link}>
        {left > 0 ? `${left} more on hosts` : 'Hosts'}
      </Link>
    </section>
  )
}
