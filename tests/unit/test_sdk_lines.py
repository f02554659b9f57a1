"""Whatever a bot passes becomes one line that the deck can read."""

import ast
import enum
import json
from pathlib import Path
from typing import Any

import pytest

import botdeck
from botdeck.protocol import events
from botdeck.sdk import lines

PACKAGE = Path(botdeck.__file__).parent
GUEST_FILES = [PACKAGE / "__init__.py", *(PACKAGE / "sdk").rglob("*.py"), *(PACKAGE / "integrations").rglob("*.py")]


class Unprintable:
    def __repr__(self) -> str:
        raise RuntimeError("no")


class Colour(enum.Enum):
    RED = 1


def line(event: str = "x", **attrs: object) -> bytes:
    return lines.line(event, lines.body_of(attrs), run="r", seq=7, time_ns=1_700_000_000_123_456_789)


def read(event: str = "x", **attrs: object) -> dict[str, Any]:
    written = line(event, **attrs)
    assert b"\n" not in written
    return events.parse_event(written).fields


def circle() -> list[object]:
    value: list[object] = []
    value.append(value)
    return value


def test_a_line_is_what_the_decks_reader_expects() -> None:
    event = events.parse_event(line("message.received", **{"user.id": "irc:libera/ann", "size": 3}))

    assert (event.event, event.run, event.seq) == ("message.received", "r", 7)
    assert event.time.isoformat() == "2023-11-14T22:13:20.123456+00:00"
    assert event.fields == {"user.id": "irc:libera/ann", "size": 3}


def test_the_sdk_and_the_deck_agree_on_the_schema() -> None:
    assert lines.SCHEMA_VERSION == events.SCHEMA_VERSION
    assert lines.MAX_LINE_BYTES == events.MAX_LINE_BYTES


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        ("\ud800 half a pair", "? half a pair"),
        ("line\nbreak \x00 \u2028", "line\nbreak \x00 \u2028"),
        (float("nan"), "nan"),
        (float("-inf"), "-inf"),
        (b"bytes", "b'bytes'"),
        (Colour.RED, "<Colour.RED: 1>"),
        (Unprintable(), "<unprintable Unprintable>"),
        (10**5000, "<unprintable int>"),
        (circle(), "[[...]]"),
        ({(1, 2): 3}, "{(1, 2): 3}"),
        ([1, {"a": None}], [1, {"a": None}]),
    ],
    ids=[
        "surrogate",
        "controls",
        "nan",
        "infinity",
        "bytes",
        "enum",
        "unprintable",
        "huge",
        "circle",
        "keys",
        "nested",
    ],
)
def test_odd_values_are_kept_as_text(value: object, kept: object) -> None:
    assert read(value=value, other=1) == {"value": kept, "other": 1}


def test_names_of_the_envelope_are_moved_aside() -> None:
    assert read(run="mine", seq=0, v=2, time="now") == {
        "attr.run": "mine",
        "attr.seq": 0,
        "attr.v": 2,
        "attr.time": "now",
    }


@pytest.mark.parametrize(
    "attrs",
    [
        {"text": "x" * 200_000},
        {"text": "ü" * 40_000},
        {"text": "\x01" * 60_000},
        {"nested": [["deep" * 10] * 50] * 100},
        {f"name{n}": "y" * 500 for n in range(300)},
        {f"name{n}": n for n in range(20_000)},
        {"big": 10**4000, "many": [10**4000] * 30},
    ],
    ids=["ascii", "umlauts", "controls", "nested", "many", "very-many", "numbers"],
)
def test_what_is_too_long_is_cut_and_says_so(attrs: dict[str, object]) -> None:
    fields = read(first="kept", **attrs)

    assert fields["telemetry.truncated"] is True
    assert fields["first"] == "kept"


def test_a_line_that_just_fits_is_not_cut() -> None:
    assert read(text="x" * 60_000) == {"text": "x" * 60_000}


def test_an_exception_has_the_names_of_opentelemetry() -> None:
    try:
        json.loads("{")
    except ValueError as error:
        fields = lines.exception_fields(error)

    assert fields["exception.type"] == "json.decoder.JSONDecodeError"
    assert str(fields["exception.message"]).startswith("Expecting property name")
    assert "in loads" in str(fields["exception.stacktrace"])


def test_an_exception_that_cannot_be_printed_is_still_told() -> None:
    class Mute(Exception):
        def __str__(self) -> str:
            raise RuntimeError("no")

    assert lines.exception_fields(Mute())["exception.message"] == "<unprintable Mute>"


@pytest.mark.parametrize("path", GUEST_FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_what_bots_load_is_written_for_python_3_9(path: Path) -> None:
    tree = ast.parse(path.read_text(), feature_version=(3, 9))

    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    ours = {name for name in names if name.partition(".")[0] == "botdeck"}
    assert {name for name in ours if not name.startswith(("botdeck.sdk", "botdeck.integrations"))} <= {"botdeck"}
