"""A bot that runs elsewhere, on its page: a process with the SDK, which only knows the deck's address and its token."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urljoin

import pytest
from playwright.sync_api import Page, expect

from .harness import Botdeck

DashboardOpener = Callable[..., Page]
SCREENSHOTS = Path(__file__).parents[2] / "test-results"
BOT = """
import logging, sys
import botdeck

logging.getLogger().addHandler(botdeck.BotdeckHandler())
botdeck.heartbeat(connected=True)
for line in sys.stdin:
    word, _, rest = line.strip().partition(" ")
    if word == "hear":
        with botdeck.command("ping", user_id="x:" + rest):
            botdeck.emit("message.received", **{"user.id": "x:" + rest, "chat.platform": "x"})
        botdeck.emit("message.sent", **{"chat.platform": "x"})
    elif word == "log":
        logging.warning(rest)
    else:
        botdeck.heartbeat(connected=word == "connected")
    print(botdeck.flush(10), flush=True)
"""


class FarBot:
    def __init__(self, botdeck: Botdeck) -> None:
        made = json.loads(botdeck.cli("token", "far", "--json").stdout)
        clean = {name: value for name, value in os.environ.items() if not name.startswith("BOTDECK_")}
        env = {
            **clean,
            "BOTDECK_URL": made["url"],
            "BOTDECK_TOKEN": made["token"],
            "BOTDECK_SPOOL": str(botdeck.home / "spool"),
        }
        self.process = subprocess.Popen(
            [sys.executable, "-c", BOT], env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def tell(self, words: str) -> None:
        """Returns when the deck has what came of it."""
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(f"{words}\n")
        self.process.stdin.flush()
        assert self.process.stdout.readline() == "True\n"


@pytest.fixture
def far_bot(botdeck: Botdeck) -> Iterator[FarBot]:
    bot = FarBot(botdeck)
    yield bot
    bot.process.kill()
    bot.process.communicate()


def test_a_bot_that_runs_elsewhere_is_live_on_its_page_and_offers_no_buttons(
    botdeck: Botdeck, dashboard: DashboardOpener, far_bot: FarBot
) -> None:
    page = dashboard()
    page.goto(urljoin(botdeck.url, "bots/far"))
    for person in ("ann", "bob", "ann"):
        far_bot.tell(f"hear {person}")
    far_bot.tell("log the queue grows")

    expect(page.get_by_test_id("state")).to_have_text("Running")
    expect(page.get_by_test_id("messages-today")).to_have_attribute("data-value", "3")
    expect(page.get_by_test_id("messages-sent-today")).to_have_attribute("data-value", "3")
    expect(page.get_by_test_id("total-users")).to_have_text("2")
    expect(page.get_by_test_id("uptime")).to_have_text("0h 0m")
    expect(page.get_by_test_id("log-line")).to_contain_text("the queue grows")
    expect(page.get_by_text("runs elsewhere", exact=True)).to_be_visible()
    expect(page.get_by_role("button", name="Restart")).to_have_count(0)
    expect(page.get_by_test_id("run")).to_have_count(1)
    SCREENSHOTS.mkdir(exist_ok=True)
    page.screenshot(path=SCREENSHOTS / "elsewhere.png")

    far_bot.tell("disconnected")
    expect(page.get_by_test_id("state")).to_have_text("Unhealthy")
    expect(page.get_by_test_id("reason")).to_have_text("It says that it is not connected to its platform.")
    page.screenshot(path=SCREENSHOTS / "elsewhere-unhealthy.png")
    botdeck.cli("token", "--revoke", "far")
    expect(page.get_by_role("heading", name="No bot named “far”")).to_be_visible()
