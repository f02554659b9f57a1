"""`botdeck import`, as its user meets it."""

import stat
import subprocess
import sys
from pathlib import Path

import pytest

from botdeck.settings import load_settings

pytestmark = pytest.mark.process

PROCFILE = "clock: while :; do date; sleep 0.1; done\nsecret: TOKEN=swordfish exec sleep 600\n"


def say(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "botdeck.cli", *words]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=60)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "Procfile").write_text(PROCFILE)
    (tmp_path / "Procfile").chmod(0o640)
    return tmp_path


def test_importing_makes_a_file_that_starts_nothing_and_says_what_comes_next(folder: Path) -> None:
    said = say(folder, "import", "Procfile")

    assert said.returncode == 0, said.stderr
    bots = load_settings(folder / "botdeck.toml").bots
    assert [(bot.name, bot.autostart) for bot in bots] == [("clock", False), ("secret", False)]
    assert bots[1].env["TOKEN"] == "swordfish"
    assert stat.S_IMODE((folder / "botdeck.toml").stat().st_mode) == 0o640
    assert "[bots.clock]" in said.stdout
    assert "swordfish" not in said.stdout + said.stderr
    assert "Procfile:1: clock: its command is several for a shell" in said.stderr
    assert "1. End the old: end foreman or honcho" in said.stdout
    assert "2. botdeck up -d" in said.stdout
    assert "3. botdeck start clock secret" in said.stdout


def test_a_dry_run_prints_what_would_be_added_and_writes_nothing(folder: Path) -> None:
    said = say(folder, "import", "--dry-run", "Procfile")

    (folder / "pasted.toml").write_text(said.stdout)
    assert said.returncode == 0
    assert [bot.name for bot in load_settings(folder / "pasted.toml").bots] == ["clock", "secret"]
    assert not (folder / "botdeck.toml").exists()


def test_importing_the_same_twice_is_refused_and_changes_nothing(folder: Path) -> None:
    say(folder, "import", "Procfile")
    before = (folder / "botdeck.toml").read_text()

    said = say(folder, "import", "Procfile")

    assert said.returncode == 1
    assert "has a [bots.clock] already" in said.stderr
    assert "Nothing was written" in said.stderr
    assert (folder / "botdeck.toml").read_text() == before


def test_variables_in_a_file_that_more_people_can_read_are_told_of(folder: Path) -> None:
    (folder / "botdeck.toml").touch()
    (folder / "botdeck.toml").chmod(0o644)

    said = say(folder, "import", "Procfile")

    assert f"chmod 600 {folder / 'botdeck.toml'}" in said.stderr


def test_a_broken_botdeck_toml_is_not_appended_to(folder: Path) -> None:
    (folder / "botdeck.toml").write_text("[bots.x\n")

    said = say(folder, "import", "Procfile")

    assert said.returncode == 2
    assert "botdeck.toml:1: this is not TOML" in said.stderr
    assert (folder / "botdeck.toml").read_text() == "[bots.x\n"


def test_an_imported_bot_runs_once_it_is_started_and_then_at_each_up(folder: Path) -> None:
    (folder / "botdeck.toml").write_text("[deck]\nport = 0\n")
    say(folder, "import", "Procfile")
    try:
        up = say(folder, "up", "-d")
        before = say(folder, "ps").stdout
        started = say(folder, "start", "clock")
        say(folder, "down")
        say(folder, "up", "-d")
        after = say(folder, "ps").stdout
    finally:
        say(folder, "down")

    assert up.returncode == 0, up.stderr
    assert before.count("stopped") == 2
    assert "clock is running" in started.stdout
    assert after.count("running") == 1
    assert after.count("stopped") == 1
