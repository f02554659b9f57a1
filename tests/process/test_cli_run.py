"""`botdeck run`: from a folder with a bot in it to a bot that runs and is watched, without a terminal."""

import fcntl
import json
import os
import signal
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from botdeck.cli.stack import up_pid

pytestmark = pytest.mark.process

PYTHON = [sys.executable, "-I", "-S"]
BOT = """
import os, sys, time
print("hello from", os.getcwd(), os.environ.get("TOKEN", "without a token"), flush=True)
time.sleep(600)
"""
ENDS = 'import sys; print("no luck today", flush=True); sys.exit(3)'
SLEEPS = ["sleep", "600"]


class Place:
    """A folder with bots in it, and the command line there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.data_dir = folder / ".botdeck"
        self.config = folder / "botdeck.toml"
        self.running: list[subprocess.Popen[str]] = []
        self.script("greeter.py", BOT)

    def script(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text)

    def say(self, *words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "botdeck.cli", *words]
        return subprocess.run(command, cwd=self.folder, capture_output=True, text=True, check=False, timeout=60)

    def run(self, *words: str, cwd: Path | None = None) -> subprocess.Popen[str]:
        """`botdeck run WORDS`, which goes on until it is interrupted."""
        process = subprocess.Popen(
            [sys.executable, "-m", "botdeck.cli", "run", *words], cwd=cwd or self.folder, text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )  # fmt: skip
        self.running.append(process)
        return process

    def watch(self, *words: str, until: str, cwd: Path | None = None) -> str:
        """What `botdeck run WORDS` prints up to that, and after a Ctrl-C."""
        process = self.run(*words, cwd=cwd)
        said = read_until(process, until)
        process.send_signal(signal.SIGINT)
        rest, errors = process.communicate(timeout=60)
        assert process.returncode == 0, said + rest + errors
        return said + rest

    def bots(self) -> dict[str, dict[str, Any]]:
        return {bot["bot"]: bot for bot in json.loads(self.say("ps", "--json").stdout)}

    def tables(self) -> dict[str, dict[str, Any]]:
        return dict(tomllib.loads(self.config.read_text())["bots"])

    def until(self, so: Callable[[], object]) -> None:
        deadline = time.monotonic() + 20
        while not so():
            assert time.monotonic() < deadline, "waited in vain"
            time.sleep(0.05)

    def close(self) -> None:
        for process in self.running:
            if process.poll() is None:
                process.kill()
            process.communicate()
        if self.config.exists():
            self.say("down")


def read_until(process: subprocess.Popen[str], text: str) -> str:
    assert process.stdout is not None
    said = ""
    for line in process.stdout:
        said += line
        if text in line:
            return said
    assert process.stderr is not None
    raise AssertionError(f"{text!r} was not said, but: {said}{process.stderr.read()}")


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    """Without a botdeck.toml."""
    place = Place(tmp_path)
    yield place
    place.close()


@pytest.fixture
def up(place: Place) -> Place:
    """With another bot that runs already."""
    place.config.write_text(f"# mine\n[deck]\nport = 0\n\n[bots.other]\ncommand = {json.dumps(SLEEPS)}\n")
    assert place.say("up", "-d").returncode == 0
    return place


def test_one_command_in_a_folder_with_a_bot_is_all_that_is_needed(place: Place) -> None:
    (place.folder / ".env").write_text("TOKEN=t0ken\n")

    said = place.watch("--", *PYTHON, "greeter.py", until="hello from")

    assert place.tables() == {"greeter": {"command": [*PYTHON, "greeter.py"], "env_file": ".env"}}
    assert f"greeter was added to {place.config}." in said
    assert "/bots/greeter\n" in said
    assert (place.data_dir / "setup-code").read_text().strip() in said
    assert f"hello from {place.folder} t0ken\n" in said
    assert said.endswith("greeter goes on. Its output: botdeck logs -f greeter. To end it: botdeck stop greeter\n")
    assert place.bots()["greeter"]["state"] == "running"


def test_said_again_it_is_the_same_bot_and_its_lines_so_far(place: Place) -> None:
    place.watch("--", *PYTHON, "greeter.py", until="hello from")
    before, text = place.bots()["greeter"]["pid"], place.config.read_text()

    said = place.watch("--", *PYTHON, "greeter.py", until="hello from")

    assert "was added" not in said
    assert place.bots()["greeter"]["pid"] == before
    assert place.config.read_text() == text


def test_a_bot_that_joins_others_touches_none_of_them(up: Place) -> None:
    before, text = up.bots()["other"], up.config.read_text()
    folder = up.folder / "sub"
    folder.mkdir()
    (folder / "main.py").write_text(BOT)

    said = up.watch("--", *PYTHON, "main.py", until="hello from", cwd=folder)

    after = up.bots()
    assert f"hello from {folder} without a token\n" in said
    assert up.config.read_text().startswith(text)
    assert up.tables()["sub"] == {"command": [*PYTHON, "main.py"], "cwd": "sub"}
    assert (after["other"]["pid"], after["other"]["run"]) == (before["pid"], before["run"])
    assert after["sub"]["state"] == "running"


def test_a_bot_that_was_stopped_is_started(place: Place) -> None:
    place.watch("--", *PYTHON, "greeter.py", until="hello from")
    place.say("stop", "greeter")
    assert place.bots()["greeter"]["state"] == "stopped"

    place.watch("--", *PYTHON, "greeter.py", until="hello from")

    assert place.bots()["greeter"]["state"] == "running"


def test_a_bot_that_was_stopped_is_started_together_with_the_deck(place: Place) -> None:
    place.watch("--", *PYTHON, "greeter.py", until="hello from")
    place.say("stop", "greeter")
    place.say("down")

    place.watch("--", *PYTHON, "greeter.py", until="hello from")

    assert place.bots()["greeter"]["state"] == "running"


def test_a_bot_that_had_failed_is_started_once_it_is_put_right(up: Place) -> None:
    (up.folder / "bot").write_text("#!/not/there\n")
    (up.folder / "bot").chmod(0o755)
    failed = up.say("run", "--name", "late", "./bot")
    (up.folder / "bot").write_text("#!/bin/sh\necho here now; exec sleep 600\n")

    up.watch("--name", "late", "./bot", until="here now")

    assert failed.returncode == 1
    assert "the interpreter its first line names does not" in failed.stdout
    assert "late is failed now" in failed.stdout
    assert up.bots()["late"]["state"] == "running"


def test_a_bot_that_ends_at_once_is_told_as_why_tells_it(up: Place) -> None:
    ended = up.say("run", "--name", "unlucky", "--", *PYTHON, "-c", ENDS)

    first = json.loads(up.say("runs", "unlucky", "--json").stdout)[-1]["id"]
    why = up.say("why", "unlucky", first).stdout
    assert ended.returncode == 1
    assert "unlucky exited with code 3\n" in why
    assert "no luck today" in why
    assert why in ended.stdout
    assert "to end that: botdeck stop unlucky\n" in ended.stdout
    assert ended.stderr == ""


def test_an_end_while_it_is_watched_is_told(up: Place) -> None:
    process = up.run("--", *PYTHON, "greeter.py")
    read_until(process, "hello from")

    os.kill(up.bots()["greeter"]["pid"], signal.SIGKILL)
    read_until(process, "hello from")
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)

    assert process.returncode == 0
    assert "botdeck: greeter is " in errors
    assert "ended by SIGKILL after" in errors


def test_a_name_that_another_bot_has_is_refused_with_what_to_do(up: Place) -> None:
    text = up.config.read_text()

    refused = up.say("run", "--name", "other", "--", *PYTHON, "greeter.py")

    assert refused.returncode == 1
    assert f"has a [bots.other] already, which runs another command: {' '.join(SLEEPS)}." in refused.stderr
    assert "`botdeck start other`" in refused.stderr
    assert "botdeck run --name NAME -- " in refused.stderr
    assert up.config.read_text() == text


def test_a_name_that_a_bot_elsewhere_has_is_refused(up: Place) -> None:
    assert up.say("token", "greeter").returncode == 0
    up.until(lambda: "greeter" in up.bots())
    text = up.config.read_text()

    refused = up.say("run", "--", *PYTHON, "greeter.py")

    assert refused.returncode == 1
    assert "The deck has a greeter already: it runs elsewhere" in refused.stderr
    assert up.config.read_text() == text


def test_changes_of_other_bots_are_not_applied_by_the_way(up: Place) -> None:
    before = up.bots()["other"]["pid"]
    text = up.config.read_text().replace("600", "601")
    up.config.write_text(text)

    refused = up.say("run", "--", *PYTHON, "greeter.py")

    assert refused.returncode == 1
    assert "differs from what the runner runs in: other. Say `botdeck reload` first" in refused.stderr
    assert up.config.read_text() == text
    assert up.bots()["other"]["pid"] == before


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--", "no-such-program", "bot.py"], "'no-such-program' is no program here or on your PATH."),
        (["--", "./greeter.py"], "'./greeter.py' is no program that you may run; chmod +x may help."),
        (["--name", "my bot!", "--", "sleep", "9"], "No bot can be called 'my bot!'. Say letters"),
        (["--name", "all", "--", "sleep", "9"], "No bot can be called 'all'."),
        (["--config", "nowhere/botdeck.toml", "sleep", "9"], "There is no folder "),
    ],
)
def test_what_cannot_be_run_is_said_and_nothing_is_made(place: Place, words: list[str], sentence: str) -> None:
    refused = place.say("run", *words)

    assert refused.returncode == 1
    assert sentence in refused.stderr
    assert "Traceback" not in refused.stderr
    assert [path.name for path in place.folder.iterdir()] == ["greeter.py"]


def test_a_configuration_that_cannot_be_read_is_left_as_it_is(place: Place) -> None:
    place.config.write_text("[bots.greeter\n")

    refused = place.say("run", "--", *PYTHON, "greeter.py")

    assert refused.returncode == 2
    assert f"{place.config}:1: this is not TOML" in refused.stderr
    assert place.config.read_text() == "[bots.greeter\n"


def test_several_at_the_same_time_in_a_new_folder_all_get_their_bot(place: Place) -> None:
    names = ["one", "two", "three"]

    processes = [place.run("--name", name, "--", *PYTHON, "greeter.py") for name in names]
    for process in processes:
        read_until(process, "hello from")

    assert sorted(place.tables()) == sorted(names)
    assert {name: bot["state"] for name, bot in place.bots().items()} == dict.fromkeys(names, "running")


def test_a_ctrl_c_before_the_bot_is_seen_to_run_does_not_say_that_it_runs(up: Place) -> None:
    """The one that waits for the folder has not got as far."""
    folder = os.open(up.folder, os.O_RDONLY)
    fcntl.flock(folder, fcntl.LOCK_EX)
    process = up.run("--", *PYTHON, "greeter.py")
    open_files = Path(f"/proc/{process.pid}/fd")
    up.until(lambda: str(up.folder.resolve()) in [os.path.realpath(file) for file in open_files.iterdir()])

    process.send_signal(signal.SIGINT)
    said, errors = process.communicate(timeout=60)
    os.close(folder)

    assert (process.returncode, errors) == (1, "")
    assert said.endswith("Interrupted before the bot was seen to run. What is so: botdeck ps\n")
    assert list(up.tables()) == ["other"]


def test_what_runs_outlives_the_one_who_ran_it(place: Place) -> None:
    process = place.run("--", *PYTHON, "greeter.py")
    read_until(process, "hello from")

    process.kill()
    process.wait(20)

    assert up_pid(place.data_dir) is not None
    assert place.bots()["greeter"]["state"] == "running"


def test_a_deck_that_is_away_for_a_moment_ends_no_watching(place: Place) -> None:
    process = place.run("--", *PYTHON, "greeter.py")
    read_until(process, "hello from")

    place.say("down", "--keep-bots")
    place.say("up", "-d")
    place.until(lambda: place.bots()["greeter"]["state"] == "running")
    os.kill(place.bots()["greeter"]["pid"], signal.SIGKILL)

    read_until(process, "hello from")
