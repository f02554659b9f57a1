"""Rights of pages that are connected already: a real deck, browsers on real WebSockets, and changes from outside."""

import asyncio
import contextlib
import sqlite3
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest

from botdeck.deck import session_watch
from botdeck.deck.auth import IDLE, LONGEST, NOTE_USE_AFTER
from botdeck.deck.clock import SYSTEM_CLOCK, Clock
from botdeck.deck.permissions import Permission
from botdeck.models import Role
from botdeck.protocol.codec import parse_time, rfc3339
from botdeck.storage import open_storage
from botdeck.storage.port import Storage

from ..unit.deck_house import PASSWORD, House, LiveBrowser, a_deck, eventually

pytestmark = pytest.mark.process
OVER = (4401, "The session is over. Sign in again.")


class MovedClock:
    """The deck's, ahead of the true time by what a test says."""

    def __init__(self) -> None:
        self.ahead = timedelta()
        self.clock = Clock(now=lambda: datetime.now(UTC) + self.ahead, seconds=SYSTEM_CLOCK.seconds)


@pytest.fixture
def moved() -> MovedClock:
    return MovedClock()


@pytest.fixture
async def house(tmp_path: Path, moved: MovedClock) -> AsyncIterator[House]:
    async with a_deck(tmp_path, clock=moved.clock) as house:
        yield house


@pytest.fixture
async def outside(house: House) -> AsyncIterator[Storage]:
    """The deck's database, as another program has it open."""
    storage = await open_storage(house.data_dir / "deck.db")
    yield storage
    await storage.close()


async def change(storage: Storage, kind: str, key: str, **values: Any) -> None:
    document = await storage.document(kind, key)
    assert document is not None
    await storage.put_document(kind, replace(document, body={**document.body, **values}))


def change_now(house: House, sql: str) -> None:
    """From another connection, and done when it returns."""
    with contextlib.closing(sqlite3.connect(house.data_dir / "deck.db")) as connection, connection:
        assert connection.execute(sql).rowcount > 0


@contextlib.asynccontextmanager
async def bobs_browser(house: House, role: Role = Role.OPERATOR) -> AsyncIterator[LiveBrowser]:
    operator = await house.deck.accounts.add_operator("bob", PASSWORD, role)
    async with house.signed_in("bob") as page, house.browser(page, user_id=operator.user_id) as browser:
        await browser.next_of("snapshot")
        yield browser


def cli_browser(house: House) -> contextlib.AbstractAsyncContextManager[LiveBrowser]:
    headers = {"Authorization": f"Bearer {house.token()}"}
    return house.browser(httpx2.AsyncClient(), user_id="cli", origin=None, additional_headers=headers)


async def only_session(storage: Storage) -> str:
    (session,) = await storage.documents("session")
    return session.id


async def test_a_session_that_is_taken_away_from_outside_ends_its_page(house: House, outside: Storage) -> None:
    async with house.set_up() as page, house.browser(page) as browser:
        await browser.next_of("snapshot")
        await outside.delete_document("session", await only_session(outside))

        assert await browser.closed() == OVER


async def test_of_many_pages_those_of_the_session_that_is_gone_are_ended_and_no_others(
    house: House, outside: Storage
) -> None:
    async with (
        house.set_up() as page,
        contextlib.AsyncExitStack() as stack,
        bobs_browser(house) as bob,
        cli_browser(house) as program,
    ):
        await program.next_of("snapshot")
        browsers = [await stack.enter_async_context(house.browser(page)) for _ in range(30)]
        for browser in browsers:
            await browser.next_of("snapshot")
        (anns,) = [one.id for one in await outside.documents("session") if one.body["operator"] == "1"]
        await outside.delete_document("session", anns)

        assert [await browser.closed() for browser in browsers] == [OVER] * 30
        for other in (bob, program):
            assert await other.subscribe(None)


async def test_a_session_that_is_taken_away_while_its_page_is_let_in_ends_it_too(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect = house.deck.hub.connect

    def revoked_just_before(*arguments: Any) -> Any:
        """The guard has looked already."""
        change_now(house, "DELETE FROM document WHERE kind = 'session'")
        return connect(*arguments)

    monkeypatch.setattr(house.deck.hub, "connect", revoked_just_before)
    async with house.set_up() as page, house.browser(page) as browser:
        assert await browser.closed() == OVER


async def test_a_role_that_changes_while_a_page_is_let_in_is_told(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect = house.deck.hub.connect

    def changed_just_before(*arguments: Any) -> Any:
        change_now(
            house,
            "UPDATE document SET version = version + 1, body = json_set(body, '$.role', 'viewer') "
            "WHERE kind = 'operator'",
        )
        return connect(*arguments)

    monkeypatch.setattr(house.deck.hub, "connect", changed_just_before)
    async with house.set_up() as page, house.browser(page) as browser:
        await browser.until(snapshot_for("viewer"))


def snapshot_for(role: str) -> Callable[[dict[str, Any]], bool]:
    return lambda message: message["type"] == "snapshot" and message["data"]["operator"]["role"] == role


async def test_signing_out_closes_the_sockets_of_that_session_only(house: House) -> None:
    async with (
        house.set_up() as page,
        house.signed_in("ann") as elsewhere,
        house.browser(page) as one,
        house.browser(page) as two,
        house.browser(elsewhere) as other,
    ):
        for browser in (one, two, other):
            await browser.next_of("snapshot")
        await page.post("api/auth/logout")
        farewells = [await one.closed(), await two.closed()]
        still_served = await other.subscribe(None)

    assert farewells == [(4401, "You signed out.")] * 2
    assert still_served["operator"]["name"] == "ann"


async def test_the_pages_of_an_operator_who_is_removed_are_ended(house: House, outside: Storage) -> None:
    async with house.set_up() as page, house.browser(page) as ann, bobs_browser(house) as bob:
        (bobs,) = [one.id for one in await outside.documents("operator") if one.body["name"] == "bob"]
        await outside.delete_document("operator", bobs)

        assert await bob.closed() == OVER
        assert await ann.subscribe(None)


async def test_a_new_role_and_a_new_name_are_told_with_a_fresh_snapshot(house: House, outside: Storage) -> None:
    async with house.set_up() as page, house.browser(page) as first, house.browser(page) as second:
        for browser in (first, second):
            await browser.next_of("snapshot")
        await change(outside, "operator", "1", role="viewer", name="anna")
        told = [(await browser.next_of("snapshot"))["operator"] for browser in (first, second)]
        refused = await page.post("api/bot/stop")

    assert told == [{"user_id": "1", "name": "anna", "role": "viewer"}] * 2
    assert refused.status_code == 403


async def test_what_changes_no_right_is_not_told(house: House, outside: Storage) -> None:
    async with house.set_up() as page, house.browser(page) as browser:
        await browser.next_of("snapshot")
        await change(outside, "operator", "1", password="another hash")
        await house.deck.session_watch.look()
        await change(outside, "operator", "1", role="viewer")
        told = await browser.next_of("snapshot")

    assert told["operator"]["role"] == "viewer"


async def test_a_role_that_may_not_look_any_more_is_let_go_of(
    house: House, outside: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Today every role may look.
    monkeypatch.setattr(session_watch, "LIVE_CHANNEL", Permission.CONTROL)
    async with house.set_up(), bobs_browser(house) as bob:
        (bobs,) = [one.id for one in await outside.documents("operator") if one.body["name"] == "bob"]
        await change(outside, "operator", bobs, role="viewer")

        assert await bob.closed() == (4403, "bob is viewer now, which is not let in here.")


async def test_an_operator_who_makes_no_sense_to_this_deck_is_ended_and_nobody_else(
    house: House, outside: Storage
) -> None:
    async with house.set_up() as page, house.browser(page) as ann, bobs_browser(house) as bob:
        (bobs,) = [one.id for one in await outside.documents("operator") if one.body["name"] == "bob"]
        await change(outside, "operator", bobs, role="made by a later version")

        assert await bob.closed() == OVER
        await change(outside, "operator", "1", role="viewer")
        await ann.until(snapshot_for("viewer"))


async def test_a_session_ends_when_it_is_too_old_though_its_page_is_open(
    house: House, outside: Storage, moved: MovedClock
) -> None:
    async with house.set_up() as page, house.browser(page) as browser:
        await browser.next_of("snapshot")
        began_at = rfc3339(datetime.now(UTC) - LONGEST + timedelta(hours=1))
        await change(outside, "session", await only_session(outside), began_at=began_at)
        await house.deck.session_watch.look()
        await browser.subscribe(None)
        moved.ahead = timedelta(hours=2)

        assert await browser.closed() == OVER


async def test_an_open_page_keeps_its_session_in_use(house: House, outside: Storage, moved: MovedClock) -> None:
    async with house.set_up() as page, house.browser(page) as browser:
        await browser.next_of("snapshot")
        session = await only_session(outside)
        for _ in range(3):
            moved.ahead += IDLE - timedelta(hours=1)
            await used_since(outside, session, moved.clock.now() - NOTE_USE_AFTER)
        await browser.subscribe(None)

    assert moved.ahead > IDLE


async def used_since(storage: Storage, session: str, moment: datetime) -> None:
    """Wait until a later use is stored."""
    async with asyncio.timeout(20):
        while (document := await storage.document("session", session)) is None or (
            parse_time(document.body["used_at"]) <= moment
        ):
            await asyncio.sleep(0.01)


async def test_a_session_that_no_page_uses_any_more_runs_out(house: House, outside: Storage, moved: MovedClock) -> None:
    async with house.set_up() as page:
        async with house.browser(page) as browser:
            await browser.next_of("snapshot")
            await house.deck.session_watch.look()
        await eventually(lambda: not house.deck.hub.clients)
        await house.deck.session_watch.look()
        before = await outside.documents("session")
        moved.ahead = IDLE - timedelta(hours=1)
        await house.deck.session_watch.note_uses()

        assert await outside.documents("session") == before
        moved.ahead = IDLE + timedelta(hours=1)
        assert (await page.get("api/auth/me")).status_code == 401


async def test_a_database_that_fails_signs_nobody_out(
    house: House, outside: Storage, caplog: pytest.LogCaptureFixture
) -> None:
    async with house.set_up() as page, house.browser(page) as browser:
        await browser.next_of("snapshot")
        session = await only_session(outside)
        await house.storage.close()
        await eventually(lambda: "nobody who is connected is signed out" in caplog.text)
        await outside.delete_document("session", session)
        while_it_failed = len(house.deck.hub.clients)
        await house.storage.open()

        assert while_it_failed == 1
        assert await browser.closed() == OVER


async def test_a_database_that_takes_nothing_signs_nobody_out(
    house: House, outside: Storage, moved: MovedClock
) -> None:
    async with house.set_up() as page, house.browser(page) as browser:
        await browser.next_of("snapshot")
        await house.deck.session_watch.look()
        before = await outside.documents("session")
        refuse = "CREATE TRIGGER refuse BEFORE UPDATE ON document BEGIN SELECT RAISE(ABORT, 'refused'); END"
        with contextlib.closing(sqlite3.connect(house.data_dir / "deck.db")) as connection, connection:
            connection.execute(refuse)
        for _ in range(2):
            moved.ahead += IDLE - timedelta(hours=1)
            await house.deck.session_watch.note_uses()
        await house.deck.session_watch.look()

        assert await browser.subscribe(None)
        assert await outside.documents("session") == before
