"""The command line, as its user meets it, on bots of a few lines of shell."""

import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from botdeck.cli.stack import up_pid
from botdeck.data_dir import running_deck

pytestmark = pytest.mark.process

CONFIG = """
[deck]
port = 0

[bots.clock]
command = ["sh", "-c", "while :; do date; sleep 0.1; done"]
"""


class Place:
    """A folder with a botdeck.toml."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.data_dir = folder / ".botdeck"
        (folder / "botdeck.toml").write_text(CONFIG)

    def say(self, *words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "botdeck.cli", *words]
        return subprocess.run(command, cwd=self.folder, capture_output=True, text=True, check=False, timeout=60)

    def wait_for(self, what: Callable[[], object], timeout_s: float = 20.0) -> None:
        deadline = time.monotonic() + timeout_s
        while not what():
            assert time.monotonic() < deadline, "waited in vain"
            time.sleep(0.02)

    def pid(self) -> int | None:
        rows = json.loads(self.say("ps", "--json").stdout)
        pid: int | None = rows[0]["pid"]
        return pid


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    place = Place(tmp_path)
    yield place
    place.say("down")


def test_up_in_the_background_tells_the_setup_code_to_nobody_else(place: Place) -> None:
    said = place.say("up", "-d")

    assert said.returncode == 0, said.stderr
    code = (place.data_dir / "setup-code").read_text().strip()
    assert code in said.stdout
    readable = [
        path
        for path in place.data_dir.iterdir()
        if path.is_file() and stat.S_IMODE(path.stat().st_mode) & 0o044 and code in path.read_text(errors="ignore")
    ]
    assert readable == []


def test_up_beside_a_deck_that_runs_alone_is_refused_and_leaves_it_alone(place: Place) -> None:
    alone = subprocess.Popen([sys.executable, "-m", "botdeck.cli", "deck"], cwd=place.folder, stderr=subprocess.DEVNULL)
    try:
        place.wait_for(lambda: running_deck(place.data_dir))

        refused = place.say("up")

        assert refused.returncode == 1
        assert str(alone.pid) in refused.stderr
        assert "Traceback" not in refused.stderr
        assert place.say("ps").returncode == 0
    finally:
        alone.send_signal(signal.SIGTERM)
        alone.wait(20)


def test_a_killed_up_leaves_the_bots_to_the_next_one(place: Place) -> None:
    place.say("up", "-d")
    before = place.pid()
    up, deck = up_pid(place.data_dir), running_deck(place.data_dir)
    assert up is not None
    assert deck is not None

    os.kill(up, signal.SIGKILL)
    place.wait_for(lambda: running_deck(place.data_dir) is None)
    again = place.say("up", "-d")

    assert again.returncode == 0, again.stderr
    assert place.pid() == before


def test_a_program_that_dies_is_started_again(place: Place) -> None:
    place.say("up", "-d")
    before, deck = place.pid(), running_deck(place.data_dir)
    assert deck is not None

    os.kill(deck.pid, signal.SIGKILL)

    place.wait_for(lambda: (now := running_deck(place.data_dir)) is not None and now.pid != deck.pid)
    place.wait_for(lambda: place.say("ps").returncode == 0 and place.pid() is not None)
    assert place.pid() == before


def test_a_copy_of_a_folder_orders_nothing_of_the_deck_it_was_copied_from(place: Place, tmp_path: Path) -> None:
    place.say("up", "-d")
    before = place.pid()
    (tmp_path / "copy").mkdir()
    copy = Place(tmp_path / "copy")
    shutil.copytree(place.data_dir, copy.data_dir)
    try:
        stopped, up = copy.say("stop", "all"), copy.say("up", "-d")

        assert stopped.returncode == 1
        assert "No deck runs" in stopped.stderr
        original = running_deck(place.data_dir)
        assert original is not None
        assert original.url not in up.stdout
        assert copy.pid() not in (None, before)
        assert place.pid() == before
    finally:
        copy.say("down")


def test_a_bot_that_is_long_not_ready_keeps_nobody_waiting_for_the_address(place: Place) -> None:
    slow = '[bots.slow]\ncommand = "sleep 1000"\nready = "sdk"\nready_timeout_s = 500\n'
    (place.folder / "botdeck.toml").write_text(CONFIG + slow)

    up = place.say("up", "-d")

    assert up.returncode == 0, up.stderr
    assert [bot["state"] for bot in json.loads(place.say("ps", "--json").stdout)] == ["running", "starting"]


def test_without_a_configuration_it_says_what_to_do(tmp_path: Path) -> None:
    place = Place(tmp_path)
    (tmp_path / "botdeck.toml").unlink()

    refused = place.say("ps")

    assert refused.returncode == 2
    assert "[bots.NAME]" in refused.stderr


def test_control_characters_in_output_do_not_reach_the_terminal(place: Place) -> None:
    (place.folder / "botdeck.toml").write_text(
        '[deck]\nport = 0\n[bots.loud]\nrestart = "never"\n'
        r"""command = ['printf', 'red \033[31m bell \007 turn \342\200\256 done\n']"""
    )
    place.say("up", "-d")
    place.wait_for(lambda: "done" in place.say("logs", "loud").stdout)

    said = place.say("logs", "loud").stdout

    assert r"\x1b[31m" in said
    assert not set(said) & {"\x1b", "\x07", "\u202e"}


def test_logs_follow_what_a_bot_writes(place: Place) -> None:
    place.say("up", "-d")
    command = [sys.executable, "-m", "botdeck.cli", "logs", "-f", "--json", "clock"]
    with subprocess.Popen(command, cwd=place.folder, stdout=subprocess.PIPE, text=True) as following:
        assert following.stdout is not None
        ids = [json.loads(following.stdout.readline())["id"] for _ in range(150)]
        following.send_signal(signal.SIGINT)
        following.communicate(timeout=20)

    assert following.returncode == 0
    assert ids == list(range(ids[0], ids[0] + 150)), "no line twice, none left out"


def test_a_start_that_fails_at_once_is_told_with_its_reason(place: Place) -> None:
    (place.folder / "botdeck.toml").write_text(
        '[deck]\nport = 0\n[bots.bare]\ncommand = "true"\nenv_file = "missing.env"\nautostart = false\n'
    )
    place.say("up", "-d")

    refused = place.say("start", "bare")

    assert refused.returncode == 1
    assert "bare is failed" in refused.stderr
    assert "missing.env" in refused.stderr
    assert json.loads(place.say("ps", "--json").stdout)[0]["state"] == "failed"


def test_who_broke_the_configuration_can_still_see_and_stop_bots(place: Place) -> None:
    place.say("up", "-d")
    (place.folder / "botdeck.toml").write_text(CONFIG + "[bots.new\n")

    shown = place.say("ps", "--json")
    ended = place.say("down")

    assert "botdeck.toml:7: this is not TOML" in shown.stderr
    assert json.loads(shown.stdout)[0]["state"] == "running"
    assert "Botdeck is down." in ended.stdout
    assert up_pid(place.data_dir) is None


def test_a_fault_of_up_itself_stops_no_bot(place: Place) -> None:
    place.say("up", "-d")
    before = place.pid()
    place.say("down", "--keep-bots")
    faulty = (
        "from pathlib import Path; from botdeck.cli.stack import Stack; from botdeck.settings import load_settings\n"
        "with Stack(load_settings(Path('botdeck.toml'))) as stack: stack.run(lambda url: 1 / 0)"
    )

    failed = subprocess.run(
        [sys.executable, "-c", faulty], cwd=place.folder, capture_output=True, text=True, check=False, timeout=60
    )
    place.say("up", "-d")

    assert "ZeroDivisionError" in failed.stderr
    assert place.pid() == before
