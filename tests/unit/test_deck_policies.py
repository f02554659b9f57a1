"""What decides in the deck, without a server: queues, gaps, waits, days."""

import asyncio
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from botdeck.deck.live_client import Farewell, LiveClient
from botdeck.deck.outbox import MOST_LINES, Outbox

from botdeck.deck import live_client, log_feed
from botdeck.deck import tries as tries_module
from botdeck.deck.clock import SYSTEM_CLOCK, Clock
from botdeck.deck.dashboard import day_bounds
from botdeck.deck.envelopes import Envelope, Envelopes
from botdeck.deck.log_feed import LogFeed
from botdeck.deck.messages import Snapshot
from botdeck.deck.throttle import Throttle
from botdeck.deck.tries import Tries
from botdeck.deck.websocket_manager import ConnectionManager
from botdeck.errors import TooManyTries
from botdeck.models import BotList, LogLine, Operator, Role

from .deck_house import a_line, a_status, eventually

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
ENVELOPES = Envelopes(epoch="e")
ANN = Operator(user_id="1", name="ann", role=Role.ADMIN)


def a_log(*numbers: int, text: str = "") -> Envelope:
    return ENVELOPES.log("helper", [a_line(number, text) for number in numbers], NOW)


def a_snapshot() -> Envelope:
    data = Snapshot(
        server_version="1",
        time_zone="UTC",
        stats_interval_s=10,
        operator=ANN,
        fleet=BotList(default_bot=None, bots=[]),
        stats=None,
        runners=[],
    )
    return ENVELOPES.snapshot(data, NOW)


def kinds(outbox: Outbox) -> list[str]:
    return [envelope.kind for envelope, _ in outbox.take()]


# The outbox.


def test_a_newer_status_takes_the_place_of_the_older_and_overtakes_nothing() -> None:
    outbox = Outbox()
    outbox.put(ENVELOPES.status(a_status("helper", restarts=1), NOW))
    outbox.put(ENVELOPES.bot_list(BotList(default_bot=None, bots=[]), NOW))
    outbox.put(ENVELOPES.status(a_status("news"), NOW))
    outbox.put(ENVELOPES.status(a_status("helper", restarts=2), NOW))

    taken = [json.loads(envelope.text(1)) for envelope, _ in outbox.take()]

    assert [(one["type"], one["data"].get("bot")) for one in taken] == [
        ("bot_list", None),
        ("bot_status", "news"),
        ("bot_status", "helper"),
    ]
    assert taken[2]["data"]["restarts"] == 2
    assert outbox.take() == []


def test_a_snapshot_takes_the_place_of_everything_before_it() -> None:
    outbox = Outbox()
    outbox.put(ENVELOPES.status(a_status("helper"), NOW))
    outbox.put(a_log(1))
    outbox.put(a_snapshot())
    outbox.put(a_log(2))

    assert kinds(outbox) == ["snapshot", "log"]


def test_when_lines_are_too_many_the_oldest_go_and_the_next_batch_says_how_many() -> None:
    outbox = Outbox()
    for number in range(0, MOST_LINES + 300, 100):
        outbox.put(a_log(*range(number, number + 100)))

    taken = outbox.take()
    messages = [json.loads(envelope.text(1, dropped)) for envelope, dropped in taken]

    assert [message["data"]["dropped"] for message in messages] == [300] + [0] * (MOST_LINES // 100 - 1)
    assert messages[0]["data"]["lines"][0]["id"] == 300
    assert sum(len(message["data"]["lines"]) for message in messages) == MOST_LINES


def test_long_lines_are_bounded_by_their_size() -> None:
    outbox = Outbox()
    for number in range(100):
        outbox.put(a_log(number, text="x" * 16_000))

    taken = outbox.take()

    assert sum(len(envelope.head) for envelope, _ in taken) <= 256 * 1024
    assert taken[0][1] + len(taken) == 100


def test_one_batch_larger_than_the_bound_still_goes_out() -> None:
    outbox = Outbox()
    outbox.put(a_log(1, text="x" * 300_000))

    assert kinds(outbox) == ["log"]


# A client and its snapshot.


class Wire:
    def __init__(self, *, stuck: bool = False) -> None:
        self.sent: list[dict[str, object]] = []
        self.stuck = stuck

    async def send(self, text: str) -> None:
        if self.stuck:
            await asyncio.Event().wait()
        self.sent.append(json.loads(text))


def a_client(wire: Wire) -> LiveClient:
    return LiveClient(
        wire, operator=ANN, session=None, encode_log=lambda bot, lines, n: ENVELOPES.log(bot, lines, NOW, n)
    )


async def test_lines_published_while_a_snapshot_is_read_are_neither_lost_nor_doubled() -> None:
    wire = Wire()
    client = a_client(wire)
    writing = asyncio.create_task(client.write())

    client.hold("helper")
    client.put(a_log(1, 2))
    client.put(a_log(3, 4))
    client.put(a_log(5))
    client.release(a_snapshot(), seen_to=3)
    client.put(a_log(2, 3))
    client.put(a_log(3, 6))
    await eventually(lambda: len(wire.sent) == 4)
    writing.cancel()

    lines = [[line["id"] for line in m["data"]["lines"]] for m in wire.sent[1:]]  # type: ignore[index]
    assert lines == [[4], [5], [6]]
    assert [message["seq"] for message in wire.sent] == [1, 2, 3, 4]


async def test_what_was_held_for_a_former_subscription_is_not_sent_after_the_snapshot() -> None:
    wire = Wire()
    client = a_client(wire)
    client.hold("news")
    client.put(a_log(1))
    client.put(ENVELOPES.status(a_status("helper"), NOW))
    client.release(a_snapshot(), seen_to=0)
    writing = asyncio.create_task(client.write())
    await eventually(lambda: len(wire.sent) > 0)
    writing.cancel()

    assert [message["type"] for message in wire.sent] == ["snapshot"]


async def test_a_writer_that_stands_still_gives_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_client, "STALLED_AFTER_S", 0.01)
    client = a_client(Wire(stuck=True))
    client.release(a_snapshot(), seen_to=0)

    farewell = await asyncio.wait_for(client.write(), 5)

    assert farewell == Farewell(4008, "This page took nothing for 0.01 s.")


# The feed of lines.


async def test_the_first_line_goes_at_once_and_the_next_ones_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_feed, "GAP_S", 0.02)
    hub = ConnectionManager(ENVELOPES, SYSTEM_CLOCK)
    wire = Wire()
    client = hub.connect(wire, ANN, None)
    client.hold("helper")
    client.release(a_snapshot(), seen_to=0)
    writing = asyncio.create_task(client.write())
    feed = LogFeed(hub)

    feed.add("helper", [a_line(1)])
    for number in range(2, 8):
        feed.add("helper", [a_line(number)])
    await eventually(lambda: len(wire.sent) == 3)
    feed.add("helper", [a_line(number) for number in range(10, 700)])
    await eventually(lambda: len(wire.sent) == 4)
    writing.cancel()
    feed.close()

    batches = [m["data"] for m in wire.sent[1:]]
    assert [[line["id"] for line in batch["lines"]] for batch in batches[:2]] == [[1], [2, 3, 4, 5, 6, 7]]  # type: ignore[index]
    assert (len(batches[2]["lines"]), batches[2]["dropped"]) == (500, 190)  # type: ignore[index]


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
    hub = ConnectionManager(ENVELOPES, SYSTEM_CLOCK)
    client = hub.connect(Wire(), ANN, None)
    feed = LogFeed(hub)
    unwatched, first, flood = LinesToCut(1, 9), LinesToCut(10, 1), [LinesToCut(n, 300) for n in (100, 400, 700)]

    feed.add("helper", unwatched)
    client.hold("helper")
    client.release(a_snapshot(), seen_to=0)
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
