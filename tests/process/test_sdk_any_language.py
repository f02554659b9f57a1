"""What docs/sdk.md and the examples promise to bots in any language, run by a real shell, Node and C compiler."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from botdeck.models import Event
from botdeck.protocol import events
from botdeck.protocol.events import parse_event

pytestmark = pytest.mark.process
ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
NODE, CC = shutil.which("node"), shutil.which("gcc")
needs_node = pytest.mark.skipif(NODE is None, reason="needs Node")
needs_gcc = pytest.mark.skipif(CC is None, reason="needs gcc")
DOCS = (ROOT / "docs/sdk.md").read_text()
ANY_LANGUAGE = DOCS.partition("\n## From any language\n")[2].partition("\n## ")[0]


def run(tmp_path: Path, *command: str, said: str = "", **env: str) -> tuple[str, list[Event]]:
    file = tmp_path / "events"
    env = {**os.environ, "BOTDECK_EVENTS": str(file), "BOTDECK_RUN": "run-1", **env}
    done = subprocess.run(command, input=said, env=env, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return done.stdout, [parse_event(line) for line in file.read_bytes().splitlines() if line]


def test_the_shell_lines_of_the_docs_append_an_event(tmp_path: Path) -> None:
    (example,) = re.findall(r"```sh\n(.*?)```", ANY_LANGUAGE, re.S)

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


@needs_node
def test_the_lines_for_node_in_the_docs_append_an_event(tmp_path: Path) -> None:
    (example,) = re.findall(r"```js\n(.*?)```", ANY_LANGUAGE, re.S)

    _, told = run(tmp_path, str(NODE), "--input-type=module", "-e", example)

    assert [(event.event, event.run, event.fields) for event in told] == [
        ("message.received", "run-1", {"user.id": "console:ann"})
    ]


@needs_node
def test_the_example_for_node_tells_messages_commands_and_failures(tmp_path: Path) -> None:
    said = 'ann !ping\nbob hello "you"\nann !boom\n'

    answers, told = run(tmp_path, str(NODE), str(EXAMPLES / "no_library_bot.mjs"), said=said)

    assert answers == "pong, ann\n"
    assert [event.event for event in told] == [
        *("bot.started", "message.received", "command.started", "message.sent", "command.finished"),
        *("message.received", "message.received", "command.started", "command.finished"),
    ]
    assert users(told) == ["console:ann", "console:bob", "console:ann"]
    assert ends(told) == [("1", "ping", "ok", None), ("3", "boom", "error", "RangeError")]


@needs_node
def test_the_example_for_node_goes_on_when_nothing_can_be_written(tmp_path: Path) -> None:
    env = {**os.environ, "BOTDECK_EVENTS": "/dev/full", "BOTDECK_RUN": "run-1"}
    command = [str(NODE), str(EXAMPLES / "no_library_bot.mjs")]

    done = subprocess.run(command, input="ann !ping\n", env=env, capture_output=True, text=True, check=True)

    assert (done.stdout, done.stderr) == ("pong, ann\n", "")


@pytest.fixture
def c_bot(tmp_path: Path) -> str:
    """As its first lines say to make it, without a warning."""
    program = tmp_path / "no_library_bot"
    source = EXAMPLES / "no_library_bot.c"
    subprocess.run([str(CC), "-Wall", "-Wextra", "-Werror", "-o", str(program), str(source)], check=True)
    return str(program)


@needs_gcc
def test_the_example_in_c_tells_messages_and_commands(tmp_path: Path, c_bot: str) -> None:
    said = 'ann !ping\n"b\\ob\x01 hello\nann\n' + "x" * 100 + " !ping\n"

    answers, told = run(tmp_path, c_bot, said=said)

    assert answers == f"pong, ann\npong, {'x' * 100}\n"
    command = ("message.received", "command.started", "message.sent", "command.finished")
    assert [event.event for event in told] == [
        "bot.started", *command, "message.received", "message.received", *command
    ]  # fmt: skip
    assert users(told) == ["console:ann", "console:bob", "console:ann", f"console:{'x' * 100}"]
    assert ends(told) == [("1", "ping", "ok", None), ("4", "ping", "ok", None)]
    assert [event.time for event in told] == sorted(event.time for event in told)


@needs_gcc
def test_lines_of_many_processes_in_c_do_not_mix(tmp_path: Path, c_bot: str) -> None:
    together = f"for n in 1 2 3 4 5 6 7 8; do yes 'ann !ping' | head -n 500 | {shlex.quote(c_bot)} & done; wait"

    _, told = run(tmp_path, "sh", "-c", together)

    names = [event.event for event in told]
    assert {name: names.count(name) for name in set(names)} == {
        "bot.started": 8,
        **dict.fromkeys(["message.received", "command.started", "message.sent", "command.finished"], 4000),
    }


@pytest.fixture
def model() -> Iterator[str]:
    """Address of the stand-in for a model."""
    command = [sys.executable, str(EXAMPLES / "stand_in_for_a_model.py"), "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        yield server.stdout.readline().strip()
        server.kill()


def test_the_example_with_a_language_model_tells_each_call(tmp_path: Path, model: str) -> None:
    said = "ann !ask how are you\nbob hello\nann !ask overload\n"

    answers, told = run(tmp_path, sys.executable, str(EXAMPLES / "llm_bot.py"), said=said, MODEL_URL=model)

    assert answers == "ann: you are how\nann: the model does not answer just now.\n"
    good, bad = (dict(event.fields) for event in told if event.event == "llm.call")
    asked = {"gen_ai.operation.name": "chat", "gen_ai.provider.name": "stand-in", "gen_ai.request.model": "stand-in-1"}
    took = [good.pop("duration_ms"), bad.pop("duration_ms")]
    assert all(duration > 0 for duration in took)
    assert good == {
        **asked,
        "gen_ai.response.id": "stand-in-1",
        "gen_ai.response.model": "stand-in-1",
        "gen_ai.response.finish_reasons": ["stop"],
        "gen_ai.usage.input_tokens": 3,
        "gen_ai.usage.output_tokens": 3,
    }
    assert bad == {
        **asked, "exception.type": "HTTPError", "exception.message": "HTTP Error 503: Service Unavailable"
    }  # fmt: skip
    assert [(name, outcome) for _, name, outcome, _ in ends(told)] == [("ask", "ok"), ("ask", "error")]


@needs_node
@needs_gcc
def test_a_deck_counts_what_bots_in_any_language_tell(tmp_path: Path, c_bot: str, model: str) -> None:
    said = "ann !ping\nbob !ask me\nann hello\n"
    bots = {
        "shell": ["sh", str(EXAMPLES / "no_library_bot.sh")],
        "node": [str(NODE), str(EXAMPLES / "no_library_bot.mjs")],
        "c": [c_bot],
        "llm": [sys.executable, str(EXAMPLES / "llm_bot.py")],
    }
    tables = [
        f"[bots.{name}]\nrestart = 'never'\nenv.MODEL_URL = {json.dumps(model)}\ncommand = "
        + json.dumps(["sh", "-c", f"printf %s {shlex.quote(said)} | {shlex.join(command)}"])
        for name, command in bots.items()
    ]
    (tmp_path / "botdeck.toml").write_text("\n".join(["[deck]", "port = 0", *tables]))

    def say(*words: str) -> str:
        command = [sys.executable, "-m", "botdeck.cli", *words]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True, timeout=60).stdout

    say("up", "-d")
    try:
        expected = dict.fromkeys(bots, (3, 1, 2))
        deadline = time.monotonic() + 20
        while (counted := _counted(say("ps", "--json"))) != expected and time.monotonic() < deadline:
            time.sleep(0.1)
        logs = {name: say("logs", name) for name in bots}
    finally:
        say("down")

    assert counted == expected
    assert all("pong, ann" in logs[name] for name in ("shell", "node", "c"))
    assert "bob: me" in logs["llm"]


def _counted(listed: str) -> dict[str, tuple[int, int, int]]:
    """Messages in, out, and users."""
    stats = {bot["bot"]: bot["stats"] for bot in json.loads(listed)}
    return {
        name: (one["messages_today"], one["messages_sent_today"], one["total_users"]) for name, one in stats.items()
    }


def users(told: list[Event]) -> list[str]:
    return [event.fields["user.id"] for event in told if event.event == "message.received"]


def ends(told: list[Event]) -> list[tuple[str, str, str, str | None]]:
    """Of commands: id, name, outcome, exception."""
    fields = [event.fields for event in told if event.event == "command.finished"]
    assert all(one["duration_ms"] >= 0 for one in fields)
    return [(one["id"], one["command.name"], one["outcome"], one.get("exception.type")) for one in fields]


def test_the_examples_are_named_where_they_are_explained() -> None:
    shown = set(re.findall(r"`examples/([\w.]+)`", DOCS))

    assert shown == {path.name for path in EXAMPLES.iterdir() if path.is_file()}


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
