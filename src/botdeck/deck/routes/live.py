"""The live channel: one WebSocket per page. docs/protocol.md tells what goes over it."""

import asyncio
import json
from dataclasses import replace
from typing import Any

from fastapi import APIRouter
from starlette.websockets import WebSocket, WebSocketDisconnect

from botdeck import __version__
from botdeck.deck.context import CurrentDeck, CurrentPrincipal, Deck
from botdeck.deck.incoming import LARGEST_MESSAGE_BYTES
from botdeck.deck.live_client import Farewell, LiveClient
from botdeck.deck.messages import ClientMessage, Snapshot
from botdeck.deck.permissions import Permission, requires
from botdeck.deck.sockets import SocketWire
from botdeck.deck.websocket_manager import SIGN_IN
from botdeck.errors import ProtocolError, StorageError, UnknownBot
from botdeck.models import DashboardStats
from botdeck.protocol.codec import from_json

router = APIRouter()
FORBIDDEN = 4403
BAD_FRAME = 4400
TRY_AGAIN = 1013
CHECK_SESSION_EVERY_S = 30.0


@router.websocket("/ws/{user_id}", name="live")
@requires(Permission.READ)
async def live(websocket: WebSocket, user_id: str, deck: CurrentDeck, principal: CurrentPrincipal) -> None:
    operator = principal.operator
    assert operator is not None, "the route's permission lets operators in only"
    wire = SocketWire(websocket, largest_frame=LARGEST_MESSAGE_BYTES)
    try:
        await websocket.accept()
    except WebSocketDisconnect:
        return
    if user_id != operator.user_id:
        await wire.part(FORBIDDEN, "Only the signed-in operator's own id is let in.")
        return
    client = deck.hub.connect(wire, operator, principal.session)
    try:
        farewell = await _Conversation(deck, client, websocket).run()
    finally:
        deck.hub.disconnect(client)
    if farewell:
        await wire.part(farewell.code, farewell.reason)


class _Conversation:
    def __init__(self, deck: Deck, client: LiveClient, websocket: WebSocket) -> None:
        self._deck = deck
        self._client = client
        self._websocket = websocket
        self._wish: str | None = None

    async def run(self) -> Farewell | None:
        """Until somebody ends it: a farewell when that is the deck, None when the browser went."""
        self._client.resubscribe.set()
        doing: list[asyncio.Future[Farewell | None]] = [
            asyncio.ensure_future(work)
            for work in (self._read(), self._client.write(), self._subscribe(), self._check_session())
        ]
        try:
            any_of: set[asyncio.Future[Any]] = {*doing, self._client.ended}
            await asyncio.wait(any_of, return_when=asyncio.FIRST_COMPLETED)
            if self._client.ended.done():
                return self._client.ended.result()
            first = next(task for task in doing if task.done())
            return None if isinstance(first.exception(), ConnectionError) else first.result()
        finally:
            self._client.ended.cancel()
            for task in doing:
                task.cancel()
            await asyncio.gather(*doing, return_exceptions=True)

    async def _read(self) -> Farewell | None:
        while True:
            message = await self._websocket.receive()
            if message["type"] == "websocket.disconnect":
                return None
            text = message.get("text") or ""
            try:
                wish = from_json(ClientMessage, json.loads(text))
            except (ValueError, RecursionError, ProtocolError) as error:
                return Farewell(BAD_FRAME, f"That is no message of a page: {error}")
            self._wish = wish.bot
            self._client.follows_default = wish.bot is None
            self._client.resubscribe.set()

    async def _subscribe(self) -> Farewell | None:
        """The latest wish counts; a page that wishes faster than it can be served gets the last."""
        while True:
            await self._client.resubscribe.wait()
            self._client.resubscribe.clear()
            try:
                await self._begin(self._wish)
            except StorageError as error:
                return Farewell(TRY_AGAIN, str(error))

    async def _begin(self, wish: str | None) -> None:
        deck, client = self._deck, self._client
        bot = deck.fleet.default_bot if wish is None else wish
        client.hold(bot)
        stats = await self._stats(bot)
        # No await from here to the release: nothing can be published in between.
        if stats and stats.bot in deck.fleet:
            stats = replace(stats, bot_uptime=deck.fleet.status(stats.bot).uptime_s)
        snapshot = Snapshot(
            server_version=__version__,
            time_zone=deck.settings.deck.time_zone,
            stats_interval_s=deck.settings.deck.stats_interval_s,
            operator=client.operator,
            fleet=deck.fleet.bot_list(),
            stats=stats,
            runners=deck.fleet.runners(),
        )
        seen_to = max((line.id for line in (stats.recent_logs if stats else None) or ()), default=0)
        client.release(deck.envelopes.snapshot(snapshot, deck.clock.now()), seen_to=seen_to)

    async def _stats(self, bot: str | None) -> DashboardStats | None:
        try:
            return await self._deck.dashboard.stats(bot, with_logs=True) if bot is not None else None
        except UnknownBot:
            return None

    async def _check_session(self) -> Farewell | None:
        session = self._client.session
        while session is not None:
            await asyncio.sleep(CHECK_SESSION_EVERY_S)
            try:
                if await self._deck.sessions.operator_of(session) is None:
                    return Farewell(SIGN_IN, "The session is over. Sign in again.")
            except StorageError:
                continue  # a broken database signs nobody out
        return await self._client.ended
