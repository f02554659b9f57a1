"""What goes between bot, runner and deck comes out as it went in, and what is wrong is refused in words."""

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from botdeck.errors import ProtocolError
from botdeck.models import Action, Bot, BotStatus, Restart, Run, State, Wanted
from botdeck.protocol.codec import from_json, parse_time, rfc3339, to_json
from botdeck.protocol.events import MAX_LINE_BYTES, parse_event
from botdeck.protocol.frames import (
    MAX_DATA_BYTES,
    MAX_FRAME_BYTES,
    Ack,
    Data,
    Fleet,
    Frame,
    Hello,
    Member,
    Order,
    OrderResult,
    RunReport,
    RunStored,
    StatusReport,
    Welcome,
    decode,
    decode_data,
    encode,
    encode_data,
    stream_name,
)

NOW = datetime(2026, 11, 22, 20, 15, 3, 42, tzinfo=UTC)
STATUS = BotStatus(
    bot="b", state=State.RUNNING, wanted=Wanted.RUNNING, since=NOW, run="r", pid=7, started_at=NOW, uptime_s=1.5
)
FRAMES: list[Frame] = [
    Hello(version=1, runner="here", host="h", now=NOW, botdeck_version="0.1.0"),
    Welcome(version=1, cursors={"b/r/out": 12, "b/r/events": 0}),
    Fleet(members=[Member(bot=Bot(name="b", restart=Restart.NEVER, description="Ü"), status=STATUS)]),
    Fleet(members=[]),
    StatusReport(status=STATUS),
    RunReport(run=Run(id="r", bot="b", started_at=NOW, ended_at=NOW, signal="SIGKILL", reason="ended by SIGKILL")),
    RunStored(run="r", ended=True),
    Order(id=3, bot="b", action=Action.RESTART, operator="cli:root"),
    OrderResult(id=3, error="it is already running"),
    OrderResult(id=4),
    Ack(stream="b/r/out", offset=12),
]


@pytest.mark.parametrize("frame", FRAMES, ids=[type(frame).__name__ for frame in FRAMES])
def test_a_frame_comes_out_as_it_went_in(frame: Frame) -> None:
    assert decode(encode(frame)) == frame


@pytest.mark.parametrize("payload", [b"", b"\n", b"a\nb\n\n", bytes(range(256)), b"{}\n" * 1000])
def test_data_comes_out_as_it_went_in(payload: bytes) -> None:
    data = Data(stream=stream_name("b", "r", "out"), offset=9, time=NOW, final=True, payload=payload)

    assert decode_data(encode_data(data)) == data


def test_a_gap_comes_out_as_it_went_in() -> None:
    data = Data(stream=stream_name("b", "r", "out"), offset=9, time=NOW, gap=7, notice="é\n", payload=b"x")

    assert decode_data(encode_data(data)) == data


def test_the_largest_data_fits_into_a_frame() -> None:
    stream = stream_name("x" * 63, "20261122T201503-ffffff", "events")
    data = Data(stream=stream, offset=1 << 60, time=NOW, final=False, payload=bytes(MAX_DATA_BYTES))

    assert len(encode_data(data)) < MAX_FRAME_BYTES


def test_what_a_newer_peer_adds_is_ignored() -> None:
    assert decode('{"type":"ack","stream":"b/r/out","offset":1,"mood":"good"}') == Ack(stream="b/r/out", offset=1)


def test_what_an_older_peer_leaves_out_has_its_default() -> None:
    assert decode('{"type":"welcome","version":1,"cursors":{}}') == Welcome(version=1, cursors={})


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "should be JSON"),
        ("{", "should be JSON"),
        ("[]", r"should be a JSON object, not \[\]"),
        ("[" * 100_000, "should be JSON"),
        ("{}", "There is no frame of type None"),
        ('{"type":"shout"}', "There is no frame of type 'shout'. Known: hello, welcome"),
        ('{"type":["ack"]}', "There is no frame of type"),
        ('{"type":"ack"}', "Ack lacks stream, offset"),
        ('{"type":"ack","stream":1,"offset":2}', "Ack.stream should be str, not 1"),
        ('{"type":"ack","stream":"s","offset":"2"}', "Ack.offset should be int"),
        ('{"type":"ack","stream":"s","offset":true}', "Ack.offset should be int, not True"),
        ('{"type":"ack","stream":"s","offset":2.0}', "Ack.offset should be int"),
        ('{"type":"order","id":1,"bot":"b","action":"eat","operator":"ann"}', "one of start, stop, restart, kill"),
        ('{"type":"welcome","version":1,"cursors":{"s":"0"}}', "Welcome.cursors.s should be int"),
        ('{"type":"welcome","version":1,"cursors":[]}', "Welcome.cursors should be an object"),
        ('{"type":"fleet","members":[{"bot":{"name":"b"}}]}', r"Fleet.members\[0\] lacks status"),
        ('{"type":"hello","version":1,"runner":"r","host":"h","now":"2026-11-22"}', "RFC 3339 time with a zone"),
        ('{"type":"hello","version":1,"runner":"r","host":"h","now":5}', "RFC 3339 time with a zone"),
    ],
)
def test_what_is_no_frame_is_refused_in_words(text: str, words: str) -> None:
    with pytest.raises(ProtocolError, match=words):
        decode(text)


@pytest.mark.parametrize(
    "frame",
    [
        b"",
        b"{}",
        b"{}\n",
        b"nonsense\nbytes",
        b'{"stream":"b/r/out","offset":-1,"time":"2026-11-22T20:15:03Z"}\n',
        b'{"stream":"b/out","offset":0,"time":"2026-11-22T20:15:03Z"}\n',
        b'{"stream":"b/r/out","offset":0,"time":"yesterday"}\n',
        b'{"stream":"b/r/out","offset":0,"time":7}\n',
        b'{"stream":"b/r/out","offset":0}\n',
        b'{"stream":"b/r/out","offset":true,"time":"2026-11-22T20:15:03Z"}\n',
        b'{"stream":"b/r/out","offset":0,"time":"2026-11-22T20:15:03Z","final":1}\n',
        b'{"stream":"b/r/out","offset":0,"time":"2026-11-22T20:15:03Z","gap":-1}\n',
        b'{"stream":"b/r/out","offset":0,"time":"2026-11-22T20:15:03Z","gap":"much"}\n',
        b'{"stream":"b/r/out","offset":0,"time":"2026-11-22T20:15:03Z","notice":null}\n',
        b"\xff\n",
    ],
)
def test_what_is_no_data_is_refused(frame: bytes) -> None:
    with pytest.raises(ProtocolError):
        decode_data(frame)


def test_a_payload_cannot_be_smuggled_in_by_the_head() -> None:
    data = decode_data(b'{"stream":"b/r/out","offset":0,"time":"2026-11-22T20:15:03Z","payload":"fake"}\nreal')

    assert data.payload == b"real"


def test_times_are_utc_with_microseconds_whatever_their_zone() -> None:
    vienna = NOW.astimezone(timezone(timedelta(hours=1)))

    assert rfc3339(vienna) == "2026-11-22T20:15:03.000042Z"
    assert parse_time(rfc3339(vienna)) == NOW
    assert parse_time("2026-11-22T21:15:03.000042+01:00") == NOW
    with pytest.raises(ValueError, match="has no time zone"):
        parse_time("2026-11-22T20:15:03")


def test_values_without_a_dataclass_are_converted_too() -> None:
    assert to_json({"a": [Action.START, NOW, (1, None)]}) == {"a": ["start", rfc3339(NOW), [1, None]]}
    assert from_json(list[int], [1, 2]) == [1, 2]
    assert from_json(dict[str, float], {"a": 1}) == {"a": 1.0}


def event(**fields: Any) -> bytes:
    whole = {"v": 1, "event": "message.received", "time": "2026-11-22T20:15:03Z", "run": "r", "seq": 4, **fields}
    return json.dumps({name: value for name, value in whole.items() if value is not ...}).encode()


def test_an_event_keeps_what_it_knows_and_what_it_does_not() -> None:
    parsed = parse_event(event(**{"user.id": "u1", "colour": ["red"]}))

    assert (parsed.event, parsed.run, parsed.seq) == ("message.received", "r", 4)
    assert parsed.time == datetime(2026, 11, 22, 20, 15, 3, tzinfo=UTC)
    assert parsed.fields == {"user.id": "u1", "colour": ["red"]}


def test_an_event_of_another_sdk_may_have_no_sequence() -> None:
    assert parse_event(event(seq=...)).seq is None


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (b"", "cannot be read"),
        (b'{"v": 1, "event"', "cannot be read"),
        (b"\xff\xfe", "cannot be read"),
        (b"[1]", "should be a JSON object"),
        (event(v=...), "lacks 'v'"),
        (event(event=...), "lacks 'event'"),
        (event(time=...), "lacks 'time'"),
        (event(run=...), "lacks 'run'"),
        (event(v=2), "schema 2 is not known"),
        (event(v=True), "schema True is not known"),
        (event(v="1"), "schema '1' is not known"),
        (event(time="noon"), "cannot be read"),
        (event(time=5), "cannot be read"),
        (event(event=5), "should be strings"),
        (event(run=None), "should be strings"),
        (event(seq="4"), "seq a whole number"),
        (event(text="x" * MAX_LINE_BYTES), "at most 65536 bytes"),
        (b"[" * 60_000, "cannot be read"),
    ],
)
def test_a_line_that_is_no_event_is_refused_in_words(line: bytes, words: str) -> None:
    with pytest.raises(ProtocolError, match=words):
        parse_event(line)
