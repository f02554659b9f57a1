"""The demo's parts together: they find each other in any order, and the figures move."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from .irc_world import ROOT, SopelWorld, wait_for

pytestmark = pytest.mark.process


@pytest.fixture
def world() -> Iterator[SopelWorld]:
    world = SopelWorld()
    try:
        yield world
    finally:
        world.close()


def prepare(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "examples/demo/prepare.py"), *words]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_visitor_and_sopel_talk_although_the_server_comes_last(world: SopelWorld) -> None:
    world.start_bot("sopel")
    visitor = world.start_bot("visitor")
    wait_for(lambda: "Waiting for the chat server" in world.output("sopel"), "Sopel to wait")
    world.start_bot("chat-server")

    world.wait_for_events("visitor", "gateway.ready")
    people = world.wait_for_events("sopel", "user.seen")
    assert [person["user.name"] for person in people] == ["visitor"]
    world.wait_for_events("sopel", "command.finished")
    world.wait_for_events("visitor", "message.received")

    visitor.send_signal(signal.SIGTERM)
    assert visitor.wait(10) == 0


def test_sopel_takes_its_leave_and_ends_at_once(world: SopelWorld) -> None:
    world.start_bot("chat-server")
    sopel = world.start_bot("sopel")
    world.wait_for_events("sopel", "gateway.ready")

    sopel.send_signal(signal.SIGTERM)

    assert sopel.wait(8) == 0
    assert world.events("sopel", "gateway.disconnect")


def test_the_chat_server_is_idle_when_nobody_speaks(world: SopelWorld) -> None:
    server = world.start_bot("chat-server")
    wait_for(lambda: "Listening" in world.output("chat-server"), "the chat server")
    world.user("ann"), world.user("bob")

    before = cpu_seconds(server.pid)
    time.sleep(1)

    assert cpu_seconds(server.pid) - before < 0.3


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_the_visitor_comes_back_when_the_server_does(world: SopelWorld) -> None:
    server = world.start_bot("chat-server")
    world.start_bot("visitor")
    world.wait_for_events("visitor", "gateway.ready")
    server.kill()
    server.wait()
    world.wait_for_events("visitor", "gateway.disconnect")

    world.start_bot("chat-server")

    assert len(world.wait_for_events("visitor", "gateway.ready", 2)) == 2


def test_the_bots_are_described_and_sopel_is_the_default(world: SopelWorld) -> None:
    assert [bot.name for bot in world.settings.bots] == ["sopel", "visitor", "chat-server"]
    assert all(bot.description for bot in world.settings.bots)
    assert world.settings.deck.default_bot == "sopel"
    assert {bot.user for bot in world.settings.bots} == {"nobody" if os.geteuid() == 0 else None}


def test_preparing_again_keeps_the_port_and_obeys_the_options(tmp_path: Path) -> None:
    first = prepare("--home", str(tmp_path / "home"), "--port", "4000")
    again = prepare("--home", str(tmp_path / "home"), "--port", "4001", "--without-visitor", "--no-autostart")

    assert first.stdout == again.stdout == f"{tmp_path}/home/botdeck.toml\n"
    text = (tmp_path / "home/botdeck.toml").read_text()
    assert "port = 4001" in text
    assert "visitor" not in text
    assert text.count("autostart = false") == 2
    assert (tmp_path / "home/irc-port").read_text().strip() in text


@pytest.mark.parametrize("trouble", ["open to all", "a link", "a file"])
def test_a_home_that_is_not_ours_alone_is_refused(tmp_path: Path, trouble: str) -> None:
    home = tmp_path / "home"
    if trouble == "open to all":
        home.mkdir()
        home.chmod(0o777)
    elif trouble == "a link":
        home.symlink_to(tmp_path)
    else:
        home.touch()

    refused = prepare("--home", str(home))

    assert refused.returncode == 1
    assert refused.stderr.startswith("The demo cannot be prepared:")
    assert "Traceback" not in refused.stderr
    with contextlib.suppress(NotADirectoryError):
        assert not (home / "botdeck.toml").exists()
