"""How the watch over sessions shares out its work, and what happens between its questions."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from botdeck.deck.audience import LiveClient
from botdeck.deck.auth import IDLE, NOTE_USE_AFTER, OPERATORS, SESSIONS, Accounts, Sessions
from botdeck.deck.clock import Clock
from botdeck.deck.envelopes import Envelopes
from botdeck.deck.secret_files import SetupCode
from botdeck.deck.session_watch import SessionWatch
from botdeck.deck.websocket_manager import ConnectionManager
from botdeck.models import Operator, Role
from botdeck.protocol.codec import parse_time, rfc3339
from botdeck.storage.port import Document
from botdeck.storage.sqlite import SqliteStorage

ANN = Operator(user_id="1", name="ann", role=Role.ADMIN)


class Wire:
    """A connection that keeps with which code it was parted."""

    descriptor = -1
    waiting_bytes = 0

    def __init__(self) -> None:
        self.code: int | None = None

    def write(self, data: bytes) -> None: ...

    def wake(self) -> None: ...

    def part(self, code: int, reason: str, *, last: bytes = b"") -> None:
        self.code = code

    def abort(self) -> None: ...


class InterruptedStorage(SqliteStorage):
    """Something may happen right after the versions were read."""

    meanwhile: Callable[[], Awaitable[object]] | None = None

    async def document_versions(self, kind: str) -> dict[str, int]:
        versions = await super().document_versions(kind)
        happening, self.meanwhile = self.meanwhile, None
        if happening:
            await happening()
        return versions


class Watched:
    def __init__(self, folder: Path) -> None:
        self.now = datetime.now(UTC)
        self.storage = InterruptedStorage(folder / "deck.db")
        clock = Clock(now=lambda: self.now, seconds=lambda: 0.0)
        accounts = Accounts(self.storage, clock, SetupCode(folder))
        self.hub = ConnectionManager(Envelopes("epoch", clock))
        self.watch = SessionWatch(
            storage=self.storage,
            sessions=Sessions(self.storage, clock, accounts),
            accounts=accounts,
            hub=self.hub,
            clock=clock,
        )

    async def open(self) -> None:
        await self.storage.open()
        body = {"name": ANN.name, "role": ANN.role.value, "password": ""}
        await self.storage.put_document(OPERATORS, Document(id=ANN.user_id, body=body))

    async def page(self, session: str) -> LiveClient:
        """Of a session that has just begun."""
        now = rfc3339(self.now)
        body = {"operator": ANN.user_id, "began_at": now, "used_at": now}
        await self.storage.put_document(SESSIONS, Document(id=session, body=body))
        return self.hub.connect(Wire(), ANN, session)

    async def pages(self, number: int) -> list[Wire]:
        clients = await asyncio.gather(*(self.page(f"session {n}") for n in range(number)))
        return [client.connection for client in clients if isinstance(client.connection, Wire)]

    async def noted_since(self, moment: datetime) -> int:
        documents = await self.storage.documents(SESSIONS)
        return sum(parse_time(document.body["used_at"]) >= moment for document in documents)


@pytest.fixture
async def watched(tmp_path: Path) -> AsyncIterator[Watched]:
    watched = Watched(tmp_path)
    await watched.open()
    yield watched
    await watched.storage.close()


async def test_a_page_that_comes_while_a_look_reads_is_not_taken_for_one_without_a_session(watched: Watched) -> None:
    await watched.pages(1)
    watched.storage.meanwhile = lambda: watched.page("new")

    await watched.watch.look()

    assert [client.connection.code for client in watched.hub.clients] == [None, None]  # type: ignore[attr-defined]


async def test_sessions_of_a_herd_are_read_in_portions_and_all_of_them_run_out(watched: Watched) -> None:
    wires = await watched.pages(150)

    await watched.watch.look()
    await watched.watch.look()
    watched.now += IDLE + timedelta(seconds=1)
    await watched.watch.look()

    assert [wire.code for wire in wires] == [4401] * 150


async def test_those_of_a_herd_that_were_not_read_yet_are_parted_when_they_are_taken_away(watched: Watched) -> None:
    wires = await watched.pages(150)
    for document in await watched.storage.documents(SESSIONS):
        await watched.storage.delete_document(SESSIONS, document.id)

    await watched.watch.look()

    assert [wire.code for wire in wires] == [4401] * 150


async def test_the_uses_of_a_herd_are_stored_in_portions(watched: Watched) -> None:
    await watched.pages(80)
    await watched.watch.look()
    watched.now += NOTE_USE_AFTER + timedelta(seconds=1)

    noted = []
    for _ in range(3):
        await watched.watch.note_uses()
        noted.append(await watched.noted_since(watched.now))

    assert noted == [50, 80, 80]


async def test_noting_uses_does_not_bring_back_a_session_that_was_taken_away(watched: Watched) -> None:
    (wire,) = await watched.pages(1)
    await watched.watch.look()
    watched.now += NOTE_USE_AFTER + timedelta(seconds=1)
    await watched.storage.delete_document(SESSIONS, "session 0")

    await watched.watch.note_uses()

    assert await watched.storage.documents(SESSIONS) == []
    await watched.watch.look()
    assert wire.code == 4401
