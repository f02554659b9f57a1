"""Bytes of streams into lines and events, over a real database."""

import asyncio
import json
import random
import sqlite3
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from botdeck.deck import intake as intake_module
from botdeck.deck.clock import Clock
from botdeck.deck.intake import Applied, Intake
from botdeck.errors import ProtocolError, StorageError
from botdeck.models import Event, LogLine
from botdeck.protocol.frames import Data
from botdeck.storage import stream_lines
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

    def frame(self, payload: bytes, **more: Any) -> Data:
        return Data(stream=self.stream, offset=self.offset, time=SEEN, payload=payload, **more)

    async def send(self, payload: bytes, **more: Any) -> Applied:
        data = self.frame(payload, **more)
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


def test_pieces_do_not_matter() -> None:
    """The same bytes cut into frames in many ways are the same lines."""
    luck = random.Random(7)
    words = [b"a", b"\r", b"\n", b"\r\n", "漢".encode(), b"\xff", b"long" * 6000, b"", b"12%\r"]
    stream = b"".join(luck.choice(words) for _ in range(300))
    whole, _ = stream_lines.cut(b"", stream, limit=LIMIT, final=True, rewrites=True)

    for _ in range(40):
        cuts = sorted(luck.randrange(len(stream)) for _ in range(luck.randrange(1, 40)))
        carry, lines = b"", []
        for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
            found, carry = stream_lines.output(carry, stream[start:end], final=end == len(stream))
            lines += [line for piece in found for line in as_shown(piece)]
        assert lines == whole
        assert carry == b""


def as_shown(piece: stream_lines.Line | stream_lines.Stretch) -> list[stream_lines.Line]:
    if isinstance(piece, stream_lines.Line):
        return [piece]
    *lines, end = piece.data.split(b"\n")
    assert (len(lines), end) == (piece.count, b"")
    return [stream_lines.shown(line) for line in lines]


@pytest.mark.parametrize("piece", [1 << 18, 1000])
async def test_long_lines_are_not_kept_whole(out: Sender, tmp_path: Path, piece: int) -> None:
    """A bot that writes them without end must not fill the disk, for retention counts lines."""
    whole = b"".join(b"%d" % (number % 10) * 100_000 + b"\n" for number in range(20))
    for start in range(0, len(whole), piece):
        await out.send(whole[start : start + piece])

    lines, _ = await out.storage.logs("greeter")
    connection = sqlite3.connect(tmp_path / "deck.db")
    (stored,) = connection.execute("SELECT sum(length(data)) FROM log_chunk").fetchone()
    connection.close()
    assert [line.text for line in lines] == [
        f"{n % 10}" * LIMIT + f"… ({100_000 - LIMIT} bytes more)" for n in range(20)
    ]
    assert stored < 20 * (LIMIT + 30)


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


# Gaps


async def shown(storage: SqliteStorage) -> list[tuple[str, str]]:
    return [(line.stream, line.text) for line in (await storage.logs("greeter"))[0]]


async def dropped_bytes(storage: SqliteStorage) -> int:
    return (await storage.totals("greeter", NOON, NOON + timedelta(days=1), NOON)).dropped_bytes


async def test_what_was_dropped_of_the_output_is_counted_and_shown_at_its_place(out: Sender) -> None:
    await out.send(b"one\ntw")

    applied = await out.send(b"ee\nfour\n", gap=1000, notice="1,000 bytes were dropped: too much at once.")

    note = applied.lines[1]
    assert await shown(out.storage) == [
        ("out", "one"),
        ("out", "tw"),
        ("note", "1,000 bytes were dropped: too much at once."),
        ("out", "ee"),
        ("out", "four"),
    ]
    assert (note.run, note.time, note.level) == ("r1", SEEN, "warning")
    assert (applied.cursor, applied.changed) == (6 + 1000 + 8, True)
    assert await dropped_bytes(out.storage) == 1000
    assert await out.texts(b"five\n") == ["five"]


async def test_a_gap_without_words_is_shown_all_the_same(out: Sender) -> None:
    await out.send(b"", gap=12_345)

    assert await shown(out.storage) == [("note", "Bytes dropped here: 12,345.")]


async def test_a_notice_alone_breaks_no_line(out: Sender) -> None:
    await out.send(b"one, ")

    applied = await out.send(b"two\n", notice="Somebody removed the file \udcff.")

    assert await shown(out.storage) == [("note", "Somebody removed the file \ufffd."), ("out", "one, two")]
    assert not applied.changed
    assert await dropped_bytes(out.storage) == 0


async def test_a_gap_that_is_told_twice_counts_once(out: Sender) -> None:
    frame = out.frame(b"x\n", gap=500, notice="dropped")
    first = await out.intake.apply("host1", frame)
    out.intake = Intake(out.storage, CLOCK)

    again = await out.intake.apply("host1", frame)

    assert (first.applied, again.applied, again.cursor) == (True, False, 502)
    assert await shown(out.storage) == [("note", "dropped"), ("out", "x")]
    assert await dropped_bytes(out.storage) == 500


async def test_the_end_of_a_run_may_have_been_dropped(out: Sender) -> None:
    await out.send(b"unfin")

    end = await out.send(b"", gap=70, notice="dropped", final=True)

    assert (end.final, end.cursor) == (True, 75)
    assert await shown(out.storage) == [("out", "unfin"), ("note", "dropped")]


async def test_a_line_that_was_cut_off_after_much_of_it_keeps_its_beginning(out: Sender) -> None:
    await out.send(b"x" * (LIMIT + 9))
    await out.send(b"y\n", gap=1)

    assert [text for _, text in await shown(out.storage)] == [
        "x" * LIMIT + "… (9 bytes more)",
        "Bytes dropped here: 1.",
        "y",
    ]


async def test_what_was_dropped_of_the_events_costs_the_lines_it_cut(said: Sender) -> None:
    line = event_line()
    await said.send(line + line[:30])

    applied = await said.send(line[50:] + line, gap=200, notice="the disk is full")

    first, begun, rest, last = [event for _, event in await said.storage.events("greeter")]
    assert (first.event, last.event) == ("message.received", "message.received")
    assert (begun.event, begun.fields) == (
        "telemetry.damaged",
        {"offset": len(line), "line": line[:30].decode(), "reason": "The rest of the line was dropped."},
    )
    assert (rest.event, rest.fields["offset"]) == ("telemetry.damaged", len(line) + 30 + 200)
    assert await shown(said.storage) == [("note", "the disk is full")]
    assert applied.cursor == len(line) + 30 + 200 + len(line[50:]) + len(line)
    assert await dropped_bytes(said.storage) == 200


async def test_a_gap_between_events_damages_none(said: Sender) -> None:
    await said.send(event_line())
    await said.send(event_line(), gap=200)

    assert [event.event for _, event in await said.storage.events("greeter")] == ["message.received"] * 2


@pytest.mark.parametrize("bad_at", [0, 3, 5])
async def test_a_gap_counts_once_in_a_frame_that_is_stored_in_parts(
    said: Sender, monkeypatch: pytest.MonkeyPatch, bad_at: int
) -> None:
    refuse(said.storage, monkeypatch, "bad")
    await said.send(event_line()[:20])
    lines = [event_line("bad" if number == bad_at else "good", seq=number) for number in range(6)]

    end = await said.send(b"".join(lines), gap=300, notice="dropped")

    torn, *stored = [event for _, event in await said.storage.events("greeter")]
    assert torn.fields["offset"] == 0
    assert [event.event for event in stored] == [
        "telemetry.damaged" if number == bad_at else "good" for number in range(6)
    ]
    assert stored[bad_at].fields["offset"] == 320 + sum(map(len, lines[:bad_at]))
    assert await shown(said.storage) == [("note", "dropped")]
    assert await dropped_bytes(said.storage) == 300
    assert end.cursor == 320 + sum(map(len, lines))


# Frames that wait together


def refuse(storage: SqliteStorage, monkeypatch: pytest.MonkeyPatch, event: str) -> None:
    """A storage that cannot store events of this name."""
    ingest = storage.ingest

    async def picky(batch: Batch) -> Ingested:
        if any(found.event == event for found in batch.events):
            raise Unstorable("no")
        return await ingest(batch)

    monkeypatch.setattr(storage, "ingest", picky)


def in_frames(sender: Sender, payloads: list[bytes], **last: Any) -> list[Data]:
    frames = []
    for number, payload in enumerate(payloads):
        frames.append(sender.frame(payload, **last if number == len(payloads) - 1 else {}))
        sender.offset += len(payload)
    return frames


async def test_frames_that_wait_together_share_a_transaction(out: Sender, monkeypatch: pytest.MonkeyPatch) -> None:
    ingest, batches = out.storage.ingest, []

    async def counting(batch: Batch) -> Ingested:
        batches.append(batch)
        return await ingest(batch)

    monkeypatch.setattr(out.storage, "ingest", counting)
    frames = in_frames(out, [b"%d\n%d" % (n, n) for n in range(50)], final=True)

    outcomes = await asyncio.gather(*[out.intake.apply("host1", frame) for frame in frames])

    assert len(batches) == 1  # all came while the first looked for the cursor
    assert all(outcome.applied for outcome in outcomes)
    assert [outcome.along for outcome in outcomes] == [False] + [True] * 49
    assert {(outcome.cursor, outcome.final) for outcome in outcomes} == {(out.offset, True)}
    told = [line for outcome in outcomes for line in outcome.lines]
    assert told == (await out.storage.logs("greeter"))[0]
    assert [line.text for line in told] == ["0", *[f"{n}{n + 1}" for n in range(49)], "49"]


async def test_a_transaction_of_many_frames_stays_short(out: Sender, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake_module, "_MOST_OUTPUT_BYTES", 1000)
    frames = in_frames(out, [b"x" * 399 + b"\n"] * 9)

    outcomes = await asyncio.gather(*[out.intake.apply("host1", frame) for frame in frames])

    assert [len(outcome.lines) for outcome in outcomes] == [2, 0, 2, 0, 2, 0, 2, 0, 1]


async def test_frames_of_two_senders_are_not_taken_together_for_each_is_to_be_told(out: Sender) -> None:
    frames = in_frames(out, [b"%d\n" % n for n in range(6)])
    senders = ["old link", "old link", "new link", "new link", "new link", "old link"]

    outcomes = await asyncio.gather(
        *[out.intake.apply("host1", frame, sender=sender) for frame, sender in zip(frames, senders, strict=True)]
    )

    assert [outcome.along for outcome in outcomes] == [False, True, False, True, True, False]
    assert await shown(out.storage) == [("out", str(n)) for n in range(6)]


async def test_a_frame_that_does_not_go_on_where_the_one_before_ends_is_answered_alone(out: Sender) -> None:
    first, second, third = in_frames(out, [b"1\n", b"2\n", b"3\n"])

    outcomes = await asyncio.gather(*[out.intake.apply("host1", f) for f in (first, second, second, third, first)])

    assert [(outcome.applied, outcome.cursor) for outcome in outcomes] == [
        (True, 4),
        (True, 4),
        (False, 4),
        (True, 6),
        (False, 6),
    ]
    assert await shown(out.storage) == [("out", "1"), ("out", "2"), ("out", "3")]


async def test_one_bad_line_among_frames_that_wait_costs_that_line_only(
    said: Sender, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse(said.storage, monkeypatch, "bad")
    names = ["good", "good", "bad", "good", "good", "bad"]
    frames = in_frames(said, [event_line(name, seq=number) for number, name in enumerate(names)])

    outcomes = await asyncio.gather(*[said.intake.apply("host1", frame) for frame in frames])

    assert all(outcome.applied for outcome in outcomes)
    stored = [event.event for _, event in await said.storage.events("greeter")]
    assert stored == ["good", "good", "telemetry.damaged", "good", "good", "telemetry.damaged"]


async def test_who_gives_up_waiting_takes_no_other_frame_along(out: Sender) -> None:
    frames = in_frames(out, [b"%d\n" % n for n in range(9)])
    tasks = [asyncio.create_task(out.intake.apply("host1", frame)) for frame in frames]
    await asyncio.sleep(0)  # each has its place in the row
    tasks[4].cancel()

    outcomes = await asyncio.gather(*tasks, return_exceptions=True)

    assert isinstance(outcomes[4], asyncio.CancelledError)
    assert [one.applied for one in outcomes if isinstance(one, Applied)] == [True] * 4 + [False] * 4
    assert await out.intake.apply("host1", frames[4])
    assert (await asyncio.gather(*[out.intake.apply("host1", frame) for frame in frames[5:]]))[-1].cursor == 18
    assert await shown(out.storage) == [("out", str(n)) for n in range(9)]


async def test_when_the_one_that_commits_for_others_gives_up_nothing_is_lost_or_doubled(
    out: Sender, monkeypatch: pytest.MonkeyPatch
) -> None:
    ingest = out.storage.ingest

    async def interrupted(batch: Batch) -> Ingested:
        tasks[0].cancel()
        return await ingest(batch)

    monkeypatch.setattr(out.storage, "ingest", interrupted)
    frames = in_frames(out, [b"%d\n" % n for n in range(9)])
    tasks = [asyncio.create_task(out.intake.apply("host1", frame)) for frame in frames]
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    for frame in frames:
        await out.intake.apply("host1", frame)

    assert isinstance(outcomes[0], asyncio.CancelledError)
    assert all(isinstance(outcome, Applied) for outcome in outcomes[1:])
    assert await shown(out.storage) == [("out", str(n)) for n in range(9)]


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
        await out.send(b"x\n" * 400_000)
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
