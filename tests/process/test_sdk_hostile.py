"""The event file in hostile surroundings: the bot never notices, and what was lost is told when it can be."""

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from .test_sdk_processes import SOURCE, environment, python, read

pytestmark = pytest.mark.process


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """256 KiB that are really full when they are full."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", folder], check=False, capture_output=True
    )
    if mounted.returncode:
        pytest.skip("a small disk takes the right to mount one")
    yield folder
    subprocess.run(["umount", folder], check=True)


def test_a_disk_that_fills_up_and_is_cleared_loses_what_is_counted(small_disk: Path) -> None:
    code = """
import os, botdeck
for n in range(3000): botdeck.emit("x", n=n, pad="p" * 200)
os.unlink("ballast")
for n in range(3000, 3010): botdeck.emit("x", n=n)
print("fine")
"""
    (small_disk / "ballast").write_bytes(b"b" * 100_000)
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=environment(small_disk / "events"),
        cwd=small_disk,
        capture_output=True,
        check=True,
    )

    assert (done.stdout, done.stderr) == (b"fine\n", b"")
    whole = []
    torn = 0
    for line in (small_disk / "events").read_bytes().split(b"\n"):
        try:
            whole += [json.loads(line)] if line else []
        except ValueError:
            torn += 1
    told = [event["n"] for event in whole if event["event"] == "x"]
    dropped = sum(event["count"] for event in whole if event["event"] == "telemetry.dropped")
    assert told[-10:] == list(range(3000, 3010))
    assert len(told) + dropped == 3010
    assert dropped > 1000
    assert torn <= 1


def test_a_folder_that_vanishes_and_comes_back_under_a_running_bot(tmp_path: Path) -> None:
    """What goes into a file that somebody deleted is gone with it, as ever."""
    events = tmp_path / "gone" / "events"
    code = """
import os, shutil, botdeck
botdeck.emit("lost")
os.mkdir(os.path.dirname(os.environ["BOTDECK_EVENTS"]))
botdeck.emit("kept")
shutil.rmtree(os.path.dirname(os.environ["BOTDECK_EVENTS"]))
botdeck.emit("into nothing")
print("fine")
"""
    done = python(code, environment(events))

    assert (done.stdout, done.stderr) == ("fine\n", "")


def test_hundreds_of_forked_workers_lose_and_tear_nothing(tmp_path: Path) -> None:
    code = """
import os, botdeck
botdeck.emit("before")
pids = []
for worker in range(300):
    pid = os.fork()
    if pid == 0:
        for n in range(20): botdeck.emit("x", worker=worker, n=n, pad="p" * (worker * 31 % 3000))
        os._exit(0)
    pids.append(pid)
assert all(os.waitpid(pid, 0)[1] == 0 for pid in pids)
"""
    python(code, environment(tmp_path / "events"))

    told = [event for event in read(tmp_path / "events") if event["event"] == "x"]
    assert Counter(event["worker"] for event in told) == dict.fromkeys(range(300), 20)
    assert all(event["seq"] == event["n"] + 1 for event in told)


def test_the_interpreters_last_moments_are_told_and_harm_nobody(tmp_path: Path) -> None:
    code = """
import atexit, threading, time, botdeck
class Late:
    def __del__(self): botdeck.emit("in the ruins"); botdeck.error(ValueError("late")); botdeck.heartbeat()
late = Late()
atexit.register(lambda: botdeck.emit("at exit"))
def busy():
    while True: botdeck.emit("busy"); time.sleep(0.0001)
threading.Thread(target=busy, daemon=True).start()
time.sleep(0.05)
print("fine")
"""
    done = python(code, environment(tmp_path / "events"))

    assert (done.stdout, done.stderr) == ("fine\n", "")
    assert "at exit" in [event["event"] for event in read(tmp_path / "events")]


def test_a_library_whose_hook_has_moved_is_told_and_the_bot_goes_on(tmp_path: Path) -> None:
    """A package called `irc` as it may look in some years: nothing that the adapter wraps is where it was."""
    library = tmp_path / "irc"
    library.mkdir()
    (library / "__init__.py").write_text("")
    (library / "bot.py").write_text("class SingleServerIRCBot:\n    def start(self): print('working')\n")
    code = """
import botdeck
from irc.bot import SingleServerIRCBot
bot = SingleServerIRCBot()
assert botdeck.instrument(bot) is bot
bot.start()
"""
    env = environment(tmp_path / "events", PYTHONPATH=os.pathsep.join([str(tmp_path), str(SOURCE)]))
    done = python(code, env)

    assert (done.stdout, done.stderr) == ("working\n", "")
    assert "telemetry.error" in [event["event"] for event in read(tmp_path / "events")]
