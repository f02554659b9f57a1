"""What every storage adapter must do. Add an adapter's factory to ADAPTERS, and it is asked all of this."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from botdeck.errors import StorageConflict, StorageError
from botdeck.models import Cause, Event, LastCommand, LogLine, MemoryPoint, PostMortem, Run
from botdeck.storage import stream_lines
from botdeck.storage.log_pieces import Output, Piece
from botdeck.storage.port import POST_MORTEMS_PER_BOT, Batch, Cursor, Document, Ingested, Retention, Storage, Unstorable
from botdeck.storage.sqlite import SqliteStorage

ADAPTERS: dict[str, Callable[[Path], Storage]] = {"sqlite": lambda folder: SqliteStorage(folder / "deck.db")}
NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
DAY = (NOON.replace(hour=0), NOON.replace(hour=0) + timedelta(days=1))


@pytest.fixture(params=ADAPTERS)
def new_storage(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], Storage]:
    """Makes storages over one and the same database."""
    return lambda: ADAPTERS[request.param](tmp_path)


@pytest.fixture
async def storage(new_storage: Callable[[], Storage]) -> AsyncIterator[Storage]:
    storage = new_storage()
    await storage.open()
    yield storage
    await storage.close()


def event(name: str, *, time: datetime = NOON, seq: int | None = None, run: str = "r1", **fields: Any) -> Event:
    """`user_id` stands for `user.id`, `chat_message_id` for `chat.message.id`, and so on."""
    dotted = {
        key.replace("_", ".") if key.startswith(("user_", "chat_", "command_")) else key: value
        for key, value in fields.items()
    }
    return Event(event=name, time=time, run=run, seq=seq, fields=dotted)


def received(message: str | None = None, user: str = "irc:ann", **more: Any) -> Event:
    named = {} if message is None else {"chat_message_id": message}
    return event("message.received", user_id=user, chat_platform="irc", chat_channel_id="#a", **named, **more)


def line(text: str, *, bot: str = "greeter", run: str = "r1", **more: Any) -> LogLine:
    values: dict[str, Any] = {"time": NOON, "stream": "out", "level": None, **more}
    return LogLine(id=0, bot=bot, run=run, text=text, **values)


def output(*texts: str, bot: str = "greeter", run: str = "r1", time: datetime = NOON) -> Output:
    data = "".join(f"{text}\n" for text in texts).encode()
    return Output(bot=bot, run=run, time=time, data=data, count=len(texts))


class Feed:
    """Sends one stream, batch after batch; a batch is as long as it has items."""

    def __init__(self, storage: Storage, *, bot: str = "greeter", run: str = "r1", kind: str = "events") -> None:
        self.storage = storage
        self.bot, self.run, self.stream = bot, run, f"{bot}/{run}/{kind}"
        self.offset = 0

    def batch(
        self, *items: Event | Piece, at: datetime = NOON, carry: bytes = b"", over: bool = False, dropped: int = 0
    ) -> Batch:
        return Batch(
            stream=self.stream,
            bot=self.bot,
            run=self.run,
            offset=self.offset,
            after=Cursor(offset=self.offset + max(1, len(items)), carry=carry, over=over),
            events=[item for item in items if isinstance(item, Event)],
            lines=[item for item in items if not isinstance(item, Event)],
            dropped_bytes=dropped,
            received_at=at,
        )

    async def send(self, *items: Event | Piece, **more: Any) -> Ingested:
        ingested = await self.storage.ingest(self.batch(*items, **more))
        assert ingested.applied
        self.offset = ingested.cursor.offset
        return ingested


@pytest.fixture
def feed(storage: Storage) -> Feed:
    return Feed(storage)


async def figures(storage: Storage, bot: str = "greeter", now: datetime = NOON) -> tuple[int, int, int, int]:
    totals = await storage.totals(bot, *DAY, now)
    return totals.total_users, totals.messages_received, totals.messages_sent, totals.active_commands


# Opening and closing


async def test_opening_and_closing_twice_is_once(new_storage: Callable[[], Storage]) -> None:
    storage = new_storage()

    await storage.open()
    await storage.open()
    await storage.health()
    await storage.close()
    await storage.close()


async def test_what_was_stored_is_there_after_closing_and_opening(new_storage: Callable[[], Storage]) -> None:
    first = new_storage()
    await first.open()
    await Feed(first).send(received("m1"), line("hello"), carry=b"half")
    await first.close()

    second = new_storage()
    await second.open()
    try:
        assert await second.cursor("greeter/r1/events") == Cursor(offset=2, carry=b"half")
        assert await figures(second) == (1, 1, 0, 0)
        assert [line.text for line in (await second.logs("greeter"))[0]] == ["hello"]
    finally:
        await second.close()


async def test_a_closed_storage_says_so(new_storage: Callable[[], Storage]) -> None:
    storage = new_storage()

    with pytest.raises(StorageError, match="not open"):
        await storage.cursor("greeter/r1/out")
    with pytest.raises(StorageError, match="not open"):
        await storage.health()


async def test_what_was_begun_before_closing_is_finished(new_storage: Callable[[], Storage]) -> None:
    storage = new_storage()
    await storage.open()
    begun = [asyncio.create_task(Feed(storage, run=f"r{n}").send(received(f"m{n}"))) for n in range(20)]
    await asyncio.sleep(0)  # each has handed over its batch

    await storage.close()

    assert all(ingested.applied for ingested in await asyncio.gather(*begun))


# Cursors and exactness


async def test_a_new_stream_begins_at_nothing(storage: Storage) -> None:
    assert await storage.cursor("greeter/r1/out") == Cursor(offset=0, carry=b"")


async def test_a_batch_moves_the_cursor_and_keeps_the_carry_byte_for_byte(storage: Storage, feed: Feed) -> None:
    carry = b"\x00\xff\n\r half"

    ingested = await feed.send(received("m1"), carry=carry)

    assert ingested.cursor == Cursor(offset=1, carry=carry)
    assert await storage.cursor(feed.stream) == Cursor(offset=1, carry=carry)


async def test_a_batch_that_comes_twice_is_applied_once(storage: Storage, feed: Feed) -> None:
    batch = feed.batch(received(), event("message.sent"), line("hello"), event("command.started", id="c1"))
    await storage.ingest(batch)

    again = await storage.ingest(batch)

    assert again == Ingested(cursor=batch.after, applied=False)
    assert await figures(storage) == (1, 1, 1, 1)
    assert len((await storage.logs("greeter"))[0]) == 1
    assert len(await storage.events("greeter")) == 3


@pytest.mark.parametrize("offset", [0, 1, 2, 4, 100])
async def test_a_batch_that_begins_elsewhere_changes_nothing(storage: Storage, feed: Feed, offset: int) -> None:
    await feed.send(received(), received(), received())
    feed.offset = offset

    ingested = await storage.ingest(feed.batch(received(), line("no"), event("message.sent"), received(user="irc:bob")))

    assert ingested == Ingested(cursor=Cursor(offset=3), applied=False)
    assert await figures(storage) == (1, 3, 0, 0)
    assert len(await storage.events("greeter")) == 3
    assert await storage.logs("greeter") == ([], False)


async def test_of_many_equal_batches_at_the_same_time_one_is_applied(storage: Storage, feed: Feed) -> None:
    batch = feed.batch(received("m1"), received())

    outcomes = await asyncio.gather(*[storage.ingest(batch) for _ in range(30)])

    assert sum(outcome.applied for outcome in outcomes) == 1
    assert {outcome.cursor for outcome in outcomes} == {batch.after}
    assert await figures(storage) == (1, 2, 0, 0)


async def test_64_producers_at_once_are_counted_to_the_unit(storage: Storage) -> None:
    async def produce(number: int) -> list[LogLine]:
        feed = Feed(storage, bot=f"bot{number % 4}", run=f"r{number}")
        lines: list[LogLine] = []
        for step in range(10):
            user = f"irc:u{step}"
            said = line(f"{number}/{step}", bot=feed.bot, run=feed.run)
            batch = await feed.send(received(f"{number}-{step}", user, run=feed.run), event("message.sent"), said)
            lines += batch.lines
        return lines

    lines = [line for produced in await asyncio.gather(*map(produce, range(64))) for line in produced]

    assert len({line.id for line in lines}) == 640
    for bot in ("bot0", "bot1", "bot2", "bot3"):
        assert await figures(storage, bot) == (10, 160, 160, 0)
        stored, more = await storage.logs(bot, limit=1000)
        assert stored == sorted((line for line in lines if line.bot == bot), key=lambda line: line.id)
        assert not more


async def test_events_come_back_as_they_were_in_the_order_of_their_storing(storage: Storage, feed: Feed) -> None:
    odd = {"text": "a\x00b é 漢 😀", "nested": {"list": [1, 2.5, None, True]}, "": "empty key", "big": 2**60}
    events = [
        Event(event="custom.one", time=NOON + timedelta(microseconds=7), run="r1", seq=2**62, fields=odd),
        event("heartbeat", seq=None, time=NOON - timedelta(days=900)),
    ]
    await feed.send(*events)
    await Feed(storage, bot="other").send(event("heartbeat"))
    await feed.send(event("heartbeat", seq=3))

    stored = await storage.events("greeter")

    assert [event for _, event in stored] == [*events, event("heartbeat", seq=3)]
    assert await storage.events("greeter", after=stored[0][0], limit=1) == [stored[1]]
    assert await storage.events("greeter", after=stored[2][0]) == []


async def test_offsets_are_of_the_streams_that_are_not_over(storage: Storage) -> None:
    await Feed(storage, kind="out").send(line("x"))
    await Feed(storage, kind="events").send(received(), received())
    await Feed(storage, bot="other").send(received())
    await Feed(storage, bot="third").send(received())
    await Feed(storage, run="r0").send(received(), over=True)

    offsets = await storage.offsets(["greeter", "other", "unknown"])

    assert offsets == {"greeter/r1/out": 1, "greeter/r1/events": 2, "other/r1/events": 1}
    assert await storage.offsets([]) == {}


async def test_a_late_resend_of_a_stream_that_is_over_does_not_count_again(storage: Storage, feed: Feed) -> None:
    batch = feed.batch(received(), line("bye"), over=True)
    await storage.ingest(batch)

    again = await storage.ingest(batch)

    assert not again.applied
    assert again.cursor.over
    assert await figures(storage) == (1, 1, 0, 0)


async def test_what_can_never_be_stored_is_told_from_a_database_that_does_not_work(
    storage: Storage, feed: Feed
) -> None:
    nested: list[Any] = []
    for _ in range(100_000):
        nested = [nested]
    for bad in (event("half", seq=1, run="\ud800"), event("big", seq=1 << 70), event("deep", seq=1, nested=nested)):
        with pytest.raises(Unstorable):
            await feed.send(received(), bad)

    await feed.send(received())
    assert len(await storage.events("greeter")) == 1
    await storage.close()
    with pytest.raises(StorageError) as closed:
        await feed.send(received())
    assert not isinstance(closed.value, Unstorable)


async def test_a_stream_that_is_over_stays_so_whatever_comes_after(storage: Storage, feed: Feed) -> None:
    assert not (await feed.send(received())).cursor.over
    assert (await feed.send(over=True)).cursor.over
    assert (await feed.send(line("a straggler"))).cursor.over

    assert (await storage.cursor(feed.stream)).over
    assert await storage.offsets(["greeter"]) == {}


# Messages and days


async def test_a_message_counts_once_by_platform_channel_and_id(storage: Storage, feed: Feed) -> None:
    same = received("m1")
    await feed.send(same, same)
    await feed.send(same)
    await Feed(storage, run="shard2").send(same)

    assert (await figures(storage))[1] == 1

    def also(**fields: Any) -> Event:
        return Event(event=same.event, time=NOON, run="r1", seq=None, fields={**same.fields, **fields})

    await feed.send(also(**{"chat.platform": "xmpp"}), also(**{"chat.channel.id": "#b"}))
    await feed.send(also(**{"chat.message.id": "m2"}), also(**{"chat.message.id": 7}), also(**{"chat.message.id": "7"}))
    assert (await figures(storage))[1] == 1 + 2 + 2

    await Feed(storage, bot="other").send(same)
    assert (await figures(storage, "other"))[1] == 1


async def test_messages_without_an_id_always_count(storage: Storage, feed: Feed) -> None:
    await feed.send(received(), received(), received(chat_message_id=None), received(chat_message_id=""))

    assert (await figures(storage))[1] == 4


async def test_what_bots_say_is_no_message_and_bots_are_no_users(storage: Storage, feed: Feed) -> None:
    await feed.send(received("m1", user="irc:robot", user_bot=True), event("user.seen", user_id="b", user_bot=True))
    assert await figures(storage) == (0, 0, 0, 0)

    await feed.send(received("m1", user="irc:ann", user_bot=False))
    assert await figures(storage) == (1, 1, 0, 0)


async def test_sent_messages_are_a_second_number(storage: Storage, feed: Feed) -> None:
    await feed.send(event("message.sent"), event("message.sent"), received())

    assert await figures(storage) == (1, 1, 2, 0)


async def test_a_message_belongs_to_the_day_of_its_own_time(storage: Storage, feed: Feed) -> None:
    begin, end = DAY
    inside = [begin, begin + timedelta(minutes=15), NOON, end - timedelta(microseconds=1)]
    outside = [begin - timedelta(microseconds=1), end, end + timedelta(days=400)]
    await feed.send(*[received(time=time) for time in inside + outside], at=NOON + timedelta(days=3))

    assert (await figures(storage))[1] == len(inside)


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("Asia/Kathmandu", "2026-11-22", 24),  # 5:45 from UTC
        ("Europe/Vienna", "2026-10-25", 25),
        ("America/New_York", "2026-03-08", 23),
    ],
)
async def test_any_zones_calendar_day_is_a_sum_of_buckets(
    storage: Storage, feed: Feed, zone: str, day: str, hours: int
) -> None:
    begin = datetime.fromisoformat(day).replace(tzinfo=ZoneInfo(zone))
    end = (begin + timedelta(days=1)).astimezone(UTC)
    begin = begin.astimezone(UTC)
    quarter = timedelta(minutes=15)
    times = [begin + quarter * number + timedelta(minutes=14) for number in range(-4, hours * 4 + 4)]
    await feed.send(*[received(time=time) for time in times])

    totals = await storage.totals("greeter", begin, end, NOON)

    assert totals.messages_received == hours * 4


async def test_a_bot_nobody_knows_has_zeros(storage: Storage) -> None:
    assert await figures(storage, "nobody") == (0, 0, 0, 0)
    assert await storage.logs("nobody") == ([], False)
    assert await storage.runs("nobody") == []
    assert await storage.events("nobody") == []


# Users


async def test_users_are_distinct_people_of_one_bot(storage: Storage, feed: Feed) -> None:
    await feed.send(received(user="irc:ann"), received(user="irc:bob"), received(user="irc:ann"))
    await feed.send(event("user.seen", user_id="irc:ann"), event("command.started", id="1", user_id="irc:cy"))
    await Feed(storage, bot="other").send(received(user="irc:ann"))

    assert (await figures(storage))[0] == 3
    assert (await figures(storage, "other"))[0] == 1


@pytest.mark.parametrize("user", [None, "", True, 1.5, ["irc:ann"], {"id": 1}])
async def test_what_is_no_id_is_no_user(storage: Storage, feed: Feed, user: Any) -> None:
    await feed.send(received(user=user))

    assert await figures(storage) == (0, 1, 0, 0)


# Active commands


async def test_a_command_is_active_from_its_start_to_its_end(storage: Storage, feed: Feed) -> None:
    await feed.send(event("command.started", id="c1"), event("command.started", id=2))
    assert (await figures(storage))[3] == 2

    await feed.send(event("command.finished", id="c1", duration_ms=3.5, outcome="ok"))
    assert (await figures(storage))[3] == 1

    await feed.send(event("command.finished", id=2), event("command.started", id=2))
    assert (await figures(storage))[3] == 1

    await feed.send(event("command.started", id="c3"), event("command.finished", id="c3"))
    assert (await figures(storage))[3] == 1


async def test_a_command_that_ends_for_nobody_changes_nothing(storage: Storage, feed: Feed) -> None:
    await feed.send(event("command.finished", id="c1"), event("command.started"), event("command.finished"))

    assert (await figures(storage))[3] == 0


async def test_commands_of_two_runs_with_one_id_are_two(storage: Storage) -> None:
    one, two = Feed(storage, run="r1"), Feed(storage, run="r2")
    await one.send(event("command.started", id="c1"))
    await two.send(event("command.started", id="c1"))
    await one.send(event("command.finished", id="c1"))

    assert (await figures(storage))[3] == 1


async def test_a_command_is_active_for_less_than_15_minutes(storage: Storage, feed: Feed) -> None:
    await feed.send(event("command.started", id="c1"))
    quarter = timedelta(minutes=15)

    assert (await figures(storage, now=NOON + quarter - timedelta(microseconds=1)))[3] == 1
    assert (await figures(storage, now=NOON + quarter))[3] == 0


async def test_the_end_of_a_run_ends_its_commands(storage: Storage, feed: Feed) -> None:
    await feed.send(event("command.started", id="c1"))
    await Feed(storage, run="r2").send(event("command.started", id="c1"))
    run = Run(id="r1", bot="greeter", started_at=NOON)
    await storage.put_run(run)
    assert (await figures(storage))[3] == 2

    await storage.put_run(Run(id="r1", bot="greeter", started_at=NOON, ended_at=NOON, exit_code=0))
    assert (await figures(storage))[3] == 1

    await feed.send(event("command.started", id="c9"))  # its events arrive after the report of its end
    assert (await figures(storage))[3] == 1


@pytest.mark.parametrize("duration", [None, "slow", float("nan"), float("inf"), 10**400, -5, True, [1]])
async def test_a_nonsense_duration_does_not_stop_a_stream(storage: Storage, feed: Feed, duration: Any) -> None:
    await feed.send(event("command.finished", id="c1", command_name="ping", duration_ms=duration, outcome=duration))
    await feed.send(received())

    assert (await figures(storage))[1] == 1


# Lines


async def test_lines_come_back_as_they_were_with_growing_ids(storage: Storage, feed: Feed) -> None:
    lines = [
        line("", level="error"),
        line("nul \x00 colour \x1b[31m é 漢 😀 \ufffd", stream="log", level="critical"),
        line("x" * 200_000, time=NOON + timedelta(microseconds=1)),
    ]

    stored = (await feed.send(*lines)).lines

    assert [line.id for line in stored] == sorted({line.id for line in stored})
    assert all(line.id > 0 for line in stored)
    assert (await storage.logs("greeter"))[0] == list(stored)
    for was, now in zip(lines, stored, strict=True):
        assert (was.bot, was.run, was.time, was.stream, was.level, was.text) == (
            (now.bot, now.run, now.time, now.stream, now.level, now.text)
        )


async def test_pages_of_lines_in_both_directions(storage: Storage, feed: Feed) -> None:
    lines = []
    for number in range(10):
        lines += (await feed.send(line(str(number)))).lines
        await Feed(storage, bot="other", run=f"r{number}").send(line("noise", bot="other"))
    ids = [line.id for line in lines]

    assert await storage.logs("greeter", limit=3) == (lines[7:], True)
    assert await storage.logs("greeter", limit=10) == (lines, False)
    assert await storage.logs("greeter", before=ids[7], limit=3) == (lines[4:7], True)
    assert await storage.logs("greeter", before=ids[3], limit=3) == (lines[:3], False)
    assert await storage.logs("greeter", before=ids[0]) == ([], False)
    assert await storage.logs("greeter", after=ids[2], limit=3) == (lines[3:6], True)
    assert await storage.logs("greeter", after=ids[6], limit=3) == (lines[7:], False)
    assert await storage.logs("greeter", after=ids[9]) == ([], False)
    assert await storage.logs("greeter", after=0, limit=2) == (lines[:2], True)


async def test_output_is_lines_with_the_ids_that_follow_each_other(storage: Storage, feed: Feed) -> None:
    pieces = [line("a note", stream="note", level="warning"), output("one", "ERROR two"), line("three"), output("4")]

    stored = (await feed.send(*pieces)).lines

    assert [line.text for line in stored] == ["a note", "one", "ERROR two", "three", "4"]
    assert [line.stream for line in stored] == ["note", "out", "out", "out", "out"]
    assert [line.level for line in stored] == ["warning", None, "error", None, None]
    assert [line.id for line in stored] == list(range(stored[0].id, stored[0].id + 5))
    assert (await storage.logs("greeter"))[0] == list(stored)
    (after,) = (await feed.send(line("next"))).lines
    assert after.id > stored[-1].id


async def test_output_is_shown_as_people_see_it(storage: Storage, feed: Feed) -> None:
    longest = stream_lines.MAX_OUTPUT_LINE_BYTES
    data = b"10%\r99%\r100%\r\nbad \xff utf-8\n\n" + b"x" * (longest + 7) + b"\n\x00\x1b[31mred\n"
    await feed.send(Output(bot="greeter", run="r1", time=NOON, data=data, count=5))

    lines, _ = await storage.logs("greeter")

    assert [line.text for line in lines] == [
        "100%",
        "bad \ufffd utf-8",
        "",
        "x" * longest + "… (7 bytes more)",
        "\x00\x1b[31mred",
    ]
    assert {(line.bot, line.run, line.time, line.stream) for line in lines} == {("greeter", "r1", NOON, "out")}


async def test_any_page_of_output_is_cut_at_the_right_lines(storage: Storage, feed: Feed) -> None:
    """Against the whole list, for every place in it, stretches and single lines mixed, another bot between them."""
    everything: list[LogLine] = []
    other = Feed(storage, bot="other")
    for length in (1, 5, 0, 3, 1, 7):
        texts = [f"{length}/{number}" for number in range(length)]
        everything += (await feed.send(output(*texts) if texts else line("single"))).lines
        await other.send(output("noise", "noise", bot="other"))

    last = everything[-1].id
    for limit in (1, 4, 6, 100):
        assert await storage.logs("greeter", limit=limit) == (everything[-limit:], len(everything) > limit)
        for border in range(last + 4):
            before = [line for line in everything if line.id < border]
            after = [line for line in everything if line.id > border]
            page = await storage.logs("greeter", before=border, limit=limit)
            assert page == (before[-limit:], len(before) > limit)
            page = await storage.logs("greeter", after=border, limit=limit)
            assert page == (after[:limit], len(after) > limit)


async def test_what_never_came_is_counted(storage: Storage, feed: Feed) -> None:
    batch = feed.batch(line("a note"), dropped=1000)
    await storage.ingest(batch)
    await storage.ingest(batch)
    feed.offset = 1
    await feed.send(dropped=24)
    await Feed(storage, bot="other").send(dropped=7)

    assert (await storage.totals("greeter", *DAY, NOON)).dropped_bytes == 1024
    assert (await storage.totals("nobody", *DAY, NOON)).dropped_bytes == 0


# Runs


async def test_a_run_is_replaced_by_its_next_report_and_its_end_stays(storage: Storage) -> None:
    begun = Run(id="r1", bot="greeter", started_at=NOON, pid=7)
    ended = Run(id="r1", bot="greeter", started_at=NOON, pid=7, ended_at=NOON, signal="SIGKILL", reason="killed by ann")
    await storage.put_run(begun)
    assert await storage.runs("greeter") == [begun]

    await storage.put_run(ended)
    await storage.put_run(begun)

    assert await storage.runs("greeter") == [ended]


LEFT = PostMortem(
    last_output=["segfault \N{SKULL}", "\x1b[31mbye"],
    last_log=["logged out"],
    last_commands=[LastCommand(name="roll", user="ann", started_at=NOON, duration_ms=None, outcome=None)],
    memory=[MemoryPoint(at_s=0.5, bytes=1 << 33)],
)
DIED = Run(
    id="r1",
    bot="greeter",
    started_at=NOON,
    pid=7,
    ended_at=NOON + timedelta(hours=1),
    signal="SIGKILL",
    reason="stopped by ann, and killed after 10 s",
    cause=Cause.OPERATOR,
    operator="ann",
    stop_timed_out=True,
    cpu_s=0.125,
    peak_memory_bytes=1 << 33,
    post_mortem=LEFT,
)


async def test_a_run_keeps_how_it_ended_and_what_it_left_and_lists_are_without_that(storage: Storage) -> None:
    await storage.put_run(Run(id="r1", bot="greeter", started_at=NOON, pid=7))
    assert await storage.run("greeter", "r1") == Run(id="r1", bot="greeter", started_at=NOON, pid=7)

    await storage.put_run(DIED)

    assert await storage.run("greeter", "r1") == DIED
    assert await storage.runs("greeter") == [replace(DIED, post_mortem=None)]
    assert await storage.run("greeter", "r2") is None
    assert await storage.run("other", "r1") is None


async def test_a_later_report_replaces_what_a_run_left_only_if_it_has_something(storage: Storage) -> None:
    await storage.put_run(DIED)
    await storage.put_run(replace(DIED, post_mortem=None, cpu_s=0.25))
    assert await storage.run("greeter", "r1") == replace(DIED, cpu_s=0.25)

    await storage.put_run(replace(DIED, post_mortem=PostMortem(last_output=["more"])))

    assert await storage.run("greeter", "r1") == replace(DIED, post_mortem=PostMortem(last_output=["more"]))


async def test_what_runs_left_is_kept_of_each_bots_last_ones(storage: Storage) -> None:
    await storage.put_run(replace(DIED, bot="other"))
    for number in range(POST_MORTEMS_PER_BOT + 2):
        await storage.put_run(replace(DIED, id=f"r{number}"))
    await storage.put_run(replace(DIED, id="r2", post_mortem=PostMortem()))

    kept = [bool((run := await storage.run("greeter", f"r{n}")) and run.post_mortem) for n in range(4)]
    assert kept == [False, False, True, True]
    assert len(await storage.runs("greeter", limit=100)) == POST_MORTEMS_PER_BOT + 2
    assert await storage.run("other", "r1") == replace(DIED, bot="other")


async def test_runs_come_newest_first(storage: Storage) -> None:
    runs = [Run(id=f"r{n}", bot="greeter", started_at=NOON + timedelta(hours=n)) for n in range(5)]
    for number in (3, 0, 4, 1, 2):
        await storage.put_run(runs[number])
    await storage.put_run(Run(id="r9", bot="other", started_at=NOON))

    assert await storage.runs("greeter") == runs[::-1]
    assert await storage.runs("greeter", limit=2) == [runs[4], runs[3]]


# Documents and records


async def test_a_document_is_changed_only_by_who_read_it_last(storage: Storage) -> None:
    first = await storage.put_document("operator", Document(id="ann", body={"role": "admin", "name": "Ann é 漢"}))
    second = await storage.put_document("operator", Document(id="ann", body={"role": "viewer"}, version=first.version))

    assert second.version > first.version > 0
    for version in (0, first.version, second.version + 1):
        with pytest.raises(StorageConflict, match="ann"):
            await storage.put_document("operator", Document(id="ann", body={}, version=version))
    assert await storage.document("operator", "ann") == second


async def test_a_document_that_is_not_there_cannot_be_changed(storage: Storage) -> None:
    with pytest.raises(StorageConflict):
        await storage.put_document("operator", Document(id="ann", version=1))

    assert await storage.document("operator", "ann") is None


async def test_of_many_who_make_a_document_at_once_one_succeeds(storage: Storage) -> None:
    attempts = [storage.put_document("setup", Document(id="done", body={"by": n})) for n in range(20)]

    outcomes = await asyncio.gather(*attempts, return_exceptions=True)

    (winner,) = [outcome for outcome in outcomes if isinstance(outcome, Document)]
    assert all(isinstance(outcome, StorageConflict) for outcome in outcomes if outcome is not winner)
    assert await storage.document("setup", "done") == winner


async def test_who_loses_a_race_for_a_document_does_not_take_others_down(storage: Storage, feed: Feed) -> None:
    await storage.put_document("setup", Document(id="done"))

    outcomes = await asyncio.gather(
        feed.send(received("m1")),
        storage.put_document("setup", Document(id="done")),
        storage.put_document("setup", Document(id="other")),
        return_exceptions=True,
    )

    assert isinstance(outcomes[1], StorageConflict)
    assert isinstance(outcomes[2], Document)
    assert await figures(storage) == (1, 1, 0, 0)


async def test_documents_of_a_kind_come_by_id_and_can_be_deleted(storage: Storage) -> None:
    for key in ("b", "a", "c"):
        await storage.put_document("bot", Document(id=key, body={"key": key}))
    await storage.put_document("other", Document(id="a"))

    await storage.delete_document("bot", "b")
    await storage.delete_document("bot", "never there")

    assert [document.id for document in await storage.documents("bot")] == ["a", "c"]
    assert len(await storage.documents("other")) == 1
    assert await storage.documents("nothing") == []


async def test_the_versions_of_a_kind_tell_what_is_new_changed_or_gone(
    storage: Storage, new_storage: Callable[[], Storage]
) -> None:
    assert await storage.document_versions("operator") == {}
    for key in ("ann", 'é 漢 "\\', "bob"):
        await storage.put_document("operator", Document(id=key, body={"name": key}))
    await storage.put_document("other", Document(id="zoe"))
    first = await storage.document_versions("operator")
    elsewhere = new_storage()
    await elsewhere.open()
    await elsewhere.put_document("operator", Document(id="ann", version=first["ann"]))
    await elsewhere.delete_document("operator", "bob")
    await elsewhere.close()
    second = await storage.document_versions("operator")

    assert first.keys() == {"ann", 'é 漢 "\\', "bob"}
    assert second == {document.id: document.version for document in await storage.documents("operator")}
    assert second["ann"] > first["ann"]


async def test_records_come_newest_first(storage: Storage) -> None:
    for number in range(5):
        # By order of appending, not by a clock that may jump.
        await storage.append_record("audit", NOON - timedelta(hours=number), {"n": number, "text": "é\x00"})
    await storage.append_record("other", NOON, {})

    records = await storage.records("audit", limit=3)

    assert [body["n"] for _, body in records] == [4, 3, 2]
    assert records[0] == (NOON - timedelta(hours=4), {"n": 4, "text": "é\x00"})


# Retention

KEEP = Retention(
    events_for=timedelta(days=7), lines_for=timedelta(days=30), events_per_bot=10_000, lines_per_bot=10_000
)


async def test_old_events_and_lines_go_and_counts_stay(storage: Storage, feed: Feed) -> None:
    await feed.send(received("m1"), line("old"), at=NOON)
    await feed.send(received("m2"), line("new"), at=NOON + timedelta(days=5))
    before = await figures(storage)

    assert await storage.retain(KEEP, NOON + timedelta(days=8))
    assert [event.fields["chat.message.id"] for _, event in await storage.events("greeter")] == ["m2"]
    assert len((await storage.logs("greeter"))[0]) == 2

    assert await storage.retain(KEEP, NOON + timedelta(days=31))
    assert [line.text for line in (await storage.logs("greeter"))[0]] == ["new"]
    assert await figures(storage) == before


async def test_a_noisy_bot_loses_its_oldest_lines_and_a_quiet_one_none(storage: Storage, feed: Feed) -> None:
    policy = Retention(lines_per_bot=50, events_per_bot=20)
    await Feed(storage, bot="quiet").send(line("precious", bot="quiet"), event("heartbeat"))
    await feed.send(*[line(str(n)) for n in range(2500)], *[event("heartbeat", seq=n) for n in range(1100)])

    assert await storage.retain(policy, NOON, budget_ms=60_000)

    assert [line.text for line in (await storage.logs("greeter", limit=1000))[0]] == [str(n) for n in range(2450, 2500)]
    assert [event.seq for _, event in await storage.events("greeter")] == list(range(1080, 1100))
    assert len((await storage.logs("quiet"))[0]) == len(await storage.events("quiet")) == 1


async def test_a_stretch_of_output_goes_when_no_line_of_it_is_to_be_kept(storage: Storage, feed: Feed) -> None:
    await Feed(storage, bot="quiet").send(output("precious", bot="quiet"))
    for number in range(10):
        await feed.send(output(*[f"{number}/{line}" for line in range(100)]))

    async def kept(lines_per_bot: int) -> int:
        assert await storage.retain(Retention(lines_per_bot=lines_per_bot), NOON, budget_ms=60_000)
        lines, _ = await storage.logs("greeter", limit=2000)
        assert [line.text for line in lines] == [f"{n // 100}/{n % 100}" for n in range(1000 - len(lines), 1000)]
        return len(lines)

    # Twice each, for what was removed must be counted, or the second time removes more.
    assert [await kept(most) for most in (950, 950, 201, 201, 200, 200, 1, 1)] == [
        *(1000, 1000, 300, 300),
        *(200, 200, 100, 100),
    ]
    assert [line.text for line in (await storage.logs("quiet"))[0]] == ["precious"]


async def test_old_output_goes(storage: Storage, feed: Feed) -> None:
    await feed.send(output("old", "older"), at=NOON)
    await feed.send(output("new"), at=NOON + timedelta(days=5))

    assert await storage.retain(KEEP, NOON + timedelta(days=31))

    assert [line.text for line in (await storage.logs("greeter"))[0]] == ["new"]


async def test_retention_stops_when_its_time_is_used_up(storage: Storage, feed: Feed) -> None:
    await feed.send(*[line(str(n)) for n in range(100)])
    policy = Retention(lines_per_bot=10)

    assert not await storage.retain(policy, NOON, budget_ms=0)
    assert len((await storage.logs("greeter"))[0]) == 100

    assert await storage.retain(policy, NOON, budget_ms=60_000)
    assert len((await storage.logs("greeter"))[0]) == 10


async def test_ids_of_lines_are_never_given_again(new_storage: Callable[[], Storage]) -> None:
    first = new_storage()
    await first.open()
    feed = Feed(first)
    (old,) = (await feed.send(line("old"))).lines
    await first.retain(KEEP, NOON + timedelta(days=99))
    assert await first.logs("greeter") == ([], False)
    await first.close()

    second = new_storage()
    await second.open()
    feed.storage = second
    (new,) = (await feed.send(line("new"))).lines
    await second.close()

    assert new.id > old.id


async def test_what_happens_during_retention_is_kept(storage: Storage, feed: Feed) -> None:
    await feed.send(*[line(str(n)) for n in range(5000)])
    other = Feed(storage, run="r2")

    async def go_on() -> None:
        for number in range(30):
            await other.send(line(f"new {number}"), received(f"m{number}"))

    _, done = await asyncio.gather(go_on(), storage.retain(Retention(lines_per_bot=100), NOON, budget_ms=60_000))

    assert done
    texts = [line.text for line in (await storage.logs("greeter", limit=1000))[0]]
    assert [text for text in texts if text.startswith("new")] == [f"new {n}" for n in range(30)]
    assert await figures(storage) == (1, 30, 0, 0)
