"""How a run ended can be read in the browser, at an address that can be sent; and other hosts can be invited there."""

import os
import re
import signal
from collections.abc import Callable

from playwright.sync_api import ConsoleMessage, Page, expect

from .harness import Botdeck, wait_for
from .test_scenarios import start

DashboardOpener = Callable[..., Page]


def test_a_run_that_ended_is_a_line_that_leads_to_a_page_of_its_own(
    botdeck: Botdeck, dashboard: DashboardOpener
) -> None:
    page = dashboard()
    start(page)
    run = botdeck.status()["run"]

    os.kill(botdeck.status()["pid"], signal.SIGKILL)
    row = page.get_by_test_id("run").filter(has_text="SIGKILL")
    expect(row).to_have_count(1, timeout=20_000)
    row.click()

    expect(page).to_have_url(re.compile(f"/bots/sopel/runs/{run}$"))
    expect(page.get_by_test_id("end")).to_contain_text("SIGKILL")
    page.reload()
    expect(page.get_by_test_id("end")).to_contain_text("SIGKILL")
    page.go_back()
    expect(page.get_by_test_id("state")).to_have_text("Running")


def test_a_run_that_goes_on_says_so_until_it_ends(botdeck: Botdeck, dashboard: DashboardOpener) -> None:
    page = dashboard()
    start(page)
    page.get_by_test_id("run").first.click()
    expect(page.get_by_test_id("end")).to_contain_text("Running")

    botdeck.cli("stop", "sopel")

    expect(page.get_by_test_id("end")).to_contain_text("Stopped by", timeout=20_000)


def test_another_host_is_invited_with_a_command_that_is_shown_once(
    botdeck: Botdeck, dashboard: DashboardOpener
) -> None:
    page = dashboard()
    told: list[str] = []

    def hear(message: ConsoleMessage) -> None:
        told.append(message.text)

    page.on("console", hear)
    page.get_by_role("link", name="Hosts").click()
    page.get_by_role("button", name="Invite a host").click()
    page.get_by_label("Name").fill("cellar")
    page.get_by_role("button", name="Make command").click()

    command = page.get_by_test_id("join-command")
    expect(command).to_have_text(re.compile(rf"^botdeck runner join {re.escape(botdeck.url.rstrip('/'))} \S+$"))
    page.keyboard.press("Escape")
    expect(command).to_be_hidden()
    wait_for(lambda: page.get_by_role("dialog").count() == 0, "the dialog to be gone")
    assert [text for text in told if "Content Security Policy" in text] == []
