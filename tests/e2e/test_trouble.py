"""A bot in trouble says on its page what is so and what comes next; a run that is over, what it died of."""

import json
import re
import sys
from collections.abc import Callable

from playwright.sync_api import Page, expect

from .harness import Botdeck, wait_for

DashboardOpener = Callable[..., Page]

BROKEN = """
[bots.broken]
command = ["sh", "-c", "echo no database; exit 3"]
start_budget = 6
"""

GREEDY_BOT = """\
import sys, time, botdeck
kept = []
with botdeck.command("weather", user_id="console:ann"):
    pass
for _ in range(12):
    kept.append(b"x" * 4_000_000)
    time.sleep(1)
botdeck.command("forecast", user_id="console:bob").__enter__()
sys.exit("out of <b>ideas</b>")
"""
"""Lives for two samples of its memory, so that there is a curve."""


def add(botdeck: Botdeck, table: str) -> None:
    with botdeck.config.open("a") as file:
        file.write(table)
    botdeck.cli("reload", check=False)  # tells, too, that a new bot does not stay up


def test_a_crash_loop_counts_down_to_the_next_try_until_its_budget_is_spent(
    botdeck: Botdeck, dashboard: DashboardOpener
) -> None:
    add(botdeck, BROKEN)
    page = dashboard()

    page.goto(botdeck.url + "bots/broken")

    expect(page.get_by_test_id("state")).to_have_text("Crash loop", timeout=30_000)
    expect(page.get_by_test_id("reason")).to_contain_text("exited with code 3")
    expect(page.get_by_test_id("next")).to_have_text(re.compile(r"^Next try in \d+ s\.$"))
    left = _seconds_left(page)
    wait_for(lambda: _seconds_left(page) < left, "a countdown that goes down")
    expect(page.get_by_test_id("starts")).to_have_text("5 of 6")
    expect(page.get_by_test_id("crashes")).to_have_text("5")

    expect(page.get_by_test_id("state")).to_have_text("Failed", timeout=30_000)
    expect(page.get_by_test_id("reason")).to_contain_text("start budget is spent: 6 starts")
    expect(page.get_by_test_id("starts")).to_have_text("6 of 6")
    expect(page.get_by_role("button", name="Start", exact=True)).to_be_enabled()


def _seconds_left(page: Page) -> int:
    """0 once nothing is counted down any more."""
    told = page.get_by_test_id("next").text_content() or ""
    return int(match[1]) if (match := re.search(r"(\d+) s", told)) else 0


def test_a_run_that_is_over_shows_its_last_words_commands_and_memory(
    botdeck: Botdeck, dashboard: DashboardOpener
) -> None:
    bot = botdeck.home / "greedy.py"
    bot.write_text(GREEDY_BOT)
    add(botdeck, f'\n[bots.greedy]\ncommand = {json.dumps([sys.executable, str(bot)])}\nrestart = "never"\n')
    page = dashboard()
    page.goto(botdeck.url + "bots/greedy")
    expect(page.get_by_test_id("state")).to_have_text("Exited", timeout=40_000)

    page.get_by_test_id("run").first.click()

    expect(page.get_by_test_id("end")).to_have_text(re.compile("^Exited with code 1"))
    expect(page.get_by_role("log", name="Last output")).to_have_text("out of <b>ideas</b>")
    expect(page.get_by_role("row", name=re.compile(r"weather console:ann .* ok$"))).to_be_visible()
    expect(page.get_by_role("row", name=re.compile(r"forecast console:bob .* not finished$"))).to_be_visible()
    curve = page.get_by_role("slider", name="Memory over the run")
    curve.press("Home")
    first = _megabytes(curve.get_attribute("aria-valuetext"))
    curve.press("End")
    last = _megabytes(curve.get_attribute("aria-valuetext"))
    assert first + 15 < last < 200, "as it grew"
    run = botdeck.api(f"api/bots/greedy/runs/{botdeck.status('greedy')['run']}")
    assert last == round(run["post_mortem"]["memory"][-1]["bytes"] / 1e6, 1)


def _megabytes(told: str | None) -> float:
    assert told is not None
    return float(told.partition(" MB after ")[0])
