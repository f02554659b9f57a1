import { IconArrowLeft } from '@tabler/icons-react'
import { Link } from '@tanstack/react-router'
import classes from './Back.module.css'

/** From a page about a part of a bot to the bot. */
export function Back({ bot }: { bot: string }) {
  return (
    <nav aria-label="Back">
      <Link to="/bots/$name" params={{ name: bot }} className={classes.back}>
        <IconArrowLeft size={16} stroke={1.8} aria-hidden />
        {bot}
      </Link>
    </nav>
  )
}
