import { IconAlertTriangle } from '@tabler/icons-react'
import { Link } from '@tanstack/react-router'
import { useRunner } from '../hooks/useHosts'
import { sentence } from '../lib/sentences'
import classes from './TroubleBanner.module.css'

/** More sentences than these are a page of their own. */
const FEW = 3

/** What is wrong on a host that is in contact: it concerns all its bots, so it is said on each one's page. */
export function TroubleBanner({ host }: { host: string }) {
  const runner = useRunner(host)
  if (!runner?.connected || runner.troubles.length === 0) return null
  const left = runner.troubles.length - FEW
  return (
    <section className={classes.banner} aria-label="Troubles of its host" data-testid="troubles">
      <IconAlertTriangle className={classes.icon} size={18} stroke={1.8} aria-hidden />
      <ul className={classes.list}>
        {runner.troubles.slice(0, FEW).map((trouble) => (
          <li key={trouble}>
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
