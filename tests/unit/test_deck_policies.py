"""What decides in the deck, without a server: gaps, waits, days."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from botdeck.deck import log_feed
from botdeck.deck import tries as tries_module
from botdeck.deck.clock import SYSTEM_CLOCK, Clock
from botdeck.deck.dashboard import day_bounds
from botdeck.deck.envelopes import Envelopes
from botdeck.deck.log_feed import LogFeed
from botdeck.deck.throttle import Throttle
from botdeck.deck.tries import Tries
from botdeck.deck.websocket_manager import ConnectionManager
from botdeck.errors import TooManyTries
from botdeck.models import LogLine

from .deck_house import a_line, eventually

# The feed of lines.


class Told(ConnectionManager):
    """A hub that a bot is watched on, and what was told of it."""

    def __init__(self) -> None:
        super().__init__(Envelopes("e", SYSTEM_CLOCK))
        self.batches: list[tuple[list[int], int]] = []
        """Ids of the lines, and how many were left out before them."""

    def broadcast_log(self, bot: str, lines: Sequence[LogLine], dropped: int = 0) -> None:
        self.batches.append(([line.id for line in lines], dropped))


async def test_the_first_line_goes_at_once_and_the_next_ones_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_feed, "GAP_S", 0.02)
    hub = Told()
    hub.positions("helper")
    feed = LogFeed(hub)

    feed.add("helper", [a_line(1)])
    assert hub.batches == [([1], 0)]
    for number in range(2, 8):
        feed.add("helper", [a_line(number)])
    await eventually(lambda: len(hub.batches) == 2)
    feed.add("helper", [a_line(number) for number in range(10, 700)])
    await eventually(lambda: len(hub.batches) == 3)
    feed.close()

    assert hub.batches[1:] == [([2, 3, 4, 5, 6, 7], 0), (list(range(200, 700)), 190)]


async def test_of_long_lines_fewer_go_together_and_the_last_always_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_feed, "MOST_CHARACTERS", 1000)
    hub = Told()
    hub.positions("helper")
    feed = LogFeed(hub)

    feed.add("helper", [a_line(number, "x" * 300) for number in range(1, 6)])
    feed.add("helper", [a_line(6, "x" * 300), a_line(7, "x" * 2000)])
    await eventually(lambda: len(hub.batches) == 2)
    feed.close()

    assert hub.batches == [([3, 4, 5], 2), ([7], 1)]


async def test_lines_come_every_50_ms_however_many_are_written(monkeypatch: pytest.MonkeyPatch) -> None:
    hub = Told()
    hub.positions("helper")
    feed = LogFeed(hub)
    loop = asyncio.get_running_loop()
    began, number = loop.time(), 0
    while loop.time() < began + 4 * log_feed.GAP_S:
        number += 1
        feed.add("helper", [a_line(number)])
        await asyncio.sleep(0)
    batches, took = len(hub.batches), loop.time() - began
    await eventually(lambda: sum(len(ids) + dropped for ids, dropped in hub.batches) == number)
    feed.close()

    assert 1 < batches <= took / log_feed.GAP_S + 1


class LinesToCut(Sequence[LogLine]):
    """Says which of its lines were looked at."""

    def __init__(self, first: int, count: int) -> None:
        self.numbers = range(first, first + count)
        self.cut: list[int] = []

    def __len__(self) -> int:
        return len(self.numbers)

    def __getitem__(self, index: Any) -> Any:
        chosen = self.numbers[index]
        self.cut += [chosen] if isinstance(chosen, int) else chosen
        return a_line(chosen) if isinstance(chosen, int) else [a_line(number) for number in chosen]


async def test_lines_that_nobody_sees_are_not_cut_out_of_their_output() -> None:
    hub = ConnectionManager(Envelopes("e", SYSTEM_CLOCK))
    feed = LogFeed(hub)
    unwatched, first, flood = LinesToCut(1, 9), LinesToCut(10, 1), [LinesToCut(n, 300) for n in (100, 400, 700)]

    feed.add("helper", unwatched)
    hub.positions("helper")
    feed.add("helper", first)
    for lines in flood:
        feed.add("helper", lines)
    await eventually(lambda: bool(flood[2].cut))
    feed.close()

    assert (unwatched.cut, first.cut, flood[0].cut) == ([], [10], [])
    assert flood[1].cut + flood[2].cut == list(range(500, 1000))


# Gaps and waits.


def test_a_first_change_is_due_at_once_and_further_ones_after_the_gap() -> None:
    throttle = Throttle(0.1)
    throttle.change("a")
    assert throttle.due(5.0) == ["a"]
    throttle.change("a")
    throttle.change("b")

    assert throttle.due(5.01) == ["b"]
    assert throttle.next_at() == pytest.approx(5.1)
    assert throttle.due(5.2) == ["a"]
    assert throttle.next_at() is None
    assert throttle.due(9.0) == []


def test_the_wait_after_failures_doubles_up_to_five_minutes() -> None:
    tries, now, waits = Tries(), 0.0, []
    for _ in range(14):
        try:
            tries.begin(("1.2.3.4", "ann"), now)
        except TooManyTries as refused:
            waits.append(refused.retry_after_s)
            now += refused.retry_after_s
            tries.begin(("1.2.3.4", "ann"), now)

    assert waits == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]


def test_failures_are_of_one_address_and_one_name_and_success_or_an_hour_forgets_them() -> None:
    tries = Tries()
    for _ in range(3):
        tries.begin(("1.2.3.4", "ann"), 0)

    with pytest.raises(TooManyTries):
        tries.begin(("1.2.3.4", "ann"), 0.5)
    tries.begin(("1.2.3.4", "bob"), 0.5)
    tries.begin(("5.6.7.8", "ann"), 0.5)
    tries.begin(("1.2.3.4", "ann"), 3700)
    tries.succeeded(("1.2.3.4", "ann"))
    for _ in range(3):
        tries.begin(("1.2.3.4", "ann"), 3701)


def test_the_longest_untouched_of_too_many_failures_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tries_module, "_MOST_KEYS", 3)
    tries = Tries()
    for name in ("ann", "bob", "cid", "ann", "dan"):
        tries.begin(("1.2.3.4", name), 0)

    assert [name for _, name in tries._failed] == ["cid", "ann", "dan"]


# Days.


@pytest.mark.parametrize(
    ("now", "zone", "day", "begins", "hours"),
    [
        ("2026-11-22T23:30Z", "UTC", "2026-11-22", "2026-11-22T00:00Z", 24),
        ("2026-11-22T23:30Z", "Europe/Vienna", "2026-11-23", "2026-11-22T23:00Z", 24),
        ("2026-11-22T01:00Z", "America/New_York", "2026-11-21", "2026-11-21T05:00Z", 24),
        ("2026-11-22T20:00Z", "Asia/Kathmandu", "2026-11-23", "2026-11-22T18:15Z", 24),
        ("2026-03-29T12:00Z", "Europe/Vienna", "2026-03-29", "2026-03-28T23:00Z", 23),
        ("2026-10-25T12:00Z", "Europe/Vienna", "2026-10-25", "2026-10-24T22:00Z", 25),
        ("2026-03-29T12:00Z", "Asia/Beirut", "2026-03-29", "2026-03-28T22:00Z", 23),
    ],
)
def test_today_is_a_calendar_day_of_the_zone(now: str, zone: str, day: str, begins: str, hours: int) -> None:
    name, since, until = day_bounds(datetime.fromisoformat(now), ZoneInfo(zone))

    assert name == day
    assert since == datetime.fromisoformat(begins)
    assert (until - since).total_seconds() == hours * 3600


def test_a_clock_has_wall_time_in_utc_and_seconds_that_grow() -> None:
    clock: Clock = SYSTEM_CLOCK

    assert clock.now().tzinfo is UTC
    assert clock.seconds() < clock.seconds()
