"""What `botdeck run` calls a bot, and which program it writes down."""

import contextlib
import os
import shlex
import shutil
import socket
import sys
from pathlib import Path

import pytest

from botdeck.cli.registering import RunRefused, Wish, add, known_bot, name_for
from botdeck.settings import DeckSettings, load_settings


def wish(cwd: Path, *command: str, name: str | None = None) -> Wish:
    return Wish(command, command, cwd, name)


@pytest.mark.parametrize(
    ("command", "name"),
    [
        ("python greeter.py", "greeter"),
        ("python -u -X dev bots/greeter.py --config x.toml", "greeter"),
        ("python -m news_bot --verbose", "news_bot"),
        ("node lib/greeter.js", "greeter"),
        ("./greeter --loud", "greeter"),
        ("python bot.py", "My-Folder"),
        ("python -m bot", "My-Folder"),
        ("npm start", "My-Folder"),
        ("/usr/bin/node .", "My-Folder"),
        ("python 'the greeter!.py'", "the-greeter"),
    ],
)
def test_a_bot_is_called_after_its_script_or_where_that_says_nothing_after_its_folder(command: str, name: str) -> None:
    assert name_for(wish(Path("/srv/My Folder"), *shlex.split(command))) == name


def test_a_name_that_was_said_is_the_name() -> None:
    assert name_for(wish(Path("/srv"), "python", "greeter.py", name="news")) == "news"


def test_what_only_this_shell_finds_is_written_with_its_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "venv").mkdir()
    (tmp_path / "venv/python").symlink_to(sys.executable)
    monkeypatch.setenv("PATH", f"{tmp_path / 'venv'}:{os.environ['PATH']}")

    of_shell, of_system = (Wish.of([word, "bot.py"], tmp_path, None).command for word in ("python", "sh"))

    assert of_shell == (str(tmp_path / "venv/python"), "bot.py")
    assert os.path.dirname(shutil.which("sh") or "") in ("/bin", "/usr/bin")
    assert of_system == ("sh", "bot.py")


def test_the_same_command_in_the_same_folder_is_found_under_any_name(tmp_path: Path) -> None:
    there = add(tmp_path / "botdeck.toml", wish(tmp_path, "python", "bot.py", name="greeter"))

    again = known_bot(there, wish(tmp_path, "python", "bot.py"))
    elsewhere = known_bot(there, wish(tmp_path / "sub", "python", "bot.py"))

    assert again == there.bots[0]
    assert again.name == "greeter"
    assert elsewhere is None


def test_the_same_command_in_another_folder_is_another_bot(tmp_path: Path) -> None:
    there = add(tmp_path / "botdeck.toml", wish(tmp_path / "a", "python", "bot.py", name="greeter"))

    with pytest.raises(RunRefused, match=f"python bot.py in {tmp_path / 'a'}"):
        known_bot(there, wish(tmp_path / "b", "python", "bot.py", name="greeter"))


def test_a_new_file_takes_another_port_when_the_usual_one_is_taken(tmp_path: Path) -> None:
    path = tmp_path / "botdeck.toml"
    with socket.socket() as other:
        with contextlib.suppress(OSError):  # somebody else has it, which is as good
            other.bind((DeckSettings.host, DeckSettings.port))
            other.listen()
        add(path, wish(tmp_path, "python", "greeter.py"))

    assert load_settings(path).deck.port not in (0, DeckSettings.port)
    assert load_settings(path).bots[0].name == "greeter"
