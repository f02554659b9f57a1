from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from .harness import NAME, PASSWORD, Botdeck

SCREENSHOTS = Path(__file__).parents[2] / "test-results"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.e2e)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    """When a test fails, keep what the browser showed and what Botdeck said."""
    report = yield
    if report.when == "call" and report.failed:  # type: ignore[attr-defined]
        fixtures = getattr(item, "funcargs", {})
        SCREENSHOTS.mkdir(exist_ok=True)
        if isinstance(deck := fixtures.get("botdeck"), Botdeck):
            report.sections.append(("botdeck up", deck.said()[-6000:]))  # type: ignore[attr-defined]
        for number, page in enumerate(getattr(item, "pages", [])):
            page.screenshot(path=SCREENSHOTS / f"{item.name}-{number}.png")
    return report


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        arguments = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
        chromium = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=arguments)
        yield chromium
        chromium.close()


@pytest.fixture
def botdeck() -> Iterator[Botdeck]:
    deck = Botdeck()
    try:
        deck.up()
        yield deck
    finally:
        deck.close()


@pytest.fixture
def open_page(browser: Browser, request: pytest.FixtureRequest) -> Iterator[Callable[[str], Page]]:
    """Opens an address in a browser of its own: no cookie and no storage shared with the others."""
    contexts: list[BrowserContext] = []
    pages: list[Page] = []
    request.node.pages = pages

    def open_address(url: str) -> Page:
        context = browser.new_context(viewport={"width": 1280, "height": 800})
        contexts.append(context)
        page = context.new_page()
        pages.append(page)
        page.set_default_timeout(15_000)
        page.goto(url)
        return page

    yield open_address
    for context in contexts:
        context.close()


@pytest.fixture
def dashboard(botdeck: Botdeck, open_page: Callable[[str], Page]) -> Callable[..., Page]:
    """Opens the dashboard as a signed-in operator; the first time the account is created with the setup code."""

    def open_dashboard(url: str | None = None) -> Page:
        page = open_page(url or botdeck.url)
        if botdeck.api("api/setup")["needed"]:
            set_up(page, botdeck)
        else:
            sign_in(page)
        expect(page.get_by_test_id("state")).to_be_visible()
        return page

    return open_dashboard


def set_up(page: Page, botdeck: Botdeck) -> None:
    page.get_by_label("Setup code").fill(botdeck.setup_code)
    page.get_by_label("Name").fill(NAME)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Create account").click()


def sign_in(page: Page) -> None:
    page.get_by_label("Name").fill(NAME)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
