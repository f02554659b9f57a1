import classes from './RunSkeleton.module.css'

/** The page of a run in about its size before it is there. Invisible for a moment, so a fast deck shows none. */
export function RunSkeleton() {
  return (
    <div className={classes.skeleton} aria-busy="true" data-testid="loading">
      <h1 className="visually-hidden">Loading the run</h1>
      <div className={classes.bone} data-part="title" />
      <div className={classes.box} data-part="end" />
      <div className={classes.bone} data-part="facts" />
      <div className={classes.box} data-part="panel" />
    </div>
  )
}
