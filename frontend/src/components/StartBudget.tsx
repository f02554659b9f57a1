import { budgetUse } from '../lib/levels'
import { NUMBER } from '../lib/sentences'
import { Meter } from './Meter'
import classes from './UseStrip.module.css'

const MEANING =
  'Starts of any kind in the last 24 hours. Some chat platforms punish bots that connect too often, so there is a budget; when it is spent the bot is not started by itself any more.'

/** How much is left of the starts a bot may make in a day. */
export function StartBudget({ starts, budget }: { starts: number; budget: number | null }) {
  const { level, words } = budgetUse(starts, budget)
  return (
    <div className={classes.cell} data-wide title={MEANING}>
      <dt className={classes.label}>
        Starts in 24 h{words && <span data-level={level}> · {words}</span>}
      </dt>
      <dd className={classes.value} data-testid="starts">
        <span>
          {NUMBER.format(starts)}
          <span className={classes.of}> {budget === null ? 'no limit' : `of ${NUMBER.format(budget)}`}</span>
        </span>
        {budget !== null && (
          <Meter
            label="Starts in 24 hours"
            share={starts / budget}
            level={level}
            said={`${NUMBER.format(starts)} of ${NUMBER.format(budget)} starts in 24 h`}
          />
        )}
      </dd>
    </div>
  )
}
