import { Outlet, useMatchRoute, useParams } from '@tanstack/react-router'
import { ConnectionBanner } from '../components/ConnectionBanner'
import { Shell } from '../components/Shell'
import { ChannelContext, useLoss, useStale } from '../hooks/useConnection'
import { useDeck } from '../hooks/useDeck'
import { useLive, useShownBot } from '../hooks/useLive'

/** The frame of all pages behind the sign-in. The live channel is its own, so it stays while people go from page to page. */
export function SignedIn() {
  const { name } = useParams({ strict: false })
  const stale = useStale()
  const { told } = useLoss()
  const { polling, pollProblem, pollNow } = useLive(name ?? null, stale)
  const onHosts = useMatchRoute()({ to: '/hosts' }) !== false
  const shown = useShownBot(name ?? null)
  const known = useDeck((state) => state.order !== null)
  return (
    <ChannelContext value={{ stale, pollProblem, pollNow }}>
      <Shell
        bot={onHosts ? null : shown}
        stale={stale}
        banner={stale && (known || told) && <ConnectionBanner polled={polling && !pollProblem} onRetry={pollNow} />}
      >
        <Outlet />
      </Shell>
    </ChannelContext>
  )
}
