import { Link } from '@tanstack/react-router'
import type { ReactNode } from 'react'
import { BotRail } from './BotRail'
import { Brand } from './Brand'
import { ConnectionMark } from './ConnectionMark'
import { MainNav } from './MainNav'
import { OperatorMenu } from './OperatorMenu'
import classes from './Shell.module.css'
import { ThemeMenu } from './ThemeMenu'

interface Props {
  /** The bot on the page; null while it is not known. */
  bot: string | null
  stale: boolean
  /** What is shown over the whole width, above the page. */
  banner?: ReactNode
  children: ReactNode
}

export function Shell({ bot, stale, banner, children }: Props) {
  return (
    <div className={classes.shell}>
      <a className={classes.skip} href="#main">
        Skip to the page
      </a>
      <header className={classes.bar}>
        <div className={classes.ways}>
          <Link to="/" className={classes.home} aria-label="Botdeck, the default bot">
            <Brand />
          </Link>
          <MainNav />
        </div>
        <div className={classes.tools}>
          <ConnectionMark stale={stale} />
          <ThemeMenu />
          <OperatorMenu />
        </div>
      </header>
      {banner}
      <div className={classes.body}>
        <BotRail shown={bot} stale={stale} />
        <main id="main" tabIndex={-1} className={classes.main}>
          {children}
        </main>
      </div>
    </div>
  )
}
