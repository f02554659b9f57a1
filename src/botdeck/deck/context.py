"""What the routes work with, put together once by create_app."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends
from starlette.requests import HTTPConnection

from botdeck.deck.audit import Audit
from botdeck.deck.auth import Accounts, Sessions
from botdeck.deck.bot_tokens import BotTokens
from botdeck.deck.clock import Clock
from botdeck.deck.dashboard import Dashboard
from botdeck.deck.database_check import DatabaseCheck
from botdeck.deck.fleet import Fleet
from botdeck.deck.fleet_memory import FleetMemory
from botdeck.deck.host_feed import HostFeed
from botdeck.deck.http_intake import HttpIntake
from botdeck.deck.live_channel import LiveChannel
from botdeck.deck.log_feed import LogFeed
from botdeck.deck.permissions import PRINCIPAL, Principal
from botdeck.deck.remote_bots import RemoteBots
from botdeck.deck.runner_access import RunnerAccess
from botdeck.deck.runner_link import RunnerLinks
from botdeck.deck.session_watch import SessionWatch
from botdeck.deck.snapshots import Snapshots
from botdeck.deck.websocket_manager import ConnectionManager
from botdeck.errors import UnknownBot
from botdeck.models import Operator
from botdeck.settings import Settings
from botdeck.storage.port import Storage


@dataclass(frozen=True, kw_only=True)
class Deck:
    settings: Settings
    storage: Storage
    clock: Clock
    accounts: Accounts
    sessions: Sessions
    session_watch: SessionWatch
    audit: Audit
    fleet: Fleet
    memory: FleetMemory
    hub: ConnectionManager
    dashboard: Dashboard
    logs: LogFeed
    host_feed: HostFeed
    snapshots: Snapshots
    live: LiveChannel
    runners: RunnerLinks
    runner_access: RunnerAccess
    remote_bots: RemoteBots
    bot_tokens: BotTokens
    http_intake: HttpIntake
    check_database: DatabaseCheck

    def default_bot(self) -> str:
        """Raises UnknownBot when there is none yet."""
        if self.fleet.default_bot is None:
            raise UnknownBot(self.settings.deck.default_bot or "the default bot", self.fleet.names())
        return self.fleet.default_bot


def _deck(connection: HTTPConnection) -> Deck:
    deck: Deck = connection.app.state.deck
    return deck


def _principal(connection: HTTPConnection) -> Principal:
    principal: Principal = connection.scope[PRINCIPAL]
    return principal


def _operator(connection: HTTPConnection) -> Operator:
    operator = _principal(connection).operator
    assert operator is not None, "the route's permission lets operators in only"
    return operator


def _address(connection: HTTPConnection) -> str:
    return connection.client.host if connection.client else ""


CurrentDeck = Annotated[Deck, Depends(_deck)]
CurrentPrincipal = Annotated[Principal, Depends(_principal)]
CurrentOperator = Annotated[Operator, Depends(_operator)]
ClientAddress = Annotated[str, Depends(_address)]
