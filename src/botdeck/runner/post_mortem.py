"""What a run left behind, read from the ends of its files when it is over: frozen into its record, so that it is there
when somebody asks a week later, whatever became of the lines."""

import json
import os
from collections import deque
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

from botdeck.errors import ProtocolError
from botdeck.models import Event, LastCommand, PostMortem
from botdeck.protocol import events as names
from botdeck.runner.run_dir import RunDirectory

LAST_LINES = 200
LAST_COMMANDS = 20
READ_BYTES = 256 * 1024
"""From the end of each file: as much as the runner leaves there when it gives space back."""
MOST_CHARACTERS = 1000
"""Of one line."""
MOST_ENCODED = 200_000
"""Of all lines of one kind, as JSON: the record has to fit into a frame."""


def freeze(run: RunDirectory) -> PostMortem:
    """Raises nothing: what cannot be read is not there. Reads a little and parses it, so it is called in a thread."""
    said = _events(run.events.path)
    return PostMortem(
        last_output=_short(_lines(run.out.path)),
        last_log=_short(line for event in said if event.event == names.LOG for line in _body(event)),
        last_commands=_commands(said),
        memory=run.memory.points(),
    )


def _lines(path: Path) -> list[str]:
    """As a terminal would show them: what a carriage return wrote over is gone."""
    text = _end_of(path).decode("utf-8", "replace")
    return [line.rstrip("\r").rpartition("\r")[2] for line in text.removesuffix("\n").split("\n") if line]


def _end_of(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            begin = max(0, size - READ_BYTES)
            # One byte more tells whether the first line is whole.
            file.seek(max(0, begin - 1))
            end = file.read(READ_BYTES + 1)
    except OSError:
        return b""
    if begin:
        end = end.partition(b"\n")[2] or end[1:]
    # Zeros are space that was given back, or what was truncated under a writer that did not append.
    return end.lstrip(b"\0")


def _short(lines: Iterable[str]) -> list[str]:
    """The last of them, each cut, and all of them together."""
    kept: deque[str] = deque()
    left = MOST_ENCODED
    for line in reversed(deque(lines, LAST_LINES)):
        cut = names.whole(line[:MOST_CHARACTERS])
        left -= len(json.dumps(cut))
        if left < 0:
            break
        kept.appendleft(cut)
    return list(kept)


def _events(path: Path) -> list[Event]:
    events = []
    for line in _end_of(path).split(b"\n"):
        # Only these are asked for, and parsing is the costly part.
        if b'"command.' in line or b'"log"' in line:
            try:
                events.append(names.parse_event(line))
            except ProtocolError:
                continue
    return events


def _body(event: Event) -> list[str]:
    level = event.fields.get("severity_text")
    body = str(event.fields.get("body", "")).rstrip("\n")
    trace = str(event.fields.get("exception.stacktrace", "")).rstrip("\n")
    first, *rest = [*body.split("\n"), *(trace.split("\n") if trace else [])]
    return [f"{level} {first}" if level else first, *rest]


def _commands(events: Iterable[Event]) -> list[LastCommand]:
    found: dict[str, LastCommand] = {}
    for event in events:
        key = str(event.fields.get("id"))
        if event.event == names.COMMAND_STARTED:
            found[key] = _command(event, started_at=event.time)
        elif event.event == names.COMMAND_FINISHED:
            begun = found.get(key)
            found[key] = _command(event, started_at=begun.started_at if begun else event.time, begun=begun)
    return list(found.values())[-LAST_COMMANDS:]


def _command(event: Event, *, started_at: datetime, begun: LastCommand | None = None) -> LastCommand:
    fields = event.fields
    duration = fields.get("duration_ms")
    return LastCommand(
        name=str(fields.get("command.name") or (begun.name if begun else "?"))[:200],
        user=str(fields["user.id"])[:200] if "user.id" in fields else (begun.user if begun else None),
        started_at=started_at,
        duration_ms=float(duration) if isinstance(duration, int | float) else None,
        outcome=str(fields["outcome"])[:50] if "outcome" in fields else None,
    )
