"""Another host, with a runner and bots of its own: invited, seen, lost and removed in the browser."""

import contextlib
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from .harness import Botdeck, wait_for

DashboardOpener = Callable[..., Page]

CONFIG = """
[bots.far]
command = ["sh", "-c", "echo far away; exec sleep 1000"]
"""


class OtherHost:
    """What a person does in the shell of another machine."""

    def __init__(self, home: Path) -> None:
        self._config = home / "botdeck.toml"
        self._config.write_text(CONFIG)
        self.runner: subprocess.Popen[bytes] | None = None
        self.bots: list[int] = []
        """Processes that outlive a runner which is killed."""

    def run(self, command: str) -> None:
        words = shlex.split(command)
        assert words[0] == "botdeck"
        done = subprocess.run(self._command(*words[1:]), capture_output=True, text=True, check=False, timeout=40)
        assert done.returncode == 0, done.stdout + done.stderr

    def begin(self) -> None:
        self.runner = subprocess.Popen(self._command("runner"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def end(self, how: signal.Signals) -> None:
        if self.runner is not None:
            self.runner.send_signal(how)
            self.runner.wait(40)
            self.runner = None

    def _command(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "botdeck.cli", *words, "--config", str(self._config)]


@pytest.fixture
def other_host(tmp_path: Path) -> Iterator[OtherHost]:
    host = OtherHost(tmp_path)
    yield host
    host.end(signal.SIGINT)
    for pid in host.bots:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def test_another_host_is_invited_seen_lost_and_removed(
    botdeck: Botdeck, dashboard: DashboardOpener, other_host: OtherHost
) -> None:
    page = dashboard()
    page.get_by_role("link", name="Hosts").click()
    page.get_by_role("button", name="Invite a host").click()
    page.get_by_label("Name").fill("cellar")
    page.get_by_role("button", name="Make command").click()
    command = page.get_by_test_id("join-command").text_content()
    assert command is not None
    page.get_by_role("button", name="Done").click()

    other_host.run(command)
    other_host.begin()

    card = page.get_by_test_id("host").filter(has=page.get_by_role("heading", name="cellar"))
    expect(card).to_contain_text("Connected since", timeout=20_000)
    expect(card).to_contain_text("joined by invitation")
    expect(card.get_by_role("meter", name="Memory")).to_be_visible(timeout=20_000)
    page.get_by_role("navigation", name="Bots").get_by_role("link", name="far").click()
    expect(page.get_by_test_id("state")).to_have_text("Running")
    expect(page.get_by_text("on cellar")).to_be_visible()
    expect(page.get_by_test_id("log-text")).to_have_text("far away")
    pid = botdeck.status("far")["pid"]
    other_host.bots.append(pid)

    other_host.end(signal.SIGKILL)

    expect(page.get_by_test_id("state")).to_have_text("Unknown", timeout=20_000)
    expect(page.get_by_test_id("reason")).to_contain_text("No contact with host cellar")
    os.kill(pid, 0)
    page.get_by_role("link", name="Hosts").click()
    expect(card).to_contain_text("No contact")
    card.get_by_role("button", name="Remove host cellar").click()
    page.get_by_role("button", name="Remove host", exact=True).click()
    expect(card).to_be_hidden()
    wait_for(lambda: len(botdeck.api("api/runners")) == 1, "the deck to forget the host")
