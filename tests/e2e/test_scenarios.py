"""What a person does with the dashboard, on the real chat server, the real bot and a real browser."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from .harness import Botdeck, Wire, wait_for

DashboardOpener = Callable[..., Page]


def number(page: Page, card: str) -> float:
    return float(page.get_by_test_id(card).get_attribute("data-value") or "nan")


def expect_number(page: Page, card: str, value: float, timeout_s: float = 10) -> None:
    expect(page.get_by_test_id(card)).to_have_attribute("data-value", f"{value:g}", timeout=timeout_s * 1000)


def start(page: Page) -> None:
    page.get_by_role("button", name="Start", exact=True).click()
    expect(page.get_by_test_id("state")).to_have_text("Running")


@pytest.mark.timeout(180)
def test_first_start_shows_running_and_an_uptime_that_ticks_by_itself(dashboard: DashboardOpener) -> None:
    page = dashboard()
    expect(page.get_by_test_id("state")).to_have_text("Stopped")

    start(page)

    expect(page.get_by_test_id("uptime")).to_have_text("0h 0m")
    expect(page.get_by_test_id("uptime")).to_have_text("0h 1m", timeout=75_000)
    expect(page.get_by_test_id("state")).to_have_text("Running")


def test_two_browsers_see_the_same_change(dashboard: DashboardOpener) -> None:
    one, two = dashboard(), dashboard()

    start(one)

    expect(two.get_by_test_id("state")).to_have_text("Running")
    expect(two.get_by_test_id("uptime")).to_have_text("0h 0m")
    assert abs(number(one, "uptime") - number(two, "uptime")) < 2


def test_stop_resets_uptime_and_shows_stopped(botdeck: Botdeck, dashboard: DashboardOpener) -> None:
    page = dashboard()
    start(page)

    page.get_by_role("button", name="Stop", exact=True).click()

    expect(page.get_by_test_id("state")).to_have_text("Stopped")
    expect(page.get_by_test_id("uptime")).not_to_contain_text("h")
    assert botdeck.status()["pid"] is None
    assert botdeck.status()["wanted"] == "stopped"


def test_restart_gives_a_new_process_and_uptime_begins_anew(botdeck: Botdeck, dashboard: DashboardOpener) -> None:
    page = dashboard()
    start(page)
    before = botdeck.status()

    page.get_by_role("button", name="Restart", exact=True).click()

    def restarted() -> dict[str, Any] | None:
        now = botdeck.status()
        return now if now["state"] == "running" and now["pid"] != before["pid"] else None

    after = wait_for(restarted, "a new process")
    assert after is not None
    assert after["restarts"] == 0, "an operator's restart is not a crash"
    wait_for(lambda: number(page, "uptime") <= after["uptime_s"] + 5, "the page to show the new uptime")


@pytest.mark.timeout(180)
def test_a_cut_socket_is_told_polled_over_and_mended(botdeck: Botdeck, dashboard: DashboardOpener) -> None:
    wire = Wire(botdeck.url)
    try:
        page = dashboard(wire.url)
        start(page)
        bob = botdeck.chat_user("bob")
        botdeck.wait_for_sopel(bob)

        wire.cut()
        expect(page.get_by_test_id("connection-banner")).to_be_visible(timeout=5_000)
        bob.say("is anybody there?")

        expect_number(page, "messages-today", 1, timeout_s=15)
        expect(page.get_by_test_id("connection-banner")).to_be_visible()

        wire.mend()
        # The longer it was away, the longer it may wait: at most 30 s.
        expect(page.get_by_test_id("connection-banner")).to_be_hidden(timeout=40_000)
        bob.say("there you are")
        expect_number(page, "messages-today", 2, timeout_s=3)
    finally:
        wire.close()


def test_the_socket_comes_back_within_three_seconds_of_a_short_cut(
    botdeck: Botdeck, dashboard: DashboardOpener
) -> None:
    wire = Wire(botdeck.url)
    try:
        page = dashboard(wire.url)
        page.evaluate("window.sockets = []")
        with page.expect_websocket(timeout=3_500):
            wire.cut()
            wire.mend()
        expect(page.get_by_test_id("connection-banner")).to_be_hidden()
    finally:
        wire.close()


def test_uptime_goes_on_over_a_page_refresh(botdeck: Botdeck, dashboard: DashboardOpener) -> None:
    page = dashboard()
    start(page)
    wait_for(lambda: number(page, "uptime") >= 3, "three seconds of uptime")
    before = number(page, "uptime")

    page.reload()

    expect(page.get_by_test_id("state")).to_have_text("Running")
    wait_for(lambda: number(page, "uptime") >= before, "an uptime that went on")
    assert number(page, "uptime") == pytest.approx(botdeck.status()["uptime_s"], abs=2)
    went_on = number(page, "uptime")
    wait_for(lambda: number(page, "uptime") > went_on, "an uptime that ticks")


TICKER = """
[bots.ticker]
command = ["/usr/bin/env", "bash", "-c", "n=0; while :; do n=$((n+1)); echo tick $n; sleep 0.02; done"]
"""


@pytest.mark.timeout(180)
def test_a_killed_deck_is_not_noticed_by_bots_and_nothing_is_lost_or_doubled(
    dashboard: DashboardOpener, botdeck: Botdeck
) -> None:
    with botdeck.config.open("a") as file:
        file.write(TICKER)
    botdeck.down()
    botdeck.up()
    page = dashboard()
    start(page)
    bob = botdeck.chat_user("bob")
    botdeck.wait_for_sopel(bob)
    for n in range(10):
        bob.say(f"before {n}")
    expect_number(page, "messages-today", 10)
    before, ticker_before = botdeck.status(), botdeck.status("ticker")

    for kill in range(3):
        old = botdeck.deck["pid"]
        botdeck.kill_deck()
        for n in range(10):
            bob.say(f"while it is dead {kill} {n}")
        wait_for(lambda old=old: _deck_pid(botdeck) not in (None, old), "the deck to be started again")
        expect_number(page, "messages-today", 10 * (kill + 2), timeout_s=20)

    after, ticker_after = botdeck.status(), botdeck.status("ticker")
    assert after["pid"] == before["pid"], "the bot is the same process"
    assert ticker_after["pid"] == ticker_before["pid"]
    assert after["uptime_s"] > before["uptime_s"]
    assert number(page, "uptime") >= before["uptime_s"]
    expect(page.get_by_test_id("connection-banner")).to_be_hidden(timeout=40_000)
    botdeck.cli("stop", "ticker")
    ticks = _all_ticks(botdeck)
    assert ticks == list(range(1, len(ticks) + 1)), "every line once and in order"
    assert len(ticks) > 50
    assert botdeck.stats()["messages_today"] == 40


def _deck_pid(botdeck: Botdeck) -> int | None:
    try:
        pid = int(botdeck.deck["pid"])
        botdeck.api("health")
    except (OSError, ValueError):
        return None
    return pid


def _all_ticks(botdeck: Botdeck) -> list[int]:
    ticks: list[int] = []
    after = 0
    while True:
        page = botdeck.api(f"api/bots/ticker/logs?after={after}&limit=1000")
        ticks += [int(m[1]) for line in page["lines"] if (m := re.fullmatch(r"tick (\d+)", line["text"]))]
        if not page["more"]:
            return ticks
        after = page["lines"][-1]["id"]
