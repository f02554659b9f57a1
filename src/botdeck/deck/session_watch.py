"""Rights are looked up again while pages are connected: one look each half second for all of them together.

A look reads which sessions and operators there are, and in which version; of these only what is new or has changed.
With 5,000 pages of 5,000 sessions that is 5 ms, some 1.2 seconds of a processor a minute with all that follows from it.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from itertools import islice
from typing import Generic, TypeVar

from botdeck.deck.audience import LiveClient
from botdeck.deck.auth import OPERATORS, SESSIONS, Accounts, Sessions
from botdeck.deck.clock import Clock
from botdeck.deck.live_channel import FORBIDDEN
from botdeck.deck.permissions import LIVE_CHANNEL, Principal, allows
from botdeck.deck.websocket_manager import SIGN_IN, ConnectionManager
from botdeck.errors import StorageError
from botdeck.storage.port import Storage

LOOK_EVERY_S = 0.5
_OVER = "The session is over. Sign in again."
_READ_AT_ONCE = 100
"""Sessions, in one look. What is read only tells when they end by time, so it may take some looks after a herd came."""
_NOTED_AT_ONCE = 50
"""Sessions whose use is stored together. So 5,000 take a minute, of the ten after which it is due again."""
_TOLD_AT_ONCE = 100
"""Pages; then others have their turn."""
T = TypeVar("T")
_log = logging.getLogger(__name__)


class SessionWatch:
    def __init__(
        self, *, storage: Storage, sessions: Sessions, accounts: Accounts, hub: ConnectionManager, clock: Clock
    ) -> None:
        self._storage = storage
        self._sessions = sessions
        self._hub = hub
        self._clock = clock
        self._known_sessions = _Known(sessions.session)
        self._known_operators = _Known(accounts.operator)

    async def look(self) -> None:
        """Part the pages whose session is over, and tell the others what their operator may do now. Raises
        StorageError, and then nobody is parted."""
        # Before anything is read: these were all let in, so a session of theirs that is not found was taken away, also
        # when that was between the guard's look and theirs coming here.
        pages = {client: client.session for client in self._hub.clients if client.session is not None}
        sessions = set(pages.values())
        operators = {client.operator.user_id for client in pages}
        self._known_sessions.forget_all_but(sessions)
        self._known_operators.forget_all_but(operators)
        if not pages:
            return
        stored = await self._storage.document_versions(SESSIONS)
        await self._known_sessions.refresh(sessions, stored, most=_READ_AT_ONCE)
        await self._known_operators.refresh(operators, await self._storage.document_versions(OPERATORS))
        over, known = self._over(), self._known_operators.values
        concerned = [
            client
            for client, session in pages.items()
            # By identity, which costs nothing: equal ones are made one when they are told.
            if session in over or client.operator is not known.get(client.operator.user_id)
        ]
        for number, client in enumerate(concerned, 1):
            self._tell(client, over=pages[client] in over)
            if number % _TOLD_AT_ONCE == 0:
                await asyncio.sleep(0)

    async def note_uses(self) -> None:
        """To be connected is to use a session."""
        now = self._clock.now()
        known = self._known_sessions.values.values()
        due = (one for one in known if one and one.wants_note(now) and not one.is_over(now))
        noting = [self._sessions.note_use(session) for session in islice(due, _NOTED_AT_ONCE)]
        for session in await asyncio.gather(*noting):
            self._known_sessions.put(session.key, session.version, session)

    def _over(self) -> set[str]:
        """Of a session that was not read yet it is known that it is stored, which will do for a while."""
        now = self._clock.now()
        return {key for key, one in self._known_sessions.values.items() if one is None or one.is_over(now)}

    def _tell(self, client: LiveClient, *, over: bool) -> None:
        operator = self._known_operators.values.get(client.operator.user_id)
        if operator is None or over:
            client.connection.part(SIGN_IN, _OVER)
            return
        changed = client.operator != operator
        client.operator = operator
        if not changed:
            return
        if allows(Principal(operator=operator, record_name=operator.name), LIVE_CHANNEL):
            client.connection.wake()
        else:
            client.connection.part(FORBIDDEN, f"{operator.name} is {operator.role} now, which is not let in here.")


class _Known(Generic[T]):
    """What was read of one kind of documents: None for those that are gone, or that make no sense to this deck, with
    which nobody could sign in either."""

    def __init__(self, read: Callable[[str], Awaitable[T | None]]) -> None:
        self.values: dict[str, T | None] = {}
        self._versions: dict[str, int] = {}
        self._read = read

    def forget_all_but(self, wanted: set[str]) -> None:
        for key in self.values.keys() - wanted:
            del self.values[key], self._versions[key]

    async def refresh(self, wanted: set[str], stored: dict[str, int], *, most: int | None = None) -> None:
        """Of those that changed at most so many are read. Raises StorageError."""
        changed = [key for key in wanted if self._versions.get(key, 0) != stored.get(key, 0)]
        for key in wanted.difference(stored):
            self.put(key, 0, None)
        there = [key for key in changed if key in stored][:most]
        for key, value in zip(there, await asyncio.gather(*map(self._read_one, there)), strict=True):
            # It may be newer than that version. Then it is read once more.
            self.put(key, stored[key], value)

    def put(self, key: str, version: int, value: T | None) -> None:
        self.values[key], self._versions[key] = value, version

    async def _read_one(self, key: str) -> T | None:
        try:
            return await self._read(key)
        except StorageError:
            raise
        except Exception:
            _log.exception("A document could not be understood; its pages are asked to sign in")
            return None


async def keep_watch(watch: SessionWatch) -> None:
    """Runs for as long as the deck."""
    async with asyncio.TaskGroup() as group:
        group.create_task(_keep_looking(watch.look))
        # Apart, for a database that is slow to store must not hold up the looks.
        group.create_task(_keep_looking(watch.note_uses))


async def _keep_looking(step: Callable[[], Awaitable[None]]) -> None:
    failing = False
    while True:
        await asyncio.sleep(LOOK_EVERY_S)
        try:
            await step()
            failing = False
        except StorageError as error:
            if not failing:
                _log.warning("Sessions cannot be looked up, so that nobody who is connected is signed out: %s", error)
            failing = True
        except Exception:
            _log.exception("Looking after the sessions failed; it goes on in a moment")
