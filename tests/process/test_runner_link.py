"""The runner's end of the link, in this process, against a deck on a real WebSocket."""

import asyncio
import itertools
import json
import os
import resource
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from http import HTTPStatus
from pathlib import Path

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.http11 import Request, Response

from botdeck.errors import BotdeckError
from botdeck.models import Action, BotStatus, Run
from botdeck.protocol.frames import Member
from botdeck.runner import deck_link
from botdeck.runner.deck_address import find_deck
from botdeck.runner.deck_link import DeckLink
from botdeck.runner.kept_runs import KeptRuns
from botdeck.runner.main import Runner
from botdeck.runner.run_dir import RunDirectory
from botdeck.runner.tail import Tail
from botdeck.settings import load_settings
from tests.process.fake_deck import TOKEN, FakeDeck

pytestmark = pytest.mark.process

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


class Owner:
    def __init__(self) -> None:
        self.done: list[str] = []

    def fleet(self) -> list[Member]:
        return []

    def obey(self, bot: str, action: Action, operator: str) -> "asyncio.Future[BotStatus]":
        raise NotImplementedError

    def shipped(self, run: RunDirectory) -> None:
        self.done.append(run.run.id)

    def troubles(self) -> list[str]:
        return []


class Side:
    """What a runner has on its side of the link."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.bots = folder / "bots"
        self.bots.mkdir()
        self.owner = Owner()
        self.link = DeckLink("here", self.owner, partial(find_deck, folder, url=None, base_path=lambda: "/"))
        self.tail = Tail(self.link.grown)
        self.kept = KeptRuns("bot", self.bots, self.tail, self.link)

    def run(self, number: int) -> RunDirectory:
        return RunDirectory.create(self.bots, Run(id=f"20261122T120000-{number:06x}", bot="bot", started_at=NOON), None)

    def run_that_is_over(self, number: int, text: str) -> RunDirectory:
        run = self.run(number)
        run.out.path.write_text(text)
        run.ended(replace(run.run, ended_at=NOON, exit_code=0, reason="exited with code 0"))
        return run

    @asynccontextmanager
    async def linked(self) -> AsyncIterator[None]:
        tasks = [asyncio.create_task(self.link.run()), asyncio.create_task(self.tail.run())]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


async def until(condition: Callable[[], object]) -> None:
    """For what no frame tells: look often, with a deadline."""
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.005)


@pytest.fixture
def side(tmp_path: Path) -> Side:
    return Side(tmp_path)


@pytest.fixture
async def fake_deck(tmp_path: Path) -> AsyncIterator[FakeDeck]:
    async with FakeDeck(tmp_path) as deck:
        yield deck


@contextmanager
def files_left(count: int) -> Iterator[None]:
    """This process may open so many more."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    used = {int(fd) for fd in os.listdir("/proc/self/fd") if os.path.lexists(f"/proc/self/fd/{fd}")}
    free = (fd for fd in itertools.count() if fd not in used)
    resource.setrlimit(resource.RLIMIT_NOFILE, (next(itertools.islice(free, count, None)), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def test_more_runs_than_files_may_be_open_are_all_shipped(side: Side, fake_deck: FakeDeck) -> None:
    for number in range(60):
        side.run_that_is_over(number, "precious\n")
    with files_left(25):
        side.kept.open_all()
        side.kept.ship_all()
        given_up = [run for run in side.kept.newest_first() if run.out.complete or run.events.complete]
        async with side.linked():
            await until(lambda: len(side.owner.done) == 60)

    assert given_up == []
    assert fake_deck.all_bytes("bot") == b"precious\n" * 60


async def test_more_runs_than_reports_may_wait_are_all_told(
    side: Side, fake_deck: FakeDeck, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deck_link, "MOST_REPORTS", 10)
    for number in range(60):
        side.run_that_is_over(number, "precious\n")
    side.kept.open_all()
    side.kept.ship_all()

    async with side.linked():
        await until(lambda: len(side.owner.done) == 60)

    assert len(fake_deck.hellos) == 1
    assert len(fake_deck.runs_of("bot")) == 60


async def test_what_cannot_be_opened_now_is_shipped_later(
    side: Side, fake_deck: FakeDeck, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(deck_link, "READ_AGAIN_S", 0.05)
    run = side.run_that_is_over(1, "precious\n")
    async with side.linked():
        await fake_deck.until(lambda: fake_deck.hellos)
        with files_left(0):
            side.kept.add(run)
            side.kept.ship(run)
            await until(lambda: "cannot be read now" in caplog.text)
        await until(lambda: side.owner.done)

    assert fake_deck.all_bytes("bot") == b"precious\n"


async def test_a_file_that_was_deleted_is_given_up_and_said(
    side: Side, fake_deck: FakeDeck, caplog: pytest.LogCaptureFixture
) -> None:
    run = side.run_that_is_over(1, "precious\n")
    side.kept.add(run)
    run.out.path.unlink()
    side.kept.ship(run)

    async with side.linked():
        await until(lambda: side.owner.done)

    assert f"{run.out.path}: is gone, and what the deck does not have of it is lost." in caplog.text


async def test_a_deck_that_acknowledges_nothing_is_dialled_anew_although_bots_write(
    side: Side, fake_deck: FakeDeck, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deck_link, "STALLED_S", 0.5)
    fake_deck.acknowledging = False
    run = side.run(1)
    side.kept.add(run)
    side.kept.ship(run)

    async def write() -> None:
        with run.out.path.open("ab", buffering=0) as out:
            while True:
                out.write(b"line\n")
                await asyncio.sleep(0.05)

    async with side.linked():
        writing = asyncio.create_task(write())
        await fake_deck.until(lambda: len(fake_deck.hellos) >= 3)
        writing.cancel()


async def test_a_runner_whose_link_ends_by_itself_says_so_and_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fall_over(_: DeckLink) -> None:
        raise ValueError("something nobody thought of")

    monkeypatch.setattr(DeckLink, "run", fall_over)
    (tmp_path / "botdeck.toml").write_text("")
    runner = Runner(load_settings(tmp_path / "botdeck.toml"), name="here", deck_url=None)

    async with asyncio.timeout(20):
        with pytest.raises(BotdeckError, match=r"the link to the deck ended unexpectedly \(ValueError"):
            await runner.run()


# Refusals


@asynccontextmanager
async def refusing_deck(folder: Path, *, handshake: HTTPStatus | None, code: int = 4403) -> AsyncIterator[list[str]]:
    """A deck that lets no runner in: at the door, or once it said hello. What came to it."""
    came: list[str] = []

    def at_the_door(connection: ServerConnection, request: Request) -> Response | None:
        came.append(request.headers["Authorization"])
        if handshake is None:
            return None
        return connection.respond(handshake, '{"detail": "ann took its access away\\nat noon."}')

    async def serve_one(link: ServerConnection) -> None:
        await link.recv()
        await link.close(code, "ann took its access away.")

    async with serve(serve_one, "127.0.0.1", 0, process_request=at_the_door) as server:
        port = server.sockets[0].getsockname()[1]
        joined = {"url": f"http://127.0.0.1:{port}/", "runner": "far", "token": "its-own"}
        (folder / "joined.json").write_text(json.dumps(joined))
        yield came


@pytest.mark.parametrize("handshake", [HTTPStatus.FORBIDDEN, HTTPStatus.UNAUTHORIZED, None])
async def test_a_deck_that_took_the_access_away_is_asked_slowly_and_that_is_said_once(
    side: Side, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, handshake: HTTPStatus | None
) -> None:
    # With the pace of a deck that is merely away it would not come again within this test.
    monkeypatch.setattr(deck_link, "FIRST_REDIAL_S", 1000.0)
    monkeypatch.setattr(deck_link, "LONGEST_LOCAL_REDIAL_S", 1000.0)
    monkeypatch.setattr(deck_link, "REFUSED_REDIAL_S", 0.05)

    async with refusing_deck(side.folder, handshake=handshake) as came, side.linked():
        await until(lambda: len(came) >= 5)

    assert set(came) == {"Bearer its-own"}
    assert caplog.text.count("No link to the deck") == 1
    assert "ann took its access away" in caplog.text
    assert "its-own" not in caplog.text


async def test_a_deck_that_has_another_runner_of_the_name_is_asked_at_the_usual_pace(
    side: Side, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deck_link, "REFUSED_REDIAL_S", 1000.0)

    async with refusing_deck(side.folder, handshake=None, code=4409) as came, side.linked():
        await until(lambda: len(came) >= 3)


async def test_a_token_that_was_joined_anew_is_used_at_the_next_dial(
    side: Side, fake_deck: FakeDeck, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deck_link, "REFUSED_REDIAL_S", 0.05)
    async with refusing_deck(side.folder, handshake=HTTPStatus.FORBIDDEN) as came, side.linked():
        await until(lambda: came)
        joined = {"url": f"http://127.0.0.1:{fake_deck.port}/", "runner": "near", "token": TOKEN}
        (side.folder / "joined.json").write_text(json.dumps(joined))
        await fake_deck.until(lambda: fake_deck.hellos)

    assert fake_deck.hellos[0].runner == "near"
