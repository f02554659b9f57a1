import classes from './DashboardSkeleton.module.css'
import { CardGrid } from './StatCards'

/** The page in its final size before anything is known. It stays invisible for a moment, so a fast deck shows none. */
export function DashboardSkeleton() {
  return (
    <div className={classes.skeleton} aria-busy="true" data-testid="loading">
      <h1 className="visually-hidden">Loading the dashboard</h1>
      <div className={classes.header}>
        <div className={classes.bone} data-part="name" />
        <div className={classes.bone} data-part="actions" />
        <div className={classes.bone} data-part="state" />
      </div>
      <CardGrid>
        {['uptime', 'users', 'messages', 'commands'].map((card) => (
          <div key={card} className={classes.card}>
            <div className={classes.bone} data-part="label" />
            <div className={classes.bone} data-part="value" />
            <div className={classes.bone} data-part="note" />
          </div>
        ))}
      </CardGrid>
      <div className={classes.strip} />
      <div className={classes.log} />
    </div>
  )
}
