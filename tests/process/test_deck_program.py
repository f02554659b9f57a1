"""`python -m botdeck.deck` as a process: how it starts, what it says when it cannot, how it ends."""

import contextlib
import errno
import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from botdeck.deck import server
from botdeck.settings import DeckSettings

pytestmark = pytest.mark.process


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts a deck on tmp_path/botdeck.toml; ends it with the test."""
    started: list[subprocess.Popen[str]] = []

    def start_deck(config: str = "[deck]\nport = 0\n") -> subprocess.Popen[str]:
        path = tmp_path / "botdeck.toml"
        path.write_text(config)
        command = [sys.executable, "-m", "botdeck.deck", "--config", str(path)]
        process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        started.append(process)
        return process

    yield start_deck
    for process in started:
        process.kill()
        process.communicate()


def address_of(tmp_path: Path, process: subprocess.Popen[str]) -> dict[str, object]:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError, ValueError):
            address: dict[str, object] = json.loads((tmp_path / ".botdeck" / "deck.json").read_text())
            if address["pid"] == process.pid:
                return address
        assert process.poll() is None, process.communicate()[1]
        time.sleep(0.02)
    raise AssertionError("the deck did not listen within 20 s")


def said(process: subprocess.Popen[str]) -> tuple[int, list[str]]:
    _, errors = process.communicate(timeout=20)
    return process.returncode, [line for line in errors.splitlines() if " INFO " not in line]


def test_a_deck_says_where_it_is_and_what_the_setup_code_is(
    start: Callable[..., subprocess.Popen[str]], tmp_path: Path
) -> None:
    process = start()

    url = str(address_of(tmp_path, process)["url"])
    with urllib.request.urlopen(f"{url}health") as answer:
        health = json.load(answer)
    began = time.monotonic()
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=20)

    code = (tmp_path / ".botdeck" / "setup-code").read_text().strip()
    assert health["status"] == "ok"
    assert process.returncode == 0
    assert time.monotonic() - began < 10
    assert code in errors
    assert url in errors
    assert "Traceback" not in errors
    assert not (tmp_path / ".botdeck" / "deck.json").exists()
    assert (tmp_path / ".botdeck").stat().st_mode & 0o777 == 0o711


def test_a_port_in_use_is_one_sentence(start: Callable[..., subprocess.Popen[str]]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        code, errors = said(start(f"[deck]\nport = {port}\n"))

    assert code == 1
    assert len(errors) == 1
    assert errors[0].startswith(f"botdeck deck: Another program listens on 127.0.0.1 port {port} already. Stop it, or ")


def test_an_address_that_is_not_ours_is_one_sentence(start: Callable[..., subprocess.Popen[str]]) -> None:
    code, errors = said(start('[deck]\nhost = "192.0.2.1"\nport = 0\n'))

    assert code == 1
    assert len(errors) == 1
    assert errors[0].startswith("botdeck deck: The deck cannot listen on 192.0.2.1 port 0: ")


def test_a_second_deck_on_the_same_data_is_one_sentence_and_leaves_the_first_alone(
    start: Callable[..., subprocess.Popen[str]], tmp_path: Path
) -> None:
    first = start()
    address = address_of(tmp_path, first)

    code, errors = said(start())

    assert code == 1
    assert len(errors) == 1
    data_dir = tmp_path / ".botdeck"
    assert errors[0].startswith(f"botdeck deck: Another deck (pid {first.pid}) has {data_dir} open already. Stop it ")
    assert address_of(tmp_path, first) == address
    with urllib.request.urlopen(f"{address['url']}health") as answer:
        assert json.load(answer)["status"] == "ok"


def test_a_family_of_addresses_that_the_machine_has_not_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_ipv6(*_: object) -> None:
        raise OSError(errno.EAFNOSUPPORT, os.strerror(errno.EAFNOSUPPORT))

    monkeypatch.setattr(server.socket, "socket", no_ipv6)

    with pytest.raises(server.CannotServe) as refused:
        server.listen(DeckSettings(host="::1", port=0))

    assert str(refused.value) == ("The deck cannot listen on ::1 port 0: Address family not supported by protocol.")


def test_a_database_of_a_newer_botdeck_is_one_sentence(
    start: Callable[..., subprocess.Popen[str]], tmp_path: Path
) -> None:
    (tmp_path / ".botdeck").mkdir()
    with contextlib.closing(sqlite3.connect(tmp_path / ".botdeck" / "deck.db")) as database:
        database.execute("PRAGMA user_version = 4711")
        database.commit()

    code, errors = said(start())

    assert code == 1
    assert len(errors) == 1
    assert "newer" in errors[0]


def test_a_broken_configuration_names_file_and_line(
    start: Callable[..., subprocess.Popen[str]], tmp_path: Path
) -> None:
    code, errors = said(start("[deck]\nport = 'x'\n"))

    assert code == 2
    assert errors == [f"botdeck deck: {tmp_path}/botdeck.toml:2: deck.port: port should be a number, not 'x'."]


def test_a_deck_that_was_killed_starts_again_on_the_same_data(
    start: Callable[..., subprocess.Popen[str]], tmp_path: Path
) -> None:
    first = start()
    address_of(tmp_path, first)
    token = (tmp_path / ".botdeck" / "cli-token").read_text()
    os.kill(first.pid, signal.SIGKILL)
    first.communicate()

    second = start()
    url = address_of(tmp_path, second)["url"]
    request = urllib.request.Request(f"{url}api/bots", headers={"Authorization": f"Bearer {token.strip()}"})

    with urllib.request.urlopen(request) as answer:
        assert json.load(answer) == {"default_bot": None, "bots": []}


def test_a_database_with_damaged_pages_is_one_sentence(
    start: Callable[..., subprocess.Popen[str]], tmp_path: Path
) -> None:
    process = start()
    address_of(tmp_path, process)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=20)
    path = tmp_path / ".botdeck" / "deck.db"
    whole = path.read_bytes()
    path.write_bytes(whole[:4096] + b"\xa5" * (len(whole) - 4096))

    again = start()
    _, errors = again.communicate(timeout=20)

    assert again.returncode == 1
    assert str(path) in errors
    assert "Traceback" not in errors
