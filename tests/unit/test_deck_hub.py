"""The hub with pages on real descriptors: what goes to whom, in how many writes, and what becomes of those who are
slow."""

import asyncio
import json
import os
import random
import socket
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from typing import Any

import pytest

from botdeck.deck import audience, topics, websocket_manager
from botdeck.deck.clock import SYSTEM_CLOCK
from botdeck.deck.envelopes import Envelopes
from botdeck.deck.messages import Resume, SampleList, Snapshot
from botdeck.deck.topics import POLICIES, Tail, log_topic
from botdeck.deck.websocket_manager import FLUSH_GAP_S, WRITE_BYTES, ConnectionManager
from botdeck.models import BotList, BotStatus, DashboardStats, LogLine, RunnerStatus

from .deck_house import a_line, a_sample, a_status
from .live_page import LivePage
from .live_wire import ANN, CLOSE, PING, TEXT, PlainPage, flush

ROOMY, TIGHT = 1 << 20, 4096


class Truth:
    """What is so. Each change is published, as the deck does it, and a snapshot can be had at any time."""

    def __init__(self) -> None:
        self.envelopes = Envelopes("e", SYSTEM_CLOCK)
        self.hub = ConnectionManager(self.envelopes)
        self.statuses: dict[str, BotStatus] = {}
        self.runners: list[RunnerStatus] = []
        self.messages: dict[str, int] = {}
        self.lines: dict[str, list[LogLine]] = {}
        self.opened: list[PlainPage] = []
        self._ids = 0
        for bot in ("helper", "news"):
            self.add_bot(bot)

    @property
    def bots(self) -> BotList:
        return BotList(default_bot=next(iter(self.statuses), None), bots=list(self.statuses.values()))

    def stats(self, bot: str, logs: list[LogLine] | None = None) -> DashboardStats:
        return DashboardStats(
            bot=bot,
            total_users=1,
            bot_uptime=1.0,
            messages_today=self.messages.get(bot, 0),
            messages_sent_today=0,
            active_commands=0,
            dropped_bytes=0,
            day="2026-11-22",
            time_zone="UTC",
            recent_logs=logs,
        )

    def add_bot(self, bot: str) -> None:
        self.statuses[bot] = a_status(bot, runner="local")
        self.hub.broadcast_bot_list(self.bots)

    def remove_bot(self, bot: str) -> None:
        self.statuses.pop(bot, None)
        self.hub.broadcast_bot_list(self.bots)

    def tell(self, bot: str, **more: Any) -> None:
        self.statuses[bot] = replace(a_status(bot, runner="local"), **more)
        self.hub.broadcast_bot_status(self.statuses[bot])

    def sample(self, *bots: str, cpu: float = 1.5) -> None:
        samples = {bot: a_sample(bot, cpu) for bot in bots}
        self.statuses = {bot: replace(status, sample=samples.get(bot)) for bot, status in self.statuses.items()}
        self.hub.broadcast_samples(SampleList(runner="local", samples=list(samples.values())))

    def runner(self, troubles: list[str]) -> None:
        since = SYSTEM_CLOCK.now()
        self.runners = [
            RunnerStatus(name="local", host="h", connected=True, since=since, version="1", bots=2, troubles=troubles)
        ]
        self.hub.broadcast_runners(self.runners)

    def count(self, bot: str) -> None:
        self.messages[bot] = self.messages.get(bot, 0) + 1
        self.hub.broadcast_dashboard_stats(self.stats(bot))

    def log(self, bot: str, count: int, length: int = 10, dropped: int = 0) -> None:
        lines = [a_line(self._ids + n, "x" * length, bot) for n in range(1, count + dropped + 1)]
        self._ids += count + dropped
        self.lines.setdefault(bot, []).extend(lines)
        self.hub.broadcast_log(bot, lines[dropped:], dropped)

    def snapshot(self, bot: str | None) -> tuple[bytes, dict[str, int]]:
        bot = bot if bot in self.statuses else None
        data = Snapshot(
            server_version="1",
            time_zone="UTC",
            stats_interval_s=10,
            heartbeat_s=5,
            operator=ANN,
            fleet=self.bots,
            stats=self.stats(bot, self.lines.get(bot, [])[-50:]) if bot else None,
            runners=self.runners,
            positions=self.hub.positions(bot),
        )
        return self.envelopes.snapshot(self.envelopes.share(data), ANN), data.positions

    # Pages.

    async def connect(self, *, sends: int = ROOMY, live: LivePage | None = None) -> PlainPage:
        self.opened.append(await PlainPage(self.hub, sends=sends, live=live).connect())
        return self.opened[-1]

    def follow(self, page: PlainPage, bot: str | None) -> None:
        first, positions = self.snapshot(bot)
        self.hub.follow(page.client, bot if bot in self.statuses else None, first, positions)

    async def page(self, bot: str | None = "helper", *, sends: int = ROOMY, live: LivePage | None = None) -> PlainPage:
        page = await self.connect(sends=sends, live=live)
        self.follow(page, bot)
        return page

    async def back(self, page: PlainPage, *, sends: int = ROOMY) -> PlainPage:
        """The page on another connection, which goes on where it was if it may."""
        again = await self.connect(sends=sends, live=page.page)
        self.resume(again, page.client.bot)
        return again

    def resume(self, page: PlainPage, bot: str | None) -> None:
        bot = bot if bot in self.statuses else None
        said = page.page.resume()
        resume = Resume(**said) if said else None
        if resume and self.hub.can_resume(bot, resume):
            self.hub.follow(page.client, bot, self.envelopes.resumed(ANN), resume.positions)
        else:
            self.follow(page, bot)

    def fresh(self, bot: str | None) -> LivePage:
        """A page that has a snapshot of now."""
        page = LivePage()
        page.hear(json.loads(_payload(self.snapshot(bot)[0])))
        return page

    def view(self, bot: str | None) -> dict[str, Any]:
        return self.fresh(bot).view()


def _payload(frame: bytes) -> bytes:
    return frame[{126: 4, 127: 10}.get(frame[1], 2) :]


@pytest.fixture
async def truth() -> AsyncIterator[Truth]:
    truth = Truth()
    yield truth
    for page in truth.opened:
        page.connection.abort()
        page.leave()
    await asyncio.sleep(0)


@pytest.fixture
def writes(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """Descriptor and bytes of each write that goes past the transport."""
    done: list[tuple[int, int]] = []
    write = os.write

    def noted(descriptor: int, data: bytes) -> int:
        done.append((descriptor, len(data)))
        return write(descriptor, data)

    monkeypatch.setattr(audience.os, "write", noted)
    return done


async def flushed(truth: Truth) -> None:
    """All that is due has been written, in its time."""
    while truth.hub._due or truth.hub._writes:
        await asyncio.sleep(0)


# What a storm costs.


async def test_a_storm_costs_what_its_last_state_costs(truth: Truth, writes: list[tuple[int, int]]) -> None:
    encoded: list[str] = []
    encode = truth.envelopes.update
    truth.envelopes.update = lambda kind, *more: encoded.append(kind) or encode(kind, *more)  # type: ignore[method-assign]
    pages = [await (await truth.page()).read_all() for _ in range(20)]
    await flushed(truth)
    encoded.clear()
    writes.clear()

    for number in range(1000):
        truth.tell("helper", restarts=number)
        truth.count("helper")
        truth.sample("helper", cpu=number)
    await flushed(truth)

    assert encoded == ["bot_status", "dashboard_stats", "samples"]
    assert len(writes) == len({descriptor for descriptor, _ in writes}) == 20
    for page in pages:
        assert (await page.read_all()).page.view() == truth.view("helper")


async def test_what_is_due_is_written_at_most_every_flush_gap_and_the_first_at_once(
    truth: Truth, writes: list[tuple[int, int]]
) -> None:
    await (await truth.page()).read_all()
    loop = asyncio.get_running_loop()
    began = loop.time()
    while loop.time() < began + 5 * FLUSH_GAP_S:
        truth.tell("helper")
        await asyncio.sleep(0)
    took = loop.time() - began

    assert 1 <= len(writes) <= took / FLUSH_GAP_S + 2


async def test_many_who_come_or_drain_during_a_storm_cost_no_flush_each(
    truth: Truth, writes: list[tuple[int, int]]
) -> None:
    pages = [await (await truth.page()).read_all() for _ in range(10)]
    resume = pages[0].page
    writes.clear()
    flush(truth.hub)

    for number in range(50):
        truth.tell("helper", restarts=number)
        live = LivePage()
        live.epoch, live.places = resume.epoch, dict(resume.places)
        again = await truth.connect(live=live)
        truth.resume(again, "helper")

    assert len(writes) < 10 * 50


async def test_an_audience_is_written_to_shard_by_shard_and_others_have_their_turn_between(
    truth: Truth, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audience, "SHARD_CLIENTS", 3)
    pages = [await (await truth.page()).read_all() for _ in range(8)]
    heard: list[int] = []
    truth.tell("helper", restarts=9)
    await asyncio.sleep(2 * FLUSH_GAP_S)
    for page in pages:
        await page.read_all()
    (shards,) = [one.shards for bot, one in truth.hub._audiences.items() if bot == "helper"]

    assert [shard.members for shard in shards] == [3, 3, 2]
    truth.tell("helper", restarts=10)
    truth.hub._encode_due()
    while truth.hub._writes:
        await asyncio.sleep(0)
        heard.append(sum(page.read() > 0 for page in pages))
    assert heard == [3, 3, 2]
    assert all(page.page.view() == truth.view("helper") for page in pages)


async def test_lines_go_only_to_those_who_follow_the_bot(truth: Truth) -> None:
    one, other = await truth.page("helper"), await truth.page("news")
    truth.log("helper", 2)
    truth.tell("news")
    await one.read_all()
    await other.read_all()

    assert [message["type"] for message in one.messages] == ["snapshot", "log", "bot_status"]
    assert [message["type"] for message in other.messages] == ["snapshot", "bot_status"]


async def test_a_message_that_cannot_be_encoded_stills_nobody_and_its_lines_are_counted(truth: Truth) -> None:
    page = await truth.page()
    truth.hub.broadcast_log("helper", [a_line(1, "half of a character: \ud800"), a_line(2)])
    truth.hub.broadcast_bot_status(a_status("helper", reason="\ud800"))
    truth.log("helper", 1)
    await page.read_all()

    batches = [message["data"] for message in page.messages if message["type"] == "log"]
    assert [(len(batch["lines"]), batch["dropped"]) for batch in batches] == [(0, 2), (1, 0)]
    assert [message["type"] for message in page.messages] == ["snapshot", "log", "log"]


async def test_the_name_of_a_bot_can_be_anything(truth: Truth) -> None:
    truth.add_bot('q"uo\\te\n')
    page = await truth.page('q"uo\\te\n')
    truth.log('q"uo\\te\n', 1)
    await page.read_all()

    assert page.messages[-1]["topic"] == 'log/q"uo\\te\n'


async def test_a_large_batch_of_lines_is_told_in_messages_of_a_bounded_size(truth: Truth) -> None:
    page = await truth.page()
    truth.log("helper", 500, length=1000, dropped=7)
    await page.read_all()

    batches = [message["data"] for message in page.messages if message["type"] == "log"]
    assert [line["id"] for batch in batches for line in batch["lines"]] == list(range(8, 508))
    assert [batch["dropped"] for batch in batches] == [7] + [0] * (len(batches) - 1)
    assert max(len(json.dumps(batch)) for batch in batches) <= WRITE_BYTES


# Those who are slow.


async def test_one_who_does_not_read_delays_nobody_and_costs_at_most_one_write(truth: Truth) -> None:
    slow, quick = await truth.page(sends=TIGHT), await truth.page()
    for _ in range(400):
        truth.log("helper", 20, length=500)
        truth.tell("helper")
        flush(truth.hub)
        quick.read()
        assert slow.connection.waiting_bytes <= WRITE_BYTES
    assert slow.client.behind is not None
    assert sum(slow.connection.writes) <= 2 * WRITE_BYTES
    assert quick.page.counts["gap"] == 0

    await slow.read_all()

    await quick.read_all()
    assert slow.client.behind is None
    assert slow.page.view() == quick.page.view() == truth.view("helper")
    assert slow.page.counts["lines"] + slow.page.counts["dropped"] == 8000
    assert slow.page.counts["dropped"] > 0


async def test_who_is_behind_gets_of_each_key_the_newest_only_and_is_told(truth: Truth) -> None:
    page = await truth.page(sends=TIGHT)
    await page.read_all()
    while page.client.behind is None:
        truth.log("helper", 1, length=3000)
        flush(truth.hub)
    for number in range(100):
        truth.tell("helper", restarts=number)
        truth.tell("news", restarts=number)
        flush(truth.hub)
    before = len(page.messages)
    await page.read_all()

    kinds = [message["type"] for message in page.messages[before:]]
    assert kinds.count("bot_status") == 2
    assert kinds.count("gap") >= 1
    assert page.page.view() == truth.view("helper")


async def test_a_gap_in_lines_is_told_once_though_other_topics_fill_the_write(truth: Truth) -> None:
    page = await truth.page(sends=TIGHT)
    await page.read_all()
    while page.client.behind is None:
        truth.log("helper", 1, length=3000)
        flush(truth.hub)
    for number in range(120):
        truth.statuses[f"bot{number}"] = a_status(f"bot{number}")
    truth.hub.broadcast_bot_list(truth.bots)
    for number in range(120):
        truth.tell(f"bot{number}", reason="x" * 1000)
    for _ in range(80):
        truth.log("helper", 50, length=300)
        flush(truth.hub)

    while page.read(2000) or page.connection.waiting_bytes:
        await asyncio.sleep(0)
        if truth._ids < 8000:
            truth.log("helper", 50, length=300)
            flush(truth.hub)

    assert page.page.counts["lines"] + page.page.counts["dropped"] == truth._ids
    assert page.page.view() == truth.view("helper")


async def test_who_is_so_slow_that_its_gap_cannot_be_counted_is_let_go_and_gets_a_snapshot(
    truth: Truth, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(topics, "_COUNTED_BATCHES", 5)
    page = await truth.page("news", sends=TIGHT)
    truth.follow(page, "helper")
    while page.client.behind is None:
        truth.log("helper", 5, length=500)
        flush(truth.hub)
    for _ in range(20):
        truth.log("helper", 5, length=500)
        flush(truth.hub)
    while not page.ended:
        page.read()
        await asyncio.sleep(0)

    again = await (await truth.back(page)).read_all()

    assert page.client.gone
    assert (again.page.counts["resumed"], again.page.counts["snapshot"]) == (0, 3)
    assert again.page.view() == truth.view("helper")


async def test_a_heartbeat_and_a_ping_are_one_write_to_those_who_are_ready(
    truth: Truth, writes: list[tuple[int, int]]
) -> None:
    page = await (await truth.page()).read_all()
    writes.clear()
    truth.hub.broadcast_heartbeat(part=0, of=1)
    await page.read_all()

    assert len(writes) == 1
    assert page.kinds[-2:] == [PING, TEXT]
    assert page.messages[-1]["type"] == "heartbeat"


async def test_each_page_gets_its_part_of_the_heartbeats_though_others_go_meanwhile(
    truth: Truth, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audience, "SHARD_CLIENTS", 1)
    other = await truth.page("news")
    pages = [await (await truth.page()).read_all() for _ in range(10)]
    for part in range(5):
        truth.hub.broadcast_heartbeat(part=part, of=5)
        for page in pages:
            await page.read_all()
        if part == 2:
            other.connection.abort()
            truth.hub.forget_empty_audiences(1000.0)
            truth.hub.forget_empty_audiences(1060.1)

    assert [page.kinds.count(PING) for page in pages] == [1] * 10


# Those who go.


async def test_one_who_goes_gets_nothing_and_its_descriptor_gets_nothing_of_it(truth: Truth) -> None:
    page = await (await truth.page()).read_all()
    descriptor = page.connection.descriptor
    page.connection.abort()
    await asyncio.sleep(0)
    ours, theirs = socket.socketpair()
    if ours.fileno() != descriptor:
        os.dup2(ours.fileno(), descriptor)
    theirs.setblocking(False)

    truth.tell("helper")
    truth.log("helper", 3)
    flush(truth.hub)

    with pytest.raises(BlockingIOError):
        theirs.recv(1)
    ours.close()
    theirs.close()


async def test_a_new_connection_with_the_old_descriptor_gets_only_what_is_its_own(truth: Truth) -> None:
    page = await truth.page("news", sends=TIGHT)
    while page.client.behind is None:
        truth.log("news", 5, length=500)
        flush(truth.hub)
    page.connection.abort()
    await asyncio.sleep(0)

    other = await truth.page("helper")
    truth.log("news", 5)
    truth.log("helper", 1)
    await other.read_all()

    assert other.connection.descriptor == page.connection.descriptor
    assert [message["type"] for message in other.messages] == ["snapshot", "log"]
    assert other.messages[-1]["data"]["bot"] == "helper"


async def test_who_went_while_its_snapshot_was_read_does_not_get_it_and_is_never_written_to(
    truth: Truth, writes: list[tuple[int, int]]
) -> None:
    page = await truth.connect()
    first, positions = truth.snapshot("helper")
    page.connection.part(4401, "You signed out.")
    truth.hub.follow(page.client, "helper", first, positions)
    truth.tell("helper")
    flush(truth.hub)
    await page.read_all()

    assert page.kinds == [CLOSE]
    assert writes == []
    assert truth.hub._audiences["helper"].members == 0


@pytest.mark.parametrize("behind", [False, True])
async def test_a_close_frame_is_the_last_thing_on_the_wire(truth: Truth, behind: bool) -> None:
    page = await truth.page(sends=TIGHT)
    await page.read_all()
    while behind and page.client.behind is None:
        truth.log("helper", 5, length=500)
        flush(truth.hub)
    truth.tell("helper")
    page.connection.part(4401, "You signed out.", last=truth.envelopes.heartbeat())
    for _ in range(3):
        truth.log("helper", 5)
        truth.tell("helper")
        flush(truth.hub)
        truth.hub.broadcast_heartbeat(part=0, of=1)
        await page.read_all()

    assert page.kinds[-1] == CLOSE
    assert page.messages[-1]["type"] == "heartbeat"
    assert page.frames.unfinished == 0


async def test_signing_out_parts_all_of_that_session_only(truth: Truth) -> None:
    one, other = await truth.page(), await truth.page()
    one.client.session = "s1"
    truth.hub.end_session("s1", "You signed out.")
    truth.tell("helper")
    await one.read_all()
    await other.read_all()

    assert CLOSE in one.kinds
    assert other.messages[-1]["type"] == "bot_status"


async def test_a_broken_connection_in_the_middle_of_a_write_to_all_hurts_nobody(truth: Truth) -> None:
    pages = [await (await truth.page()).read_all() for _ in range(5)]
    pages[2].leave()
    for _ in range(3):
        truth.tell("helper")
        flush(truth.hub)
        await asyncio.sleep(0)
    await asyncio.sleep(0)

    assert pages[2].client.gone
    for page in pages[:2] + pages[3:]:
        assert (await page.read_all()).page.view() == truth.view("helper")


async def test_a_write_that_fails_as_none_should_does_not_keep_it_from_the_others(
    truth: Truth, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audience, "SHARD_CLIENTS", 1)
    first, second = [await (await truth.page()).read_all() for _ in range(2)]
    failed: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, about: failed.append(about["exception"]))
    write = os.write

    def short_of_memory(descriptor: int, data: bytes) -> int:
        if not failed and descriptor == first.client.connection.descriptor:
            raise MemoryError
        return write(descriptor, data)

    monkeypatch.setattr(audience.os, "write", short_of_memory)
    truth.count("helper")
    async with asyncio.timeout(20):
        await flushed(truth)

    assert len(failed) == 1
    assert (await second.read_all()).page.view() == truth.view("helper")


async def test_an_audience_is_kept_for_a_minute_and_not_longer(truth: Truth) -> None:
    page = await (await truth.page()).read_all()
    page.connection.abort()
    for now in (1000.0, 1030.0, 1060.0):
        truth.hub.forget_empty_audiences(now)
        truth.log("helper", 1)
        flush(truth.hub)
    again = await (await truth.back(page)).read_all()
    assert again.page.counts["resumed"] == 1
    assert len(again.page.lines) == 3

    again.connection.abort()
    for now in (2000.0, 2060.1):
        truth.hub.forget_empty_audiences(now)
    assert not truth.hub.is_watched("helper")
    late = await (await truth.back(again)).read_all()
    assert (late.page.counts["resumed"], late.page.counts["snapshot"]) == (1, 2)


async def test_a_topic_that_begins_anew_knows_no_position_of_the_former_one(truth: Truth) -> None:
    page = await truth.page()
    truth.log("helper", 1)
    await page.read_all()
    page.connection.abort()
    for now in (1000.0, 1060.1):
        truth.hub.forget_empty_audiences(now)
    truth.hub.positions("helper")
    for _ in range(50):
        truth.log("helper", 1)
        flush(truth.hub)

    again = await (await truth.back(page)).read_all()

    assert again.page.counts["resumed"] == 0
    assert again.page.view() == truth.view("helper")


async def test_who_follows_another_bot_when_the_list_changes_is_woken(truth: Truth) -> None:
    page, wishes = await truth.page("helper"), await truth.page("news")
    wishes.client.wish = "news"
    truth.remove_bot("helper")

    assert (page.connection.woken, wishes.connection.woken) == (1, 0)


# Everything at once.


class Crowd:
    """Pages that read as they like, go, come back, and change their mind, and one for each bot that reads all."""

    BOTS = ("helper", "news", "third")

    def __init__(self, truth: Truth, dice: random.Random) -> None:
        self.truth = truth
        self.dice = dice
        self.pages: list[PlainPage] = []
        self.witnesses: list[PlainPage] = []
        self.steps = [
            self.publish,
            self.publish,
            self.publish,
            self.read_some,
            self.read_some,
            self.cut,
            self.change_bot,
        ]

    async def come(self, count: int) -> None:
        self.witnesses = [await self.truth.page(bot) for bot in self.BOTS[:2]]
        self.pages = [await self.truth.page(self.dice.choice(self.BOTS), sends=TIGHT) for _ in range(count)]

    async def step(self) -> None:
        await self.dice.choice(self.steps)()
        if self.dice.random() < 0.3:
            await asyncio.sleep(0)
        for witness in self.witnesses:
            witness.read()
        for index, page in enumerate(self.pages):
            if page.client.gone:
                self.pages[index] = await self.come_back(page)

    async def publish(self) -> None:
        truth, dice = self.truth, self.dice
        bot = dice.choice(list(truth.statuses))
        match dice.randrange(8):
            case 0:
                truth.tell(bot, restarts=dice.randrange(1000))
            case 1:
                truth.sample(*dice.sample(list(truth.statuses), 2), cpu=dice.random())
            case 2:
                truth.count(bot)
            case 3:
                truth.runner(["x" * dice.randrange(3000)])
            case 4:
                (truth.remove_bot if "third" in truth.statuses else truth.add_bot)("third")
            case _:
                truth.log(bot, dice.randrange(1, 40), dice.choice((5, 50, 1500)), dropped=dice.choice((0, 0, 3)))
        if dice.random() < 0.5:
            flush(truth.hub)

    async def read_some(self) -> None:
        self.dice.choice(self.pages).read(self.dice.choice((1, 100, 3000, 100_000)))
        await asyncio.sleep(0)

    async def cut(self) -> None:
        index = self.dice.randrange(len(self.pages))
        page = self.pages[index]
        # Some of what is on its way arrives, the rest does not.
        page.read(self.dice.choice((1, 500, 100_000)))
        (page.connection.abort if self.dice.random() < 0.5 else page.leave)()
        for _ in range(3):
            await asyncio.sleep(0)
        page.connection.abort()
        self.pages[index] = await self.come_back(page)

    async def come_back(self, page: PlainPage) -> PlainPage:
        while page.read():
            pass  # what had arrived before the end
        return await self.truth.back(page, sends=self.dice.choice((TIGHT, ROOMY)))

    async def change_bot(self) -> None:
        page = self.dice.choice(self.pages)
        if not page.client.gone and not page.connection.waiting_bytes:
            self.truth.follow(page, self.dice.choice(self.BOTS))

    async def settle(self) -> None:
        for page in self.pages:
            await page.read_all()
            if page.client.bot not in self.truth.statuses:
                self.truth.follow(page, None)  # it was woken
        for page in (*self.pages, *self.witnesses):
            await page.read_all()


def lines_of(witness: PlainPage) -> Iterator[tuple[int, int]]:
    """Seq and number of the lines in it, left out ones included."""
    for message in witness.messages:
        if message["type"] == "log":
            yield message["seq"], len(message["data"]["lines"]) + message["data"]["dropped"]


@pytest.mark.parametrize("seed", range(24))
async def test_whatever_happens_every_page_ends_with_the_truth_and_every_line_is_there_or_counted(
    truth: Truth, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(websocket_manager, "FLUSH_GAP_S", 0.0)
    monkeypatch.setattr(audience, "SHARD_CLIENTS", 4)
    monkeypatch.setitem(POLICIES, "log", Tail(most_lines=60, most_bytes=30_000))
    monkeypatch.setattr(topics, "_COUNTED_BATCHES", 60)
    crowd = Crowd(truth, random.Random(seed))
    await crowd.come(9)

    for _ in range(250):
        await crowd.step()
    await crowd.settle()

    witnessed = {witness.client.bot: dict(lines_of(witness)) for witness in crowd.witnesses}
    assert [witness.page.counts["gap"] for witness in crowd.witnesses] == [0, 0]
    for page in (*crowd.pages, *crowd.witnesses):
        bot = page.client.bot
        fresh = truth.fresh(bot)
        assert page.page.state() == fresh.state()
        assert page.page.recent()[-1:] == fresh.recent()[-1:]
        if bot in witnessed:
            begun = page.page.began[log_topic(bot)]
            told = sum(lines for seq, lines in witnessed[bot].items() if seq > begun)
            assert page.page.counts["lines"] + page.page.counts["dropped"] == told
            assert page.page.untold(line.id for line in truth.lines[bot]) == []
