import classes from './RunSkeleton.module.css'

export function HostsSkeleton() {
  return (
    <div className={classes.skeleton} aria-busy="true" aria-label="Loading the hosts" data-testid="loading">
      <div className={classes.box} data-part="host" />
      <div className={classes.box} data-part="host" />
    </div>
  )
}
