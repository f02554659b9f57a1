"""Bytes of streams into lines and events, over a real database."""

import asyncio
import json
import random
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from botdeck.deck import stream_lines
from botdeck.deck.clock import Clock
from botdeck.deck.intake import Applied, Intake
from botdeck.errors import ProtocolError, StorageError
from botdeck.models import Event, LogLine
from botdeck.protocol.frames import Data
from botdeck.storage.port import Batch, Ingested, Unstorable
from botdeck.storage.sqlite import SqliteStorage

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
SEEN = NOON + timedelta(seconds=3)
CLOCK = Clock(now=lambda: NOON + timedelta(seconds=5), seconds=lambda: 0.0)
LIMIT = stream_lines.MAX_OUTPUT_LINE_BYTES


@pytest.fixture
async def storage(tmp_path: Path) -> AsyncIterator[SqliteStorage]:
    storage = SqliteStorage(tmp_path / "deck.db")
    await storage.open()
    yield storage
    await storage.close()


class Sender:
    """A runner's side of one stream: sends what follows, and takes the cursor's word for where that is."""

    def __init__(self, storage: SqliteStorage, kind: str = "out", intake: Intake | None = None) -> None:
        self.storage = storage
        self.intake = intake or Intake(storage, CLOCK)
        self.stream = f"greeter/r1/{kind}"
        self.offset = 0

    async def send(self, payload: bytes, *, final: bool = False) -> Applied:
        data = Data(stream=self.stream, offset=self.offset, time=SEEN, final=final, payload=payload)
        applied = await self.intake.apply("host1", data)
        assert applied.applied
        self.offset = applied.cursor
        return applied

    async def texts(self, *payloads: bytes, final: bool = False) -> list[str]:
        """The lines that come of these frames; after the last one the stream ends if `final`."""
        lines: list[LogLine] = []
        for payload in payloads:
            lines += (await self.send(payload)).lines
        if final:
            lines += (await self.send(b"", final=True)).lines
        return [line.text for line in lines]

    async def events(self, *payloads: bytes) -> list[Event]:
        for payload in payloads:
            await self.send(payload)
        return [event for _, event in await self.storage.events("greeter")]


@pytest.fixture
def out(storage: SqliteStorage) -> Sender:
    return Sender(storage)


@pytest.fixture
def said(storage: SqliteStorage) -> Sender:
    return Sender(storage, "events")


def event_line(event: str = "message.received", **more: Any) -> bytes:
    value = {"v": 1, "event": event, "time": "2026-11-22T11:59:58.000001Z", "run": "r1", "seq": 1, **more}
    return json.dumps(value).encode() + b"\n"


# Output


async def test_output_becomes_lines_with_the_time_the_runner_saw_them(out: Sender) -> None:
    applied = await out.send(b"hello\nWARNING: careful\n")

    first, second = applied.lines
    assert (first.bot, first.run, first.stream, first.time, first.level) == ("greeter", "r1", "out", SEEN, None)
    assert (first.text, second.text, second.level) == ("hello", "WARNING: careful", "warning")
    assert 0 < first.id < second.id
    assert not applied.changed
    assert (await out.storage.logs("greeter"))[0] == [first, second]


@pytest.mark.parametrize(
    ("payloads", "lines"),
    [
        ([b"a\nb\n"], ["a", "b"]),
        ([b"a", b"b", b"c\nd", b"\n"], ["abc", "d"]),
        ([b"a\r\nb\r\n"], ["a", "b"]),
        ([b"a\r", b"\nb\n"], ["a", "b"]),
        ([b"\n\n", b"\n"], ["", "", ""]),
        ([b"  indented  \n"], ["  indented  "]),
        ([b"10%\r50%\r100%\n"], ["100%"]),
        ([b"10%\r", b"50%\r", b"100%\r\n"], ["100%"]),
        ([b"10%\r\r\n"], ["10%"]),
        ([b"\r\r\n"], [""]),
        (["é".encode()[:1], "é".encode()[1:] + b"\n"], ["é"]),
        ([b"bad \xff\xfe utf-8\n"], ["bad \ufffd\ufffd utf-8"]),
        ([b"nul \x00 and \x1b[31mred\x1b[0m\n"], ["nul \x00 and \x1b[31mred\x1b[0m"]),
        ([b"not yet"], []),
        ([b""], []),
    ],
)
async def test_lines_of_output(out: Sender, payloads: list[bytes], lines: list[str]) -> None:
    assert await out.texts(*payloads) == lines
    assert [line.text for line in (await out.storage.logs("greeter"))[0]] == lines


async def test_an_unfinished_line_is_one_when_the_run_is_over(out: Sender) -> None:
    assert await out.texts(b"last wor", b"ds", final=True) == ["last words"]
    assert await out.storage.offsets(["greeter"]) == {}


async def test_the_end_of_a_run_adds_no_line_when_the_last_was_finished(out: Sender) -> None:
    assert await out.texts(b"bye\n", final=True) == ["bye"]
    assert await out.texts(final=True) == []


async def test_a_run_that_wrote_nothing_ends_too(out: Sender) -> None:
    assert await out.texts(final=True) == []
    assert (await out.send(b"", final=True)).cursor == 0


async def test_a_final_frame_is_answered_as_final_however_often_it_comes(out: Sender) -> None:
    """The first answer may be lost; the runner keeps what it has until it hears that the end is stored."""
    assert not (await out.send(b"one\nfatal: no newl")).final
    ends = [
        Data(stream=out.stream, offset=out.offset, time=SEEN, final=True, payload=b"ine"),
        Data(stream=out.stream, offset=out.offset + 3, time=SEEN, final=True),
    ]
    too_far = await out.intake.apply("host1", ends[1])
    first = await out.intake.apply("host1", ends[0])
    out.intake = Intake(out.storage, CLOCK)
    again = [await out.intake.apply("host1", end) for end in ends]

    assert not too_far.final
    assert first.final
    assert [(end.final, end.cursor, list(end.lines)) for end in again] == [(True, first.cursor, [])] * 2
    assert [line.text for line in (await out.storage.logs("greeter"))[0]] == ["one", "fatal: no newline"]


async def test_an_empty_final_frame_makes_a_line_of_what_was_unfinished(out: Sender) -> None:
    await out.send(b"fatal: no newline")

    end = await out.send(b"", final=True)

    assert ([line.text for line in end.lines], end.final) == (["fatal: no newline"], True)


async def test_the_beginning_of_a_line_outlives_the_deck(out: Sender) -> None:
    await out.send(b"begun by one deck, ")
    out.intake = Intake(out.storage, CLOCK)

    assert await out.texts(b"finished by another\n") == ["begun by one deck, finished by another"]


@pytest.mark.parametrize("piece", [1 << 20, 5000, LIMIT, LIMIT + 1])
@pytest.mark.parametrize("more", [0, 1, 300_000])
async def test_a_long_line_is_cut_and_says_how_much_is_missing(out: Sender, piece: int, more: int) -> None:
    line = b"x" * (LIMIT + more)
    payloads = [line[start : start + piece] for start in range(0, len(line), piece)]

    texts = await out.texts(*payloads, b"\nnext\n")

    assert texts == ["x" * LIMIT + (f"… ({more} bytes more)" if more else ""), "next"]


async def test_a_long_line_without_an_end_does_not_grow_in_the_database(out: Sender) -> None:
    for _ in range(20):
        await out.send(b"x" * 100_000)

    assert len((await out.storage.cursor(out.stream)).carry) < LIMIT + 20
    assert await out.texts(final=True) == ["x" * LIMIT + f"… ({2_000_000 - LIMIT} bytes more)"]


async def test_a_cut_goes_around_a_character(out: Sender) -> None:
    (text,) = await out.texts(b"x" + "é".encode() * LIMIT + b"\n")

    kept = (LIMIT - 1) // 2
    assert text == "x" + "é" * kept + f"… ({2 * LIMIT - 2 * kept} bytes more)"


async def test_an_endless_progress_bar_is_its_last_state(out: Sender) -> None:
    payloads = [
        b"".join(b"%d of 9999\r" % number for number in range(start, start + 1000)) for start in range(0, 9000, 1000)
    ]

    assert await out.texts(*payloads, b"\n") == ["8999 of 9999"]


async def test_a_long_line_that_is_rewritten_has_lost_nothing(out: Sender) -> None:
    assert await out.texts(b"x" * 50_000, b"\r", b"short\n", b"y" * 50_000, b"\r\n") == [
        "short",
        "y" * LIMIT + f"… ({50_000 - LIMIT} bytes more)",
    ]


async def test_pieces_do_not_matter(storage: SqliteStorage) -> None:
    """The same bytes cut into frames in many ways are the same lines."""
    luck = random.Random(7)
    words = [b"a", b"\r", b"\n", b"\r\n", "漢".encode(), b"\xff", b"long" * 6000, b"", b"12%\r"]
    stream = b"".join(luck.choice(words) for _ in range(300))
    whole, _ = stream_lines.cut(b"", stream, limit=LIMIT, final=True, rewrites=True)

    for _ in range(40):
        cuts = sorted(luck.randrange(len(stream)) for _ in range(luck.randrange(1, 40)))
        carry, lines = b"", []
        for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
            found, carry = stream_lines.cut(
                carry, stream[start:end], limit=LIMIT, final=end == len(stream), rewrites=True
            )
            lines += found
        assert lines == whole
        assert carry == b""


# Events


async def test_events_keep_their_own_time_and_fields(said: Sender) -> None:
    (event,) = await said.events(event_line(**{"user.id": "irc:ann", "odd": [1, {"a": None}]}))

    assert event == Event(
        event="message.received",
        time=NOON - timedelta(seconds=2) + timedelta(microseconds=1),
        run="r1",
        seq=1,
        fields={"user.id": "irc:ann", "odd": [1, {"a": None}]},
    )


async def test_empty_lines_between_events_are_nothing(said: Sender) -> None:
    events = await said.events(b"\n" + event_line(seq=1) + b"\n\n \r\n" + event_line(seq=2) + b"\n")

    assert [event.seq for event in events] == [1, 2]


async def test_heartbeats_are_for_the_runner_and_are_not_kept(said: Sender) -> None:
    beat = event_line("heartbeat", **{"gateway.connected": True})

    applied = await said.send(event_line("a") + beat * 3 + event_line("b"))

    assert [event.event for event in await said.events(beat)] == ["a", "b"]
    assert applied.cursor == 3 * len(beat) + 2 * len(event_line("a"))


async def test_an_event_in_two_pieces_is_one_event(said: Sender) -> None:
    line = event_line()

    assert await said.events(line[:30]) == []
    assert len(await said.events(line[30:])) == 1


async def test_what_cannot_be_read_is_kept_with_its_place(said: Sender) -> None:
    good = event_line()
    torn = b'{"v":1,"event":"mess'
    events = await said.events(good + torn[:5], torn[5:] + b"\n" + b"\xff\x00" * 1000 + b"\n" + good)

    assert [event.event for event in events] == [
        "message.received",
        "telemetry.damaged",
        "telemetry.damaged",
        "message.received",
    ]
    assert events[1].fields["offset"] == len(good)
    assert events[1].fields["line"] == torn.decode()
    assert "cannot be read" in events[1].fields["reason"]
    assert (events[1].run, events[1].time, events[1].seq) == ("r1", SEEN, None)
    assert events[2].fields["offset"] == len(good) + len(torn) + 1
    assert events[2].fields["line"] == "\ufffd\x00" * 250


@pytest.mark.parametrize(
    "line",
    [
        b"[]",
        b"null",
        b'"text"',
        b"{}",
        b"\xef\xbb\xbf{}",
        b"[" * 100_000,
        b'{"a":' * 30_000,
        event_line(v=2)[:-1],
        event_line(v=True)[:-1],
        event_line(time="yesterday")[:-1],
        event_line(time="2026-11-22T12:00:00")[:-1],
        event_line(time="0001-01-01T00:00:00+14:00")[:-1],
        event_line(time=7)[:-1],
        event_line(seq="1")[:-1],
        event_line(seq=2**64)[:-1],
        event_line(event=None)[:-1],
        event_line(big="x" * 70_000)[:-1],
        b'{"v":1,"event":"x","time":"2026-11-22T12:00:00Z","run":"r1","n":' + b"9" * 5000 + b"}",
    ],
)
async def test_no_line_stops_a_stream(said: Sender, line: bytes) -> None:
    events = await said.events(event_line(), line + b"\n", event_line())

    assert [event.event for event in events] == ["message.received", "telemetry.damaged", "message.received"]
    assert len(events[1].fields["line"]) <= 500


async def test_what_json_can_say_and_utf_8_cannot_is_replaced(said: Sender) -> None:
    half = {
        "user.id": "irc:\ud83d",
        "user.name": "\ude00",
        "chat.message.id": "\ud800",
        "\udfff": ["\ud800"],
        "ok": "😀",
    }
    (event,) = await said.events(event_line(**half))

    assert event.fields == {
        "user.id": "irc:\ufffd",
        "user.name": "\ufffd",
        "chat.message.id": "\ufffd",
        "\ufffd": ["\ufffd"],
        "ok": "😀",
    }
    (line,) = (await said.send(event_line("log", body="half \udc00"))).lines
    assert line.text == "half \ufffd"


async def test_bytes_that_are_half_a_character_are_replaced_wherever_they_stand(said: Sender) -> None:
    half = b"\xed\xa0\x80"
    (event,) = await said.events(
        event_line("x?", **{"user.id": "a?", "?": ["?"]}).replace(b"?", half),
        event_line("log", body="?").replace(b"?", half),
    )

    gone = "\ufffd" * 3
    assert (event.event, event.fields) == ("x" + gone, {"user.id": "a" + gone, gone: [gone]})
    assert (await said.storage.logs("greeter"))[0][0].text == gone


@pytest.mark.parametrize("error", [Unstorable("no"), RecursionError("too deep"), KeyError("a mistake of ours")])
@pytest.mark.parametrize("bad_at", [0, 1, 7, 15])
async def test_a_line_that_cannot_be_stored_costs_that_line_only(
    said: Sender, monkeypatch: pytest.MonkeyPatch, error: Exception, bad_at: int
) -> None:
    ingest = said.storage.ingest

    async def picky(batch: Batch) -> Ingested:
        if any(event.event == "bad" for event in batch.events):
            raise error
        return await ingest(batch)

    monkeypatch.setattr(said.storage, "ingest", picky)
    lines = [event_line("bad" if number == bad_at else "good", seq=number) for number in range(16)]
    frame = b"".join(lines)
    begun = await said.send(frame[:40])
    end = await said.send(frame[40:], final=True)

    stored = [event for _, event in await said.storage.events("greeter")]
    assert [event.event for event in stored if event.seq != bad_at] == [
        "telemetry.damaged" if number == bad_at else "good" for number in range(16)
    ]
    damage = stored[bad_at].fields
    assert damage["offset"] == sum(map(len, lines[:bad_at]))
    assert damage["line"] == lines[bad_at].decode()
    assert damage["reason"]
    assert (begun.final, end.final, end.cursor) == (False, True, len(frame))


async def test_lines_around_one_that_cannot_be_stored_are_told_in_order(
    said: Sender, monkeypatch: pytest.MonkeyPatch
) -> None:
    ingest = said.storage.ingest

    async def picky(batch: Batch) -> Ingested:
        if any(line.text == "3" for line in batch.lines):
            raise Unstorable("no")
        return await ingest(batch)

    monkeypatch.setattr(said.storage, "ingest", picky)
    applied = await said.send(b"".join(event_line("log", body=str(n)) for n in range(6)) + event_line()[:20])

    assert [line.text for line in applied.lines] == ["0", "1", "2", "4", "5"]
    assert [event.event for event in await said.events(event_line()[20:])] == ["telemetry.damaged", "message.received"]


async def test_numbers_that_are_none_do_not_stop_a_stream(said: Sender) -> None:
    line = event_line("command.finished", id="c1", duration_ms=0).replace(b'"duration_ms": 0', b'"duration_ms": NaN')
    huge = event_line("command.finished", id="c1", duration_ms=10**400)

    assert len(await said.events(line, huge, line.replace(b"NaN", b"-Infinity"))) == 3


async def test_an_event_of_another_run_counts_for_the_streams_own(said: Sender) -> None:
    (event,) = await said.events(event_line("command.started", run="child", id="c1"))

    assert event.run == "r1"


async def test_a_log_event_becomes_a_line(said: Sender) -> None:
    log = {"severity_number": 17, "severity_text": "ERROR", "logger": "bot.core", "body": "it broke\n"}
    applied = await said.send(
        event_line("log", **log, **{"exception.stacktrace": "Traceback ...\nValueError: no\n"})
        + event_line("log", body=7)
    )

    first, second = applied.lines
    assert (first.stream, first.level, first.time) == ("log", "error", NOON - timedelta(seconds=2, microseconds=-1))
    assert first.text == "it broke\nTraceback ...\nValueError: no"
    assert (second.text, second.level) == ("7", None)
    assert await said.storage.events("greeter") == []
    assert not applied.changed


@pytest.mark.parametrize(
    ("line", "changed"),
    [
        (event_line("message.received"), True),
        (event_line("message.sent"), True),
        (event_line("command.started", id="1"), True),
        (event_line("command.finished", id="1"), True),
        (event_line("user.seen", **{"user.id": "irc:ann"}), True),
        (event_line("heartbeat"), False),
        (b"damaged\n", False),
        (b"\n", False),
    ],
)
async def test_it_says_whether_figures_may_have_changed(said: Sender, line: bytes, changed: bool) -> None:
    assert (await said.send(line)).changed is changed


# Exactness


@pytest.mark.parametrize("offset", [0, 3, 5, 7, 100])
async def test_a_frame_that_begins_elsewhere_is_answered_with_the_cursor(out: Sender, offset: int) -> None:
    await out.send(b"one\ntw")
    frame = Data(stream=out.stream, offset=offset, time=SEEN, payload=b"one\ntwo\n")

    applied = await out.intake.apply("host1", frame)

    assert applied == Applied(bot="greeter", cursor=6, applied=False)
    assert await out.texts(b"o\n") == ["two"]


async def test_frames_of_one_stream_sent_at_once_are_applied_in_order(out: Sender) -> None:
    payload = b"".join(b"line %d\n" % number for number in range(3000))
    frames = [
        Data(stream=out.stream, offset=start, time=SEEN, payload=payload[start : start + 1000])
        for start in range(0, len(payload), 1000)
    ]

    outcomes = await asyncio.gather(*[out.intake.apply("host1", frame) for frame in frames])

    assert all(outcome.applied for outcome in outcomes)
    texts = [line.text for outcome in outcomes for line in outcome.lines]
    assert texts == [f"line {number}" for number in range(3000)]


async def test_a_large_frame_gives_the_same_as_small_ones(out: Sender) -> None:
    payload = b"".join(b"line %d\n" % number for number in range(20_000))

    assert await out.texts(payload) == [f"line {number}" for number in range(20_000)]


async def test_two_decks_on_one_database_apply_a_frame_once(out: Sender) -> None:
    other = Intake(out.storage, CLOCK)
    frames = [Data(stream=out.stream, offset=n * 2, time=SEEN, payload=b"%d\n" % n) for n in range(9)]

    for frame in frames:
        outcomes = await asyncio.gather(out.intake.apply("host1", frame), other.apply("host1", frame))
        assert sorted(outcome.applied for outcome in outcomes) == [False, True]

    assert [line.text for line in (await out.storage.logs("greeter"))[0]] == [str(n) for n in range(9)]


async def test_a_frame_that_could_not_be_stored_can_be_sent_again(tmp_path: Path) -> None:
    storage = SqliteStorage(tmp_path / "small.db", max_bytes=600_000)
    await storage.open()
    out = Sender(storage)
    await out.send(b"first, ")
    with pytest.raises(StorageError, match="full"):
        await out.send(b"x\n" * 100_000)
    await storage.close()

    out.storage = storage = SqliteStorage(tmp_path / "small.db")
    await storage.open()
    out.intake = Intake(storage, CLOCK)
    texts = await out.texts(b"x\n" * 3)
    await storage.close()

    assert texts == ["first, x", "x", "x"]


async def test_the_same_intake_goes_on_after_a_refusal(out: Sender) -> None:
    await out.send(b"one, ")
    await out.storage.close()
    with pytest.raises(StorageError):
        await out.send(b"two\n")
    await out.storage.open()

    assert await out.texts(b"two\n") == ["one, two"]


@pytest.mark.parametrize("stream", ["greeter", "greeter/r1", "greeter/r1/err", "/r1/out", "greeter//out", "a/b/c/out"])
async def test_a_stream_nobody_knows_is_refused(storage: SqliteStorage, stream: str) -> None:
    with pytest.raises(ProtocolError, match="Runner 'host1' sent data of"):
        await Intake(storage).apply("host1", Data(stream=stream, offset=0, time=SEEN, payload=b"x\n"))
