"""Reading along, with real files and the real tail."""

import asyncio
import contextlib
import json
import os
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from botdeck.models import Run
from botdeck.runner.health import Health
from botdeck.runner.listener import MOST_BYTES, MOST_BYTES_AT_FIRST, Listener
from botdeck.runner.run_dir import RunDirectory
from botdeck.runner.stream import LAST_BYTES, Stream
from botdeck.runner.tail import Tail
from botdeck.settings import BotSettings

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
RUN = Run(id="20261122T120000-00abcd", bot="greeter", started_at=NOW)


def line(event: str, **fields: Any) -> bytes:
    value = {"v": 1, "event": event, "time": "2026-11-22T11:59:58.000001Z", "run": RUN.id, **fields}
    return b"\n" + json.dumps(value).encode() + b"\n"


BEAT, CONNECTED = line("heartbeat"), line("heartbeat", **{"gateway.connected": True})
READY, GONE, MESSAGE = line("gateway.ready"), line("gateway.disconnect"), line("message.received")


class House:
    """A run's files, and what its listener makes of what is appended to them."""

    def __init__(self, folder: Path, **more: Any) -> None:
        self.now = 100.0
        self.run = RunDirectory.create(folder, RUN, None)
        self.listen(**more)

    def listen(self, **more: Any) -> None:
        """As a runner does that has just begun."""
        settings = BotSettings(name="greeter", command=("x",), cwd=Path("/"), **more)
        self.news = 0
        self.health = Health(settings, self.now)
        self.listener = Listener(self.run, self.health, self._hear_news, lambda: self.now)

    def _hear_news(self) -> None:
        self.news += 1

    def write(self, kind: str, data: bytes) -> int:
        """How often there was news of it."""
        stream, before = getattr(self.run, kind), self.news
        with stream.path.open("ab") as file:
            file.write(data)
        if stream.look(NOW):
            self.listener.grew(stream)
        return self.news - before


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def test_only_what_changes_something_is_news(house: House) -> None:
    first = house.write("events", BEAT)
    house.now += 15
    later = [house.write("events", BEAT), house.write("events", MESSAGE), house.write("out", b"hello\n")]

    assert first == 1  # from now on silence is trouble, after a time
    assert later == [0, 0, 0]


def test_losing_the_platform_is_news_since_it_makes_the_next_look_earlier(tmp_path: Path) -> None:
    house = House(tmp_path, gateway_timeout_s=5)

    news = [house.write("events", data) for data in (CONNECTED, GONE, GONE, READY)]

    assert news == [1, 1, 0, 0]


@pytest.mark.parametrize(("ready", "kind", "data"), [("sdk", "events", READY), ("output:up", "out", b"it is up")])
def test_getting_ready_is_news_once(tmp_path: Path, ready: str, kind: str, data: bytes) -> None:
    house = House(tmp_path, ready=ready)

    news = [house.write(kind, b"x\n"), house.write(kind, data), house.write(kind, data)]

    assert house.health.ready
    assert news == [0, 1, 0]


def test_the_end_of_trouble_is_news(house: House) -> None:
    house.write("events", BEAT)
    house.now += 61
    trouble = house.listener.trouble()

    assert (trouble, house.write("events", BEAT)) == ("no heartbeat for 61 s", 1)
    assert house.listener.trouble() is None


def test_lines_that_are_written_in_pieces_are_heard(tmp_path: Path) -> None:
    house = House(tmp_path, ready="sdk")

    for at in range(len(READY)):
        house.write("events", READY[at : at + 1])

    assert house.health.ready


def test_what_was_said_before_this_runner_began_is_known_again(house: House) -> None:
    house.write("events", MESSAGE * 5000 + CONNECTED + GONE + BEAT)
    house.run.events.close()
    opened = RunDirectory.open(house.run.path, "greeter")
    assert opened is not None
    house.run = opened
    house.listen(ready="sdk")

    house.write("events", MESSAGE)

    assert house.health.ready
    assert house.health.next_look_at() == house.now + 60
    house.now += 60
    assert house.listener.trouble() == "no heartbeat for 60 s"
    house.write("events", BEAT)
    house.now += 60
    assert house.write("events", BEAT) == 0
    assert house.listener.trouble() == "disconnected from its platform for 2 min"


@pytest.mark.parametrize("kind", ["out", "events"])
def test_only_the_end_is_read_of_what_is_far_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    sizes: list[int] = []
    pread = os.pread

    def counted(fd: int, size: int, offset: int) -> bytes:
        if size != LAST_BYTES:  # a stream's own look at what stands before its end
            sizes.append(size)
        return pread(fd, size, offset)

    monkeypatch.setattr(os, "pread", counted)
    house = House(tmp_path, ready="output:never")
    for size in (5 * MOST_BYTES, 5 * MOST_BYTES, 10):
        house.write(kind, b"x" * size)

    assert sizes == [MOST_BYTES_AT_FIRST, MOST_BYTES, 10]


def test_a_line_whose_middle_was_left_out_is_not_taken_for_another(house: House) -> None:
    house.write("events", MESSAGE + b'{"pad":1,')

    house.write("events", b"left out" + BEAT[2:].ljust(MOST_BYTES, b"\n"))

    assert house.health.next_look_at() is None


def test_a_file_that_somebody_made_shorter_is_heard_on(house: House) -> None:
    house.write("events", MESSAGE * 100)
    os.truncate(house.run.events.path, 0)
    house.run.events.look(NOW)

    house.write("events", BEAT)

    assert house.health.next_look_at() == house.now + 60


def test_output_is_not_read_when_nothing_is_looked_for_in_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    house = House(tmp_path, output_timeout_s=600)
    monkeypatch.setattr(
        os, "pread", lambda _fd, size, _offset: b"" if size == LAST_BYTES else pytest.fail("it is read")
    )
    house.now += 500

    house.write("out", b"x" * 1000)

    assert house.health.next_look_at() == house.now + 600


def test_a_file_that_cannot_be_read_now_is_read_later(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    pread = os.pread

    def broken(fd: int, size: int, offset: int) -> bytes:
        if size != LAST_BYTES:
            raise OSError("input/output error")
        return pread(fd, size, offset)

    monkeypatch.setattr(os, "pread", broken)
    house.write("events", BEAT)
    monkeypatch.undo()

    assert house.health.next_look_at() is None
    assert house.write("events", b"\n") == 1
    assert house.health.next_look_at() is not None


def test_a_run_that_is_over_is_left_closed(house: House) -> None:
    house.write("events", MESSAGE)
    house.run.events.end(NOW)
    house.run.events.close()

    house.listener.grew(house.run.events)

    assert house.run.events._fd is None


@pytest.mark.parametrize(("free_bytes", "blamed"), [(0, False), (4096, False), (1 << 30, True)])
def test_nobody_is_blamed_for_silence_while_the_disk_takes_nothing(
    house: House, monkeypatch: pytest.MonkeyPatch, free_bytes: int, blamed: bool
) -> None:
    class Disk:
        f_bavail, f_frsize = free_bytes // 4096, 4096

    house.write("events", BEAT)
    monkeypatch.setattr(os, "statvfs", lambda _: Disk)
    house.now += 60

    assert (house.listener.trouble() is not None) is blamed
    monkeypatch.undo()
    house.now += 60
    assert house.listener.trouble() == "no heartbeat for 60 s"


@pytest.fixture
async def tail() -> AsyncIterator[Callable[[Callable[[Stream], None]], Tail]]:
    tasks: list[asyncio.Task[None]] = []

    def start(grown: Callable[[Stream], None]) -> Tail:
        tail = Tail(grown)
        tasks.append(asyncio.create_task(tail.run()))
        return tail

    yield start
    for task in tasks:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def test_a_tail_brings_it_what_the_bot_says(
    tmp_path: Path, tail: Callable[[Callable[[Stream], None]], Tail]
) -> None:
    house = House(tmp_path, ready="sdk")
    watching = tail(house.listener.grew)
    for stream in house.run.streams:
        watching.watch(stream)

    with house.run.events.path.open("ab") as file:
        file.write(CONNECTED)

    async with asyncio.timeout(20):
        while not house.health.ready:
            await asyncio.sleep(0.005)
    assert house.news == 1
