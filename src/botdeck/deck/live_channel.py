"""The live channel, `/ws/USER_ID`: one WebSocket per page. docs/protocol.md tells what goes over it.

A bare ASGI app beside FastAPI, whose objects would take as much memory for each page as the page's connection itself.
"""

import asyncio
import json
from urllib.parse import parse_qs

from starlette.types import Message, Receive, Scope, Send
from uvicorn.protocols.utils import ClientDisconnected

from botdeck.deck.admission import SPREAD_S, Admission, Wait
from botdeck.deck.audience import LiveClient
from botdeck.deck.doorstep import accepted_and_closed, handshake_key
from botdeck.deck.envelopes import Envelopes
from botdeck.deck.fleet import Fleet
from botdeck.deck.messages import ClientMessage, GoAway, Resume
from botdeck.deck.permissions import LIVE_CHANNEL, PRINCIPAL, Principal, allows
from botdeck.deck.snapshots import Snapshots
from botdeck.deck.sockets import EXTENSION, WAKE, DeckWebSocketProtocol
from botdeck.deck.websocket_manager import ConnectionManager
from botdeck.errors import DeckBusy, ProtocolError, StorageError
from botdeck.protocol.codec import from_json

PREFIX = "/ws/"
FORBIDDEN = 4403
BAD_FRAME = 4400
TRY_AGAIN = 1013
GOING = 1012
_BUSY = "Too many pages come to this deck at once."
_STOPPING = "The deck was stopped."
"""A page shows it until a deck is back."""


class LiveChannel:
    """ASGI, for WebSockets whose path begins with PREFIX; the guard has left a Principal in the scope."""

    def __init__(
        self,
        *,
        hub: ConnectionManager,
        fleet: Fleet,
        snapshots: Snapshots,
        envelopes: Envelopes,
        admission: Admission,
    ) -> None:
        self._hub = hub
        self._fleet = fleet
        self._snapshots = snapshots
        self._envelopes = envelopes
        self._admission = admission

    # Coming and going of many at once.

    def admit(self) -> None:
        """Raises DeckBusy."""
        now = asyncio.get_running_loop().time()
        if not self._admission.admit(now):
            raise DeckBusy(self._admission.book(now).after_s)

    def refuse_early(self, request: bytes, path: bytes) -> bytes | None:
        """The whole answer to a page's handshake below the path, when there is no room for it now."""
        now = asyncio.get_running_loop().time()
        key = handshake_key(request, path)
        if key is None or self._admission.has_room(now):
            return None
        return accepted_and_closed(key, self._go_away(_BUSY, self._admission.book(now)), TRY_AGAIN, _BUSY)

    async def turn_away(self, busy: DeckBusy, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI, in place of the channel."""
        connection: DeckWebSocketProtocol = scope["extensions"][EXTENSION]
        await receive()
        await send({"type": "websocket.accept"})
        connection.part(TRY_AGAIN, _BUSY, last=self._go_away(_BUSY, Wait(busy.retry_after_s, SPREAD_S)))

    def say_goodbye(self) -> None:
        """The deck ends: every page is told when to come back, at a pace that the next deck can take."""
        clients = self._hub.clients
        last = self._go_away(_STOPPING, self._admission.after_restart(len(clients)))
        for client in clients:
            client.connection.part(GOING, _STOPPING, last=last)

    def _go_away(self, reason: str, wait: Wait) -> bytes:
        return self._envelopes.go_away(GoAway(reason=reason, after_s=wait.after_s, spread_s=wait.spread_s))

    # One page.

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        connection: DeckWebSocketProtocol = scope["extensions"][EXTENSION]
        await receive()
        try:
            await send({"type": "websocket.accept"})
        except ClientDisconnected:
            return
        client = self._let_in(connection, scope)
        query = parse_qs(scope["query_string"].decode("latin-1"))
        connection.forget_handshake()
        if client is None:
            return
        try:
            await self._converse(client, connection, query, receive)
        finally:
            self._hub.disconnect(client)

    def _let_in(self, connection: DeckWebSocketProtocol, scope: Scope) -> LiveClient | None:
        principal: Principal = scope[PRINCIPAL]
        operator = principal.operator
        user_id = scope["path"].removeprefix(scope["root_path"]).removeprefix(PREFIX)
        if operator is None or not allows(principal, LIVE_CHANNEL) or user_id != operator.user_id:
            connection.part(FORBIDDEN, "Only the signed-in operator's own id is let in.")
            return None
        client = self._hub.connect(connection, operator, principal.session)
        connection.attach(client)
        return client

    async def _converse(
        self, client: LiveClient, connection: DeckWebSocketProtocol, query: dict[str, list[str]], receive: Receive
    ) -> None:
        """Until the page goes, or is told to go."""
        try:
            client.wish = query.get("bot", [None])[0]
            await self._begin(client, _resume(query))
            while (event := await receive())["type"] != "websocket.disconnect":
                if event["type"] != WAKE:
                    client.wish = _message(event).bot
                else:
                    connection.woken = False
                # One that takes nothing gets no second snapshot on top of the first.
                await connection.writable.wait()
                await self._begin(client, None)
        except ProtocolError as error:
            connection.part(BAD_FRAME, f"That is no message of a page: {error}")
        except StorageError as error:
            connection.part(TRY_AGAIN, str(error))

    async def _begin(self, client: LiveClient, resume: Resume | None) -> None:
        """A snapshot, or what was missed, and the updates after it. Raises StorageError."""
        bot = self._followed_by(client)
        if resume and self._hub.can_resume(bot, resume):
            self._hub.follow(client, bot, self._envelopes.resumed(client.operator), resume.positions)
            return
        snapshot = await self._snapshots.of(bot)
        while bot != (bot := self._followed_by(client)):  # the bot went, or the default one is another
            snapshot = await self._snapshots.of(bot)
        self._hub.follow(client, bot, self._envelopes.snapshot(snapshot, client.operator), snapshot.positions)

    def _followed_by(self, client: LiveClient) -> str | None:
        """The bot that it should follow now."""
        wish = client.wish or self._fleet.default_bot
        return wish if wish and wish in self._fleet else None


def _resume(query: dict[str, list[str]]) -> Resume | None:
    """Raises ProtocolError."""
    if "resume" not in query:
        return None
    return from_json(Resume, _parsed(query["resume"][0]))


def _message(event: Message) -> ClientMessage:
    """Raises ProtocolError."""
    return from_json(ClientMessage, _parsed(event.get("text") or ""))


def _parsed(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ProtocolError(str(error)) from None
