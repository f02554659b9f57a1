"""Puts the deck together."""

import asyncio
import logging
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import Depends, FastAPI
from fastapi.routing import APIRoute

from botdeck import __version__
from botdeck.deck import collector, errors, housekeeping, secret_files
from botdeck.deck.admission import Admission
from botdeck.deck.audit import Audit
from botdeck.deck.auth import Accounts, Sessions
from botdeck.deck.bot_tokens import BotTokens
from botdeck.deck.clock import SYSTEM_CLOCK, Clock
from botdeck.deck.context import Deck
from botdeck.deck.dashboard import Dashboard
from botdeck.deck.database_check import DatabaseCheck
from botdeck.deck.envelopes import Envelopes
from botdeck.deck.fleet import Fleet
from botdeck.deck.fleet_memory import FleetMemory
from botdeck.deck.guard import Guard
from botdeck.deck.host_feed import HostFeed
from botdeck.deck.http_intake import HttpIntake
from botdeck.deck.intake import Intake
from botdeck.deck.live_channel import LiveChannel
from botdeck.deck.liveness import keep_in_touch
from botdeck.deck.log_feed import LogFeed
from botdeck.deck.pages import Pages
from botdeck.deck.patience import PatientStorage
from botdeck.deck.permissions import Permission, check_all_declared, enforce, public_routes, requires
from botdeck.deck.post_mortems import PostMortems
from botdeck.deck.remote_bots import RemoteBots
from botdeck.deck.routes import ROUTERS
from botdeck.deck.runner_access import RunnerAccess
from botdeck.deck.runner_link import LinkServices, RunnerLinks
from botdeck.deck.schema import openapi_document
from botdeck.deck.session_watch import SessionWatch, keep_watch
from botdeck.deck.snapshots import Snapshots
from botdeck.deck.websocket_manager import ConnectionManager
from botdeck.settings import Settings
from botdeck.storage.port import Storage

_log = logging.getLogger(__name__)


def create_app(settings: Settings, storage: Storage, *, clock: Clock = SYSTEM_CLOCK) -> Guard:
    """The whole deck on an open storage. Writes the tokens into the data directory if they are not there."""
    deck = _put_together(settings, storage, clock)
    api = create_api()
    api.state.deck = deck
    return Guard(
        settings=settings,
        api=api,
        live=deck.live,
        pages=Pages(settings.deck.base_path),
        sessions=deck.sessions,
        runner_access=deck.runner_access,
        bot_tokens=deck.bot_tokens,
        public=public_routes(api),
        cli_token=secret_files.cli_token(settings.data_dir),
        runner_token=secret_files.runner_token(settings.data_dir),
    )


def create_api() -> FastAPI:
    """The routes alone. Raises RuntimeError when one of them declares no permission."""
    api = FastAPI(
        title="Botdeck",
        version=__version__,
        lifespan=_lifespan,
        dependencies=[Depends(enforce)],
        generate_unique_id_function=_operation_id,
        # The usual pages load scripts from elsewhere, and the document is for those who are signed in.
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
    )
    errors.install(api)
    for router in ROUTERS:
        api.include_router(router)

    @api.get("/api/openapi.json", include_in_schema=False)
    @requires(Permission.READ)
    async def openapi() -> dict[str, Any]:
        return openapi_document(api)

    check_all_declared(api)
    return api


def _operation_id(route: APIRoute) -> str:
    return route.name


def _put_together(settings: Settings, storage: Storage, clock: Clock) -> Deck:
    envelopes = Envelopes(secrets.token_hex(8), clock)
    hub = ConnectionManager(envelopes)
    fleet = Fleet(storage, clock, default_bot=settings.deck.default_bot)
    accounts = Accounts(storage, clock, secret_files.SetupCode(settings.data_dir))
    dashboard = Dashboard(
        storage=storage,
        fleet=fleet,
        hub=hub,
        clock=clock,
        time_zone=settings.deck.time_zone,
        interval_s=settings.deck.stats_interval_s,
    )
    snapshots = Snapshots(settings=settings.deck, dashboard=dashboard, fleet=fleet, hub=hub, envelopes=envelopes)
    logs = LogFeed(hub)
    host_feed = HostFeed(hub, fleet)
    audit = Audit(storage, clock)
    patient = PatientStorage(storage)
    memory = FleetMemory(fleet, patient.working)
    sessions = Sessions(storage, clock, accounts)
    remote = RemoteBots(storage=storage, clock=clock, fleet=fleet, memory=memory, hub=hub, dashboard=dashboard)
    runners = RunnerLinks(
        LinkServices(
            storage=storage,
            patient=patient,
            fleet=fleet,
            memory=memory,
            hub=hub,
            dashboard=dashboard,
            logs=logs,
            hosts=host_feed,
            intake=Intake(patient, clock),
            post_mortems=PostMortems(storage),
            audit=audit,
            clock=clock,
        )
    )
    return Deck(
        settings=settings,
        storage=storage,
        clock=clock,
        accounts=accounts,
        sessions=sessions,
        session_watch=SessionWatch(storage=storage, sessions=sessions, accounts=accounts, hub=hub, clock=clock),
        audit=audit,
        fleet=fleet,
        memory=memory,
        hub=hub,
        dashboard=dashboard,
        logs=logs,
        host_feed=host_feed,
        snapshots=snapshots,
        live=LiveChannel(hub=hub, fleet=fleet, snapshots=snapshots, envelopes=envelopes, admission=Admission()),
        runners=runners,
        runner_access=RunnerAccess(storage, clock, fleet),
        remote_bots=remote,
        bot_tokens=BotTokens(storage, clock, fleet, remote),
        http_intake=HttpIntake(storage, clock),
        check_database=DatabaseCheck(storage, clock),
    )


@asynccontextmanager
async def _lifespan(api: FastAPI) -> AsyncIterator[None]:
    deck: Deck = api.state.deck
    await deck.fleet.load()
    await deck.runner_access.load()
    await deck.bot_tokens.load()
    await offer_setup(deck)
    chores = [
        asyncio.create_task(_keep_publishing(deck.dashboard)),
        asyncio.create_task(keep_in_touch(deck.hub)),
        asyncio.create_task(deck.memory.keep()),
        asyncio.create_task(deck.remote_bots.keep()),
        asyncio.create_task(keep_watch(deck.session_watch)),
        asyncio.create_task(collector.search_all()),
        asyncio.create_task(housekeeping.keep_house(deck.storage, deck.clock)),
    ]
    try:
        yield
    finally:
        deck.logs.close()
        deck.host_feed.close()
        deck.snapshots.close()
        for chore in chores:
            chore.cancel()
        await asyncio.gather(*chores, return_exceptions=True)
        await deck.memory.write()


async def offer_setup(deck: Deck) -> None:
    """Make the one-time code while there is no administrator, and take it away when there is."""
    code = secret_files.SetupCode(deck.settings.data_dir)
    if not await deck.accounts.setup_needed():
        code.withdraw()
        return
    _log.info("There is no administrator yet. The setup code is %s", code.offer())


async def _keep_publishing(dashboard: Dashboard) -> None:
    while True:
        try:
            await dashboard.publish()
        except Exception:
            # A fault in one figure must not still all pages for good.
            _log.exception("Publishing the figures failed; it goes on in a second")
            await asyncio.sleep(1)
