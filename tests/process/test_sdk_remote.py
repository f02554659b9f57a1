"""Bots elsewhere as real processes: short lives, forks, kills, a deck that never answers, a disk that is full."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from ..ingest_server import IngestServer, Refusal

pytestmark = pytest.mark.process
SOURCE = Path(__file__).parents[2] / "src"


@pytest.fixture
def server() -> Iterator[IngestServer]:
    with IngestServer() as server:
        yield server


def environment(url: str, spool: Path, **more: str) -> dict[str, str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("BOTDECK_", "PYTHON"))}
    ours = {"BOTDECK_URL": url, "BOTDECK_TOKEN": "token", "BOTDECK_SPOOL": str(spool), "BOTDECK_BOT": "greeter"}
    return {**clean, **ours, "PYTHONPATH": str(SOURCE), **more}


def python(code: str, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True, timeout=60)


def kept(spool: Path) -> int:
    return sum(path.read_bytes().count(b"\n") for path in spool.rglob("*.ndjson"))


def away(lines: list[bytes]) -> Refusal:
    return 503, {}, b""


EMIT = "import botdeck\nfor n in range(1500): botdeck.emit('x', n=n)\nprint('fine')"


def test_a_bot_of_one_second_is_told_in_full(server: IngestServer, tmp_path: Path) -> None:
    done = python(EMIT, environment(server.url, tmp_path))

    assert (done.stdout, done.stderr) == ("fine\n", "")
    assert [event["n"] for event in server.events if event["event"] == "x"] == list(range(1500))
    assert kept(tmp_path) == 0


def test_what_the_deck_did_not_take_is_told_by_the_next_run(server: IngestServer, tmp_path: Path) -> None:
    server.answer = away
    python(EMIT, environment(server.url, tmp_path, BOTDECK_RUN="before"))
    assert kept(tmp_path) == 1501
    server.answer = lambda lines: None

    python(EMIT, environment(server.url, tmp_path, BOTDECK_RUN="after"))

    assert Counter(event["run"] for event in server.events) == {"before": 1501, "after": 1501}
    assert [event["run"] for event in server.events] == sorted((e["run"] for e in server.events), reverse=True)
    assert kept(tmp_path) == 0


def test_the_end_of_a_bot_waits_two_seconds_at_most_for_a_deck_that_never_answers(tmp_path: Path) -> None:
    """How long it took is not asserted: less than the request's own patience of 10 s shows that it was given up."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(5)
        began = time.monotonic()

        done = python(EMIT, environment(f"http://127.0.0.1:{silent.getsockname()[1]}", tmp_path))

        took_s = time.monotonic() - began
    assert (done.stdout, done.stderr) == ("fine\n", "")
    assert took_s < 9
    assert kept(tmp_path) == 1501


def test_a_deck_that_never_answers_and_a_full_disk_do_not_hold_the_bot_either(tmp_path: Path) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(5)
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"

        done = python(EMIT.replace("1500", "30000"), environment(url, Path("/dev/full")))

    assert (done.stdout, done.stderr) == ("fine\n", "")


def test_each_of_hundreds_of_forked_workers_is_a_run_of_its_own(server: IngestServer, tmp_path: Path) -> None:
    code = """
import os, sys, botdeck
botdeck.emit("before")
pids = []
for n in range(200):
    pid = os.fork()
    if pid == 0:
        if n % 2: botdeck.emit("worker", n=n)
        botdeck.flush(20)
        os._exit(0)
    pids.append(pid)
    if len(pids) == 20: assert all(os.waitpid(pid, 0)[1] == 0 for pid in pids); pids.clear()
botdeck.emit("after")
"""
    python(code, environment(server.url, tmp_path, BOTDECK_RUN="r"))

    workers = [event for event in server.events if event["event"] == "worker"]
    assert sorted(event["n"] for event in workers) == list(range(1, 200, 2))
    assert len({event["run"] for event in workers}) == 100
    assert all(event["run"].startswith("r-") and event["seq"] == 2 for event in workers)
    assert [event["event"] for event in server.events if event["run"] == "r"] == ["bot.started", "before", "after"]
    assert kept(tmp_path) == 0


def test_what_was_flushed_outlives_a_kill(server: IngestServer, tmp_path: Path) -> None:
    server.answer = away
    code = "import botdeck, os\nbotdeck.emit('x'); assert botdeck.flush(20); os.kill(os.getpid(), 9)"
    done = subprocess.run([sys.executable, "-c", code], env=environment(server.url, tmp_path), check=False, timeout=60)

    assert done.returncode == -signal.SIGKILL
    assert kept(tmp_path) == 2


def test_events_of_the_interpreters_last_moments_are_kept(server: IngestServer, tmp_path: Path) -> None:
    """Handlers that were registered before Botdeck's own run after it."""
    code = """
import atexit
atexit.register(lambda: botdeck.emit("very last"))
import botdeck
botdeck.emit("first")
class Late:
    def __del__(self): botdeck.emit("in the ruins")
late = Late()
"""
    done = python(code, environment(server.url, tmp_path))

    lines = [line for path in tmp_path.rglob("*.ndjson") for line in path.read_text().splitlines()]
    kept_events = [json.loads(line)["event"] for line in lines]
    assert done.stderr == ""
    assert [event["event"] for event in server.events] == ["bot.started", "first"]
    assert "very last" in kept_events


def test_the_bots_signal_handlers_and_exit_code_are_its_own(server: IngestServer, tmp_path: Path) -> None:
    code = """
import signal, sys, botdeck
before = [signal.getsignal(n) for n in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)]
botdeck.emit("x")
assert [signal.getsignal(n) for n in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)] == before
sys.exit(7)
"""
    done = subprocess.run([sys.executable, "-c", code], env=environment(server.url, tmp_path), check=False, timeout=60)

    assert done.returncode == 7
    assert [event["event"] for event in server.events] == ["bot.started", "x"]


def test_a_wrong_setting_is_one_line_on_stderr(tmp_path: Path) -> None:
    done = python(EMIT, environment("deck.example.org", tmp_path))

    assert done.stdout == "fine\n"
    assert done.stderr.count("\n") == 1
    assert "BOTDECK_URL should be the deck's address" in done.stderr
