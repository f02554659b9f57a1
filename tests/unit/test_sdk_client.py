"""Stamping, numbering, counting what was lost, and never troubling the bot."""

import json
import os
import resource
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import botdeck
from botdeck.sdk import client as sdk
from botdeck.sdk.client import Client, guard
from botdeck.sdk.writer import FileWriter


class Recorder:
    """A writer into memory that fails when told to."""

    def __init__(self) -> None:
        self.lines: list[dict[str, Any]] = []
        self.broken = False

    def write(self, line: bytes) -> None:
        if self.broken:
            raise OSError("no space")
        self.lines.append(json.loads(line))

    @property
    def names(self) -> list[str]:
        return [line["event"] for line in self.lines]


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    recorder = Recorder()
    sdk.use(Client(recorder, run="r1", bot="greeter"))
    yield recorder
    sdk.use(None)


def read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_bytes().splitlines() if line]


def test_the_first_event_follows_who_is_speaking(recorder: Recorder) -> None:
    botdeck.emit("message.received", **{"user.id": "irc:x/ann"})

    assert recorder.names == ["bot.started", "message.received"]
    started = recorder.lines[0]
    assert started["service.name"] == "greeter"
    assert started["process.pid"] == os.getpid()
    assert started["telemetry.sdk.version"] == botdeck.__version__


def test_sequence_numbers_start_at_one_and_have_no_gap(recorder: Recorder) -> None:
    for _ in range(5):
        botdeck.emit("x")

    assert [line["seq"] for line in recorder.lines] == [1, 2, 3, 4, 5, 6]


def test_without_configuration_nothing_happens(tmp_path: Path) -> None:
    sdk.use(None)

    botdeck.emit("x")
    botdeck.error(ValueError("x"))
    with botdeck.command("ping"):
        pass

    assert botdeck.instrument("not a bot") == "not a bot"
    assert botdeck.flush(1)


def test_what_could_not_be_written_is_counted_and_told_when_it_works_again(recorder: Recorder) -> None:
    botdeck.emit("before")
    recorder.broken = True
    for _ in range(3):
        botdeck.emit("lost")
    recorder.broken = False
    botdeck.emit("after")
    botdeck.emit("later")

    assert recorder.names == ["bot.started", "before", "telemetry.dropped", "after", "later"]
    assert recorder.lines[2]["count"] == 3


def test_an_error_carries_the_exception_and_the_place(recorder: Recorder) -> None:
    botdeck.error(ValueError("no such city"), where="forecast")

    event = recorder.lines[-1]
    assert (event["event"], event["where"]) == ("error", "forecast")
    assert (event["exception.type"], event["exception.message"]) == ("ValueError", "no such city")


def test_a_fault_of_an_observer_is_told_and_goes_no_further(recorder: Recorder) -> None:
    @guard
    def observer() -> None:
        raise KeyError("gone")

    observer()

    assert recorder.names == ["bot.started", "telemetry.error"]
    assert recorder.lines[-1]["exception.type"] == "KeyError"


def test_an_object_of_an_unknown_library_is_returned_and_told(recorder: Recorder) -> None:
    bot = object()

    assert botdeck.instrument(bot) is bot

    assert recorder.lines[-1]["event"] == "telemetry.error"
    assert "no adapter for builtins.object" in recorder.lines[-1]["exception.message"]


def test_a_signal_handler_may_emit_while_its_thread_does(recorder: Recorder) -> None:
    client = sdk.current()
    assert client is not None

    with client._lock:
        botdeck.emit("from within")

    assert recorder.names[-1] == "from within"


def test_threads_write_whole_lines_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    path = tmp_path / "events"
    client = Client(FileWriter(str(path)), run="r")
    threads = [
        threading.Thread(target=lambda: [client.emit("x", {"pad": "p" * (n * 7 % 900)}) for n in range(300)])
        for _ in range(4)
    ]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [event["seq"] for event in read(path)] == list(range(1, 1202))


def test_a_full_disk_does_not_reach_the_bot() -> None:
    client = Client(FileWriter("/dev/full"), run="r")

    for _ in range(100):
        client.emit("x", {})

    assert client._dropped >= 100


def test_a_folder_that_appears_later_is_used_from_then_on(tmp_path: Path) -> None:
    path = tmp_path / "not-yet" / "events"
    client = Client(FileWriter(str(path)), run="r")
    client.emit("lost", {})
    path.parent.mkdir()

    client.emit("kept", {})

    assert [(event["event"], event.get("count")) for event in read(path)] == [
        ("telemetry.dropped", 2),  # bot.started and lost
        ("kept", None),
    ]


def test_a_torn_line_does_not_damage_its_neighbour(tmp_path: Path) -> None:
    path = tmp_path / "events"
    client = Client(FileWriter(str(path)), run="r")
    client.emit("whole", {})
    full = path.stat().st_size + 30
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)

    resource.setrlimit(resource.RLIMIT_FSIZE, (full, hard))  # the next write is cut after 30 bytes
    try:
        client.emit("torn", {"pad": "p" * 100})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    client.emit("after", {})

    lines = [line for line in path.read_bytes().splitlines() if line]
    assert lines[2].startswith(b'{"v":1')
    assert not lines[2].endswith(b"}")
    rest = [json.loads(line) for line in lines[3:]]
    assert [(event["event"], event.get("count")) for event in rest] == [("telemetry.dropped", 1), ("after", None)]


@pytest.mark.parametrize("limit", [4096, 1024, 256, 20])
def test_files_of_a_bot_that_closed_all_descriptors_stay_its_own(tmp_path: Path, limit: int) -> None:
    code = f"""
import os, resource
resource.setrlimit(resource.RLIMIT_NOFILE, ({limit}, {limit}))
import botdeck
botdeck.emit("before")
os.closerange(3, {limit})  # as a bot does that turns itself into a daemon
diaries = [os.open("diary", os.O_WRONLY | os.O_CREAT) for _ in range({min(limit - 10, 500)})]
botdeck.emit("after")
"""
    environment = {**os.environ, "BOTDECK_EVENTS": "events", "PYTHONPATH": str(Path(botdeck.__file__).parents[1])}
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environment, check=True)

    assert (tmp_path / "diary").read_bytes() == b""
    assert [event["event"] for event in read(tmp_path / "events")] == ["bot.started", "before", "after"]


def test_a_relative_path_is_kept_when_the_bot_changes_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    client = Client(FileWriter("events"), run="r")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")

    client.emit("x", {})

    assert [event["event"] for event in read(tmp_path / "events")] == ["bot.started", "x"]
