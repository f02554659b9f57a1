import { IconServer2 } from '@tabler/icons-react'
import { Link } from '@tanstack/react-router'
import { useRunners } from '../hooks/useHosts'
import classes from './MainNav.module.css'

/** The way between the pages that are not about one bot. */
export function MainNav() {
  const wrong = useRunners().some(({ connected, troubles }) => !connected || troubles.length > 0)
  return (
    <nav aria-label="Pages">
      <Link to="/hosts" className={classes.link} activeProps={{ 'aria-current': 'page' }}>
        <IconServer2 size={17} stroke={1.7} aria-hidden />
        <span className={classes.word}>Hosts</span>
        {wrong && (
          <>
            <span className={classes.mark} aria-hidden />
            <span className="visually-hidden">, something is wrong</span>
          </>
        )}
      </Link>
    </nav>
  )
}
