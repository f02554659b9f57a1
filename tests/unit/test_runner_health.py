"""What a bot says, prints and answers, and when that is trouble: tables without a clock."""

import json
import random
import re
from pathlib import Path
from typing import Any

import pytest

from botdeck.runner import timed_search
from botdeck.runner.health import LATE_S, Health
from botdeck.settings import BotSettings

MEGABYTE = 1 << 20


def settings(**more: Any) -> BotSettings:
    return BotSettings(name="greeter", command=("x",), cwd=Path("/"), **more)


def line(event: str, **fields: Any) -> bytes:
    """As our SDK writes it."""
    return b"\n" + json.dumps(envelope(event, **fields), separators=(",", ":")).encode() + b"\n"


def envelope(event: str, **fields: Any) -> dict[str, Any]:
    return {"v": 1, "event": event, "time": "2026-11-22T11:59:58.000001Z", "run": "r1", "seq": 1, **fields}


def beat(connected: object = None) -> bytes:
    return line("heartbeat", **({} if connected is None else {"gateway.connected": connected}))


MESSAGE = line("message.received", **{"user.id": "irc:libera/ann", "size": 5})
READY, GONE = line("gateway.ready"), line("gateway.disconnect")
SAID, PRINTED, PROBED, LOOK = "said", "printed", "probed", "look"

REFUSED = "connection refused"
LIVES: list[tuple[str, dict[str, Any], list[tuple[float, str, Any]], str | None]] = [
    ("a bot that says nothing is not judged", {}, [(1e6, LOOK, None)], None),
    ("a bot that never beat need not", {}, [(1, SAID, MESSAGE), (1e6, LOOK, None)], None),
    ("a beat is good for its time", {}, [(1, SAID, beat()), (60.9, LOOK, None)], None),
    ("no beat in time", {}, [(1, SAID, beat()), (61, LOOK, None)], "no heartbeat for 60 s"),
    ("the words tell what was waited", {}, [(1, SAID, beat()), (63, LOOK, None)], "no heartbeat for 62 s"),
    ("beats again", {}, [(1, SAID, beat()), (61, LOOK, None), (70, SAID, beat()), (129.9, LOOK, None)], None),
    (
        "silent a second time",
        {},
        [(1, SAID, beat()), (61, LOOK, None), (70, SAID, beat()), (130, LOOK, None)],
        "no heartbeat for 60 s",
    ),
    (
        "trouble keeps its words",
        {},
        [(1, SAID, beat()), (61, LOOK, None), (900, LOOK, None)],
        "no heartbeat for 60 s",
    ),
    (
        "other events are no beats",
        {},
        [(1, SAID, beat()), (60, SAID, MESSAGE), (61, LOOK, None)],
        "no heartbeat for 60 s",
    ),
    ("output is no beat", {}, [(1, SAID, beat()), (60, PRINTED, b"hi\n"), (61, LOOK, None)], "no heartbeat for 60 s"),
    ("the beat's own limit", {"heartbeat_timeout_s": 5}, [(1, SAID, beat()), (6, LOOK, None)], "no heartbeat for 5 s"),
    ("no limit for beats", {"heartbeat_timeout_s": 0}, [(1, SAID, beat()), (1e6, LOOK, None)], None),
    ("a beat of another version is none", {}, [(1, SAID, beat().replace(b'"v":1', b'"v":2')), (1e6, LOOK, None)], None),
    ("a damaged beat is none", {}, [(1, SAID, b'{"event":"heartbeat"\n'), (1e6, LOOK, None)], None),
    ("a command called heartbeat is none", {}, [(1, SAID, line("x", name="heartbeat")), (1e6, LOOK, None)], None),
    ("half a beat is none yet", {}, [(1, SAID, beat()[:-1]), (1e6, LOOK, None)], None),
    # Of the platform.
    ("disconnected for a while", {}, [(1, SAID, GONE), (120.9, LOOK, None)], None),
    ("disconnected too long", {}, [(1, SAID, GONE), (121, LOOK, None)], "disconnected from its platform for 2 min"),
    ("connected again", {}, [(1, SAID, GONE), (100, SAID, READY), (1e6, LOOK, None)], None),
    (
        "a beat says it, too",
        {"heartbeat_timeout_s": 0},
        [(1, SAID, GONE), (100, SAID, beat(True)), (1e6, LOOK, None)],
        None,
    ),
    (
        "connected again after trouble",
        {},
        [(1, SAID, GONE), (121, LOOK, None), (130, SAID, READY), (131, LOOK, None)],
        None,
    ),
    (
        "time runs from the first word of it",
        {"heartbeat_timeout_s": 0},
        [(1, SAID, beat(False)), (16, SAID, beat(False)), (31, SAID, GONE), (121, LOOK, None)],
        "disconnected from its platform for 2 min",
    ),
    (
        "a beat that cannot tell changes nothing",
        {"heartbeat_timeout_s": 0},
        [(1, SAID, GONE), (100, SAID, beat()), (121, LOOK, None)],
        "disconnected from its platform for 2 min",
    ),
    (
        "what is neither true nor false tells nothing",
        {"heartbeat_timeout_s": 0},
        [(1, SAID, beat(0)), (2, SAID, beat("no")), (3, SAID, beat([])), (1e6, LOOK, None)],
        None,
    ),
    (
        "a change within one reading",
        {"heartbeat_timeout_s": 0},
        [(1, SAID, beat(False) + MESSAGE + beat(True) + READY + GONE), (121, LOOK, None)],
        "disconnected from its platform for 2 min",
    ),
    ("never mind the platform", {"gateway_timeout_s": 0}, [(1, SAID, GONE), (1e6, LOOK, None)], None),
    (
        "hanging is worse than disconnected",
        {"gateway_timeout_s": 60},
        [(1, SAID, beat(False)), (61, LOOK, None)],
        "no heartbeat for 60 s",
    ),
    # Of its output.
    ("silence is allowed", {}, [(1e6, LOOK, None)], None),
    ("silent too long", {"output_timeout_s": 600}, [(600, LOOK, None)], "neither output nor events for 10 min"),
    ("output ends silence", {"output_timeout_s": 600}, [(500, PRINTED, b"."), (1099, LOOK, None)], None),
    ("events end silence", {"output_timeout_s": 600}, [(500, SAID, MESSAGE), (1099, LOOK, None)], None),
    ("any line ends silence", {"output_timeout_s": 600}, [(500, SAID, b"nonsense\n"), (1099, LOOK, None)], None),
    (
        "so does one that looks like a beat and is none",
        {"output_timeout_s": 600},
        [(500, SAID, b'"heartbeat"\n'), (1099, LOOK, None)],
        None,
    ),
    (
        "an event among beats does",
        {"output_timeout_s": 600},
        [(500, SAID, beat(True) + MESSAGE), (550, SAID, beat(True)), (600, SAID, beat()), (640, LOOK, None)],
        None,
    ),
    (
        "beats do not",
        {"output_timeout_s": 100},
        [(50, SAID, beat(True)), (99, SAID, beat(True)), (100, LOOK, None)],
        "neither output nor events for 100 s",
    ),
    (
        "empty lines do not",
        {"output_timeout_s": 100},
        [(50, SAID, b"\n\n \n"), (100, LOOK, None)],
        "neither output nor events for 100 s",
    ),
    (
        "speaks again",
        {"output_timeout_s": 600},
        [(600, LOOK, None), (700, PRINTED, b"x"), (701, LOOK, None)],
        None,
    ),
    ("hours are hours", {"output_timeout_s": 10800}, [(10800, LOOK, None)], "neither output nor events for 3 h"),
    # Of its probe.
    (
        "two failures are none",
        {"probe": "tcp://h:1"},
        [(1, PROBED, REFUSED), (31, PROBED, REFUSED), (32, LOOK, None)],
        None,
    ),
    (
        "three are trouble",
        {"probe": "tcp://127.0.0.1:8080"},
        [(1, PROBED, REFUSED), (31, PROBED, REFUSED), (61, PROBED, REFUSED), (62, LOOK, None)],
        "does not answer at tcp://127.0.0.1:8080: connection refused (3 times in a row)",
    ),
    (
        "the words of the fourth are those of the third",
        {"probe": "tcp://h:1"},
        [(n, PROBED, REFUSED) for n in range(3)] + [(5, PROBED, "no answer"), (6, LOOK, None)],
        "does not answer at tcp://h:1: connection refused (3 times in a row)",
    ),
    (
        "in a row",
        {"probe": "tcp://h:1"},
        [(1, PROBED, REFUSED), (2, PROBED, REFUSED), (3, PROBED, None), (4, PROBED, REFUSED), (5, LOOK, None)],
        None,
    ),
    (
        "answers again",
        {"probe": "tcp://h:1"},
        [(n, PROBED, REFUSED) for n in range(3)] + [(5, PROBED, None), (6, LOOK, None)],
        None,
    ),
    (
        "once is enough where it is so set, and a password is not shown",
        {"probe": "http://ann:secret@h/up", "probe_failures": 1},
        [(1, PROBED, "answered with status 503"), (2, LOOK, None)],
        "does not answer at http://h/up: answered with status 503",
    ),
]

LATE: list[tuple[str, dict[str, Any], list[tuple[float, str, Any]], str | None]] = [
    ("a look that comes late blames nobody", {}, [(1, SAID, beat()), (61 + LATE_S + 1, LOOK, None)], None),
    (
        "but the next one does",
        {},
        [(1, SAID, beat()), (1000, LOOK, None), (1059, LOOK, None), (1060, LOOK, None)],
        "no heartbeat for 60 s",
    ),
    (
        "whatever was due first, all begins anew",
        {"output_timeout_s": 100},
        [(1, SAID, beat()), (8000, LOOK, None), (8059, SAID, beat()), (8099, LOOK, None)],
        None,
    ),
]


def live(life: list[tuple[float, str, Any]], *, health: Health) -> str | None:
    trouble = None
    for now, what, value in life:
        match what:
            case "said":
                health.heard_events(value, now)
            case "printed":
                health.heard_output(value, now)
            case "probed":
                health.probed(value, now)
            case "look":
                trouble = health.trouble(now)
    return trouble


@pytest.mark.parametrize(("more", "life", "trouble"), [row[1:] for row in LIVES], ids=[row[0] for row in LIVES])
def test_a_life(more: dict[str, Any], life: list[tuple[float, str, Any]], trouble: str | None) -> None:
    assert live(life, health=Health(settings(**more), 0.0)) == trouble


@pytest.mark.parametrize(("more", "life", "trouble"), [row[1:] for row in LIVES], ids=[row[0] for row in LIVES])
def test_looks_at_the_times_that_are_told_find_the_same(
    more: dict[str, Any], life: list[tuple[float, str, Any]], trouble: str | None
) -> None:
    health = Health(settings(**more), 0.0)
    for now, what, value in life:
        while (due_at := health.next_look_at()) is not None and due_at < now:
            assert health.trouble(due_at) is not None
        found = live([(now, what, value)], health=health)

    assert (found is None) == (trouble is None)
    assert (found or "").partition(" for ")[0] == (trouble or "").partition(" for ")[0]


@pytest.mark.parametrize(("more", "life", "trouble"), [row[1:] for row in LATE], ids=[row[0] for row in LATE])
def test_a_life_whose_runner_slept(
    more: dict[str, Any], life: list[tuple[float, str, Any]], trouble: str | None
) -> None:
    assert live(life, health=Health(settings(**more), 0.0)) == trouble


READINESS: list[tuple[str, str, list[tuple[str, bytes]], bool]] = [
    ("time is not ours to tell", "time", [(SAID, READY), (SAID, beat(True)), (PRINTED, b"ready\n")], False),
    ("it says so", "sdk", [(SAID, MESSAGE), (SAID, READY)], True),
    ("it beats as connected", "sdk", [(SAID, beat(True))], True),
    ("it beats as disconnected", "sdk", [(SAID, beat(False))], False),
    ("it only beats", "sdk", [(SAID, beat())], False),
    ("it says other things", "sdk", [(SAID, MESSAGE * 100), (SAID, GONE), (PRINTED, b"gateway.ready\n")], False),
    ("once ready, ready", "sdk", [(SAID, READY), (SAID, GONE)], True),
    ("half a line", "sdk", [(SAID, READY[:-1])], False),
    (
        "by another program, with spaces",
        "sdk",
        [(SAID, json.dumps(envelope("gateway.ready")).encode() + b"\r\n")],
        True,
    ),
    ("after a line too long", "sdk", [(SAID, b"x" * MEGABYTE), (SAID, b"\n"), (SAID, READY)], True),
    ("in a line too long", "sdk", [(SAID, line("gateway.ready", pad="x" * 70_000))], False),
    ("before a line too long", "sdk", [(SAID, READY + b"x" * MEGABYTE)], True),
    ("it prints the pattern", "output:Logged in", [(PRINTED, b"hello\nLogged in as x\n")], True),
    ("it does not", "output:Logged in", [(PRINTED, b"Logged\nin\n"), (SAID, READY)], False),
    ("a prompt without an end", "output:> $", [(PRINTED, b"version 1\nsay> ")], True),
    ("in pieces", "output:Logged in", [(PRINTED, b"Log"), (PRINTED, b"ged"), (PRINTED, b" in")], True),
    ("not from two lines", "output:Logged in", [(PRINTED, b"Logged\r"), (PRINTED, b" in\n")], False),
    ("the last state of a progress bar", "output:100%", [(PRINTED, b"\r".join(b"%d%%" % n for n in range(101)))], True),
    ("in any script", "output:bereit für ♥", [(PRINTED, "bereit für ♥\n".encode())], True),
    ("not far into a line", "output:ready", [(PRINTED, b"x" * 3000 + b"ready\n")], False),
    ("after a long line", "output:ready", [(PRINTED, b"x" * MEGABYTE + b"\nready\n")], True),
    ("of bytes that are no text", "output:ready", [(PRINTED, bytes(range(256)) + b"ready\xff\n")], True),
    ("anchored to a line", "output:^ready$", [(PRINTED, b"not ready\nready not\nready\n")], True),
    ("a pattern with a colon", "output:at: \\d+", [(PRINTED, b"listening at: 8080\n")], True),
]


@pytest.mark.parametrize(
    ("ready", "life", "is_ready"), [row[1:] for row in READINESS], ids=[row[0] for row in READINESS]
)
def test_readiness(ready: str, life: list[tuple[str, bytes]], is_ready: bool) -> None:
    health = Health(settings(ready=ready), 0.0)

    live([(1.0, what, data) for what, data in life], health=health)

    assert health.ready is is_ready


@pytest.mark.parametrize(
    ("ready", "life", "is_ready"), [row[1:] for row in READINESS], ids=[row[0] for row in READINESS]
)
@pytest.mark.parametrize("size", [1, 2, 3, 7, 64, 1000])
def test_pieces_do_not_matter_for_readiness(
    ready: str, life: list[tuple[str, bytes]], is_ready: bool, size: int
) -> None:
    health = Health(settings(ready=ready), 0.0)
    most = 3000 * size  # as bytes one by one, a megabyte would take its time

    for what, data in life:
        rest = data[most:]
        pieces = [data[at : at + size] for at in range(0, min(most, len(data)), size)] + [rest] * bool(rest)
        live([(1.0, what, piece) for piece in pieces], health=health)

    assert health.ready is is_ready


SPEECH = (
    beat(False) + MESSAGE + b"\n\n" + GONE + b"nonsense\n" + beat(True) + line("x", name="heartbeat") + READY + beat(0)
)


@pytest.mark.parametrize("at", range(len(SPEECH) + 1))
def test_events_cut_anywhere_say_the_same(at: int) -> None:
    def heard(*pieces: bytes) -> list[object]:
        health = Health(settings(ready="sdk", output_timeout_s=50), 0.0)
        for piece in pieces:
            health.heard_events(piece, 7.0)
        return [health.ready, health.next_look_at(), health.trouble(57), health.next_look_at(), health.trouble(67)]

    assert heard(SPEECH[:at], SPEECH[at:]) == heard(SPEECH)


@pytest.mark.parametrize("seed", range(40))
def test_events_in_random_pieces_with_random_lines_between_say_the_same(seed: int) -> None:
    dice = random.Random(seed)
    lines = [beat(), beat(True), beat(False), MESSAGE, READY, GONE, b"\n", b"x" * 70_000 + b"\n", dice.randbytes(200)]
    speech = b"".join(dice.choice(lines) for _ in range(30))
    whole, pieces = (Health(settings(ready="sdk", output_timeout_s=50), 0.0) for _ in range(2))

    whole.heard_events(speech, 1.0)
    at = 0
    while at < len(speech):
        size = dice.choice([1, 5, 100, 5000])
        pieces.heard_events(speech[at : at + size], 1.0)
        at += size

    looks = [50, 51, 61, 121]
    assert [whole.trouble(now) for now in looks] == [pieces.trouble(now) for now in looks]
    assert whole.ready == pieces.ready


def test_memory_is_bounded_whatever_is_said_and_printed() -> None:
    health = Health(settings(ready="output:never"), 0.0)

    for _ in range(20):
        health.heard_events(b"x" * MEGABYTE, 1.0)
        health.heard_output(b"y" * MEGABYTE, 1.0)

    assert len(health._unfinished) <= 65_537
    assert len(health._ready._line) <= 2048


@pytest.mark.parametrize("pattern", [r"(\w+ ?)+ready", r"(a|aa)+$", r"(.*)*b"])
def test_a_pattern_that_takes_for_ever_is_given_up(pattern: str) -> None:
    health = Health(settings(ready=f"output:{pattern}"), 0.0)

    health.heard_output((b"a" * 60 + b"!\n") * 1000, 1.0)

    assert not health.ready
    assert not health.reads_output
    assert "takes too long" in health.why_not_ready


def test_a_line_that_takes_for_ever_does_not_hide_the_others() -> None:
    health = Health(settings(ready=r"output:^(\w+ ?)+ready$"), 0.0)

    health.heard_output(b"hello\n" + b"a" * 60 + b"!\nbot is ready\n", 1.0)

    assert health.ready


def test_a_search_that_was_given_up_disturbs_none_that_follows() -> None:
    with pytest.raises(timed_search.TooSlow):
        timed_search.found(re.compile(r"(\w+ ?)+ready"), ["a" * 60])

    assert timed_search.found(re.compile("ready"), ["not", "ready"])
    assert sum(range(3_000_000)) > 0  # longer than the limit, and nothing interrupts it


@pytest.mark.parametrize(
    ("ready", "why"),
    [
        ("sdk", "it did not say that it is connected"),
        ("output:Logged in", "it printed nothing that 'Logged in' finds"),
        ("time", ""),
    ],
)
def test_it_says_what_was_waited_for(ready: str, why: str) -> None:
    assert Health(settings(ready=ready), 0.0).why_not_ready == why


def test_output_is_read_only_while_something_is_looked_for_in_it() -> None:
    health = Health(settings(ready="output:ready"), 0.0)
    before = health.reads_output

    health.heard_output(b"ready\n", 1.0)

    assert (before, health.reads_output) == (True, False)
    assert not Health(settings(ready="sdk"), 0.0).reads_output


def test_what_a_bot_prints_that_an_earlier_runner_saw_ready_is_not_searched() -> None:
    health = Health(settings(ready="output:ready"), 0.0)

    health.was_ready()

    assert health.ready
    assert not health.reads_output


def test_a_bot_that_cannot_be_heard_is_excused_and_has_its_time_again() -> None:
    health = Health(settings(output_timeout_s=50), 0.0)
    health.heard_events(beat(False), 1.0)

    health.excuse(49.0)

    assert health.next_look_at() == 99.0
    assert health.trouble(98.9) is None
    assert health.trouble(99.0) == "neither output nor events for 50 s"
    health.excuse(100.0)
    assert health.trouble(101.0) == "neither output nor events for 50 s"
