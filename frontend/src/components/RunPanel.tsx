import { CatchBoundary } from '@tanstack/react-router'
import { lazy, Suspense } from 'react'
import type { BotLive } from '../stores/deck'
import { Panel } from './Panel'
import { RunBones, RunsProblem } from './RunListStates'

// Below the first screen, so it need not come with it.
const RunList = lazy(async () => ({ default: (await import('./RunList')).RunList }))

/** The last runs of a bot in their box. */
export function RunPanel({ bot, stale }: { bot: BotLive; stale: boolean }) {
  return (
    <Panel id="runs" title="Runs" hint="newest first">
      <CatchBoundary getResetKey={() => bot.status.bot} errorComponent={NotLoaded}>
        <Suspense fallback={<RunBones />}>
          <RunList bot={bot} stale={stale} />
        </Suspense>
      </CatchBoundary>
    </Panel>
  )
}

function NotLoaded() {
  return (
    <RunsProblem
      message="This part of the page could not be loaded from the deck."
      onRetry={() => {
        location.reload()
      }}
    />
  )
}
