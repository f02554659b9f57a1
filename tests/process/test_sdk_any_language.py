"""What docs/sdk.md and the example promise to bots without a library, run by a real shell."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from botdeck.models import Event
from botdeck.protocol import events
from botdeck.protocol.events import parse_event

pytestmark = pytest.mark.process
ROOT = Path(__file__).parents[2]
DOCS = (ROOT / "docs/sdk.md").read_text()


def run(tmp_path: Path, *command: str, said: str = "") -> tuple[str, list[Event]]:
    file = tmp_path / "events"
    env = {**os.environ, "BOTDECK_EVENTS": str(file), "BOTDECK_RUN": "run-1"}
    done = subprocess.run(command, input=said, env=env, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return done.stdout, [parse_event(line) for line in file.read_bytes().splitlines() if line]


def test_the_shell_lines_of_the_docs_append_an_event(tmp_path: Path) -> None:
    (example,) = re.findall(r"```sh\n(.*?)```", DOCS, re.S)

    _, told = run(tmp_path, "sh", "-c", example)

    assert [(event.event, event.run, event.fields) for event in told] == [
        ("message.received", "run-1", {"user.id": "console:ann"})
    ]


def test_the_example_in_shell_tells_messages_and_commands(tmp_path: Path) -> None:
    said = 'ann !ping\nbob hello "you"\n$(x) !ping\n'

    answers, told = run(tmp_path, "sh", str(ROOT / "examples/no_library_bot.sh"), said=said)

    assert answers == "pong, ann\npong, x\n"
    names = [event.event for event in told]
    assert names[0] == "bot.started"
    assert [names.count(name) for name in ("message.received", "command.started", "command.finished")] == [3, 2, 2]
    assert {event.fields["user.id"] for event in told if event.event == "message.received"} == {
        "console:ann",
        "console:bob",
        "console:x",
    }


def test_the_docs_list_every_event_that_the_deck_and_the_sdk_know() -> None:
    listed = set(re.findall(r"^\| (.*?) \|", DOCS, re.M))
    listed = {name for cell in listed for name in re.findall(r"`([a-z.]+)`", cell)}

    known = {value for name, value in vars(events).items() if name.isupper() and isinstance(value, str)}
    source = "".join(path.read_text() for folder in ("sdk", "integrations") for path in _files(folder))
    emitted = set(re.findall(r"""emit\(\s*"([a-z.]+)\"""", source)) | set(re.findall(r'_append\("([a-z.]+)"', source))
    assert {"message.received", "command.started", "bot.instrumented"} <= emitted
    assert known | emitted <= listed


def _files(folder: str) -> list[Path]:
    return sorted((ROOT / "src/botdeck" / folder).rglob("*.py"))
