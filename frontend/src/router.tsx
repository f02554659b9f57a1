import {
  createRootRoute,
  createRoute,
  createRouter,
  lazyRouteComponent,
  Outlet,
  redirect,
  type RouterHistory,
} from '@tanstack/react-router'
import { NotFound } from './components/NotFound'
import { Unreachable } from './components/Unreachable'
import { Dashboard } from './pages/Dashboard'
import { SignedIn } from './pages/SignedIn'
import { ApiError, authAPI, onSessionOver } from './services/api'
import { deckUrl } from './services/address'
import { deck } from './stores/deck'

interface SignInSearch {
  /** The page to go to after it, as a path under the base path. */
  to?: string | undefined
  /** True when a session ended while the page was open. */
  over?: true | undefined
}

/** A path of our own. An address elsewhere would make the sign-in page a stepping stone. */
function ownPath(to: unknown): string | undefined {
  return typeof to === 'string' && /^\/(?![/\\])/.test(to) ? to : undefined
}

const root = createRootRoute({ component: Outlet, errorComponent: Unreachable })

const signedIn = createRoute({
  getParentRoute: () => root,
  id: 'signed-in',
  beforeLoad: async ({ location, cause }) => {
    // From page to page it is for the live channel to tell, so that one can look around while the deck is away.
    const known = deck.getSnapshot().operator
    if (cause === 'stay' && known) return { operator: known }
    try {
      return { operator: await authAPI.getMe() }
    } catch (problem) {
      if (!(problem instanceof ApiError) || problem.status !== 401) throw problem
      if (await authAPI.setupNeeded()) throw redirect({ to: '/setup' })
      throw redirect({ to: '/sign-in', search: location.pathname === '/' ? {} : { to: location.pathname } })
    }
  },
  component: SignedIn,
})

const home = createRoute({ getParentRoute: () => signedIn, path: '/', component: () => <Dashboard bot={null} /> })

const bot = createRoute({
  getParentRoute: () => signedIn,
  path: '/bots/$name',
  component: function Bot() {
    return <Dashboard bot={bot.useParams().name} />
  },
})

const run = createRoute({
  getParentRoute: () => signedIn,
  path: '/bots/$name/runs/$run',
  component: lazyRouteComponent(() => import('./pages/RunPage'), 'RunPage'),
})

const hosts = createRoute({
  getParentRoute: () => signedIn,
  path: '/hosts',
  component: lazyRouteComponent(() => import('./pages/Hosts'), 'Hosts'),
})

const signIn = createRoute({
  getParentRoute: () => root,
  path: '/sign-in',
  validateSearch: (search: Record<string, unknown>): SignInSearch => ({
    // Said even when undefined, for what is left out here is taken from the address as it stands.
    to: ownPath(search.to),
    over: search.over === true ? true : undefined,
  }),
  component: lazyRouteComponent(() => import('./pages/SignIn'), 'SignIn'),
})

const setup = createRoute({
  getParentRoute: () => root,
  path: '/setup',
  beforeLoad: async () => {
    if (!(await authAPI.setupNeeded())) throw redirect({ to: '/' })
  },
  component: lazyRouteComponent(() => import('./pages/Setup'), 'Setup'),
})

export const routeTree = root.addChildren([signedIn.addChildren([home, bot, run, hosts]), signIn, setup])

export function createAppRouter(history?: RouterHistory) {
  const router = createRouter({
    routeTree,
    basepath: deckUrl('.').pathname,
    history,
    defaultPendingMs: 200,
    defaultNotFoundComponent: NotFound,
  })
  onSessionOver(() => {
    deck.clear()
    const { pathname } = router.state.location
    if (pathname === '/sign-in') return
    void router.navigate({ to: '/sign-in', search: { over: true, ...(pathname === '/' ? {} : { to: pathname }) } })
  })
  return router
}

declare module '@tanstack/react-router' {
  interface Register {
    router: ReturnType<typeof createAppRouter>
  }
}
