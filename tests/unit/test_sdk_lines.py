"""Whatever a bot passes becomes one line that the deck can read."""

import ast
import enum
import json
import logging
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

import botdeck
from botdeck.protocol import events
from botdeck.sdk import fast_json, lines

PACKAGE = Path(botdeck.__file__).parent
GUEST_FILES = [PACKAGE / "__init__.py", *(PACKAGE / "sdk").rglob("*.py"), *(PACKAGE / "integrations").rglob("*.py")]


@pytest.fixture(params=["json", "orjson", "msgspec"], autouse=True)
def _encoder(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the bot's environment has, the lines are the same."""
    monkeypatch.setattr(lines, "_flat", lines._flat_encoder() if request.param == "json" else encoder(request.param))


def encoder(name: str) -> Callable[[dict[str, object]], bytes]:
    found = fast_json.find([name])
    assert found is not None
    return found


class Unprintable:
    def __repr__(self) -> str:
        raise RuntimeError("no")


class Colour(enum.Enum):
    RED = 1


def line(event: str = "x", **attrs: object) -> bytes:
    return lines.line(event, lines.body_of(attrs), "r", 7, 1_700_000_000_123_456_789)


def read(event: str = "x", **attrs: object) -> dict[str, Any]:
    written = line(event, **attrs)
    assert written == b"\n%b\n" % written.strip(b"\n")
    assert b"\n" not in written[1:-1]
    return events.parse_event(written[1:-1]).fields


def circle() -> list[object]:
    value: list[object] = []
    value.append(value)
    return value


def test_a_line_is_what_the_decks_reader_expects() -> None:
    event = events.parse_event(line("message.received", **{"user.id": "irc:libera/ann", "size": 3}).strip())

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


@pytest.mark.parametrize(
    "attrs",
    [
        {"text": 'say "hi" \\ \x00\x1f\x7f\u2028 \U0001f600', "n": -(2**63), "yes": True, "none": None, "": ""},
        {"share": 0.1, "small": 5e-324, "zero": -0.0, "whole": 12.0, "null": "null"},
        {"list": [1, "a", None, float("nan")], "tuple": (1,), "when": datetime(2026, 1, 1), "id": UUID(int=1)},  # noqa: DTZ001
        {"level": logging.INFO, "colour": Colour.RED, "text": StrEnum("Name", ["A"]).A},  # type: ignore[attr-defined]
    ],
    ids=["plain", "floats", "nested-and-odd", "subclasses"],
)
def test_every_encoder_writes_the_same_bytes(attrs: dict[str, object]) -> None:
    body = lines.body_of(attrs)

    assert body == lines._encoded({name: lines._plain(value) for name, value in attrs.items()})[1:]


def test_a_module_of_the_bot_that_is_called_like_an_encoder_is_not_run(tmp_path: Path) -> None:
    (tmp_path / "orjson.py").write_text("raise SystemExit('the bot sends its messages again')")
    code = "import sys; from botdeck.sdk import lines; assert 'orjson' not in sys.modules; print('fine')"

    environment = {**os.environ, "PYTHONPATH": f"{tmp_path}:{PACKAGE.parent}"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False, cwd=tmp_path
    )

    assert (done.stdout, done.stderr) == ("fine\n", "")


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
