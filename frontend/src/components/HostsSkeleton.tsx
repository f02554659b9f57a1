import classes from './RunSkeleton.module.css'

export function HostsSkeleton() {
  return (
    <div className={classes.skeleton} aria-busy="true" data-testid="loading">
      <p className="visually-hidden">Loading the hosts…</p>
      <div className={classes.box} data-part="host" />
      <div className={classes.box} data-part="host" />
    </div>
  )
}
