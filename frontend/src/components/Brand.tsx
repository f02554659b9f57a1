import classes from './Brand.module.css'

export function Brand() {
  return (
    <span className={classes.brand}>
      <svg width="22" height="22" viewBox="0 0 24 24" aria-hidden="true">
        <rect className={classes.back} x="2" y="3" width="20" height="18" rx="5" />
        <circle className={classes.eye} cx="8.5" cy="11" r="2" />
        <circle className={classes.eye} cx="15.5" cy="11" r="2" />
        <path className={classes.mouth} d="M8 16.3h8" />
      </svg>
      <span data-name>Botdeck</span>
    </span>
  )
}
