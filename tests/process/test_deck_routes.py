"""Routes, roles, base path and pages of a deck that really listens."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from botdeck.deck.main import create_api
from botdeck.deck.pages import Pages
from botdeck.deck.permissions import Permission, declared_routes
from botdeck.models import Role, Run

from ..unit.deck_house import PASSWORD, House, a_deck

pytestmark = pytest.mark.process


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with a_deck(tmp_path) as house:
        yield house


async def test_a_viewer_sees_everything_and_changes_nothing(house: House) -> None:
    await house.storage.put_run(Run(id="r1", bot="helper", started_at=datetime.now(UTC)))
    for role in Role:
        await house.deck.accounts.add_operator(role.value, PASSWORD, role)
    allowed: dict[str, set[tuple[str, str]]] = {}
    routes = [
        (method, path, permission)
        for method, path, permission in declared_routes(create_api())
        if method != "WS"
        and permission not in (Permission.PUBLIC, Permission.INGEST)  # for bots, whose tokens operators do not have
        and path != "/api/auth/logout"
    ]
    administering = {(method, path) for method, path, permission in routes if permission is Permission.ADMINISTER}
    async with house.runner("local", "helper"):
        for role in Role:
            async with house.signed_in(role.value) as page:
                answers = {(method, path): await page.request(method, filled(path)) for method, path, _ in routes}
            refused = {route for route, answer in answers.items() if answer.status_code == 403}
            allowed[role] = set(answers) - refused
            # Let in, though there is nothing to remove, or no form.
            assert {answer.status_code for answer in answers.values()} <= {200, 400, 403, 404}
            assert {answers[route].status_code for route in allowed[role] if route not in administering} == {200}

    reading = {(method, path) for method, path, permission in routes if permission is Permission.READ}
    acting = {(method, path) for method, path, permission in routes if permission is Permission.CONTROL}
    assert len(reading) == 11
    assert len(acting) == 5
    assert len(administering) == 5
    assert allowed == {
        Role.VIEWER: reading,
        Role.OPERATOR: reading | acting,
        Role.ADMIN: reading | acting | administering,
    }


def filled(path: str) -> str:
    for name, value in {
        "/runners/{name}": "/runners/nobody",
        "{bot}": "nobody",
        "{name}": "helper",
        "{run}": "r1",
        "{action}": "stop",
    }.items():
        path = path.replace(name, value)
    return path.lstrip("/")


async def test_the_refusal_names_the_role_that_is_needed(house: House) -> None:
    await house.deck.accounts.add_operator("bob", PASSWORD, Role.VIEWER)
    async with house.signed_in("bob") as page, house.runner("local", "helper") as runner:
        answer = await page.post("api/bot/stop")

    assert answer.status_code == 403
    assert answer.json() == {"detail": "bob is viewer; this needs the role operator.", "code": "forbidden"}
    assert runner.orders == []


async def test_no_route_answers_without_a_credential_but_the_public_ones(house: House) -> None:
    async with house.http() as page:
        open_to_all = {
            (method, path)
            for method, path, _ in declared_routes(create_api())
            if method != "WS" and (await page.request(method, path.lstrip("/"))).status_code != 401
        }

    assert open_to_all == {
        ("GET", "/health"),
        ("GET", "/api/setup"),
        ("POST", "/api/setup"),
        ("POST", "/api/auth/login"),
        ("POST", "/api/runner/join"),
    }


async def test_the_routes_without_a_name_act_on_the_configured_default_bot(tmp_path: Path) -> None:
    async with (
        a_deck(tmp_path, default_bot="news") as house,
        house.runner("local", "helper", "news") as runner,
        house.cli() as cli,
    ):
        await runner.say("news", "hello")
        status = (await cli.get("api/bot/status")).json()
        stats = (await cli.get("api/dashboard/stats")).json()
        other = (await cli.get("api/dashboard/stats", params={"bot": "helper"})).json()
        await cli.post("api/bot/restart")

    assert status["bot"] == stats["bot"] == "news"
    assert [line["text"] for line in stats["recent_logs"]] == ["hello"]
    assert other["bot"] == "helper"
    assert [order.bot for order in runner.orders] == ["news"]


async def test_without_any_bot_the_default_routes_say_what_to_do(house: House) -> None:
    async with house.cli() as cli:
        answer = await cli.get("api/dashboard/stats")

    assert answer.status_code == 404
    assert "add one to botdeck.toml" in answer.json()["detail"]


async def test_log_lines_are_paged_in_both_directions(house: House) -> None:
    async with house.runner("local", "helper") as runner, house.cli() as cli:
        await runner.say("helper", *(f"line {number}" for number in range(10)))
        newest = (await cli.get("api/bots/helper/logs", params={"limit": 3})).json()
        first_id = newest["lines"][0]["id"]
        older = (await cli.get("api/bots/helper/logs", params={"limit": 100, "before": first_id})).json()
        newer = (await cli.get("api/bots/helper/logs", params={"limit": 1, "after": first_id})).json()
        both = await cli.get("api/bots/helper/logs", params={"before": 1, "after": 1})
        greedy = await cli.get("api/bots/helper/logs", params={"limit": 1001})
        beyond = await cli.get("api/bots/helper/logs", params={"after": 10**20})

    assert ([line["text"] for line in newest["lines"]], newest["more"]) == (["line 7", "line 8", "line 9"], True)
    assert ([line["text"] for line in older["lines"]], older["more"]) == ([f"line {n}" for n in range(7)], False)
    assert [line["text"] for line in newer["lines"]] == ["line 8"]
    assert both.json() == {"detail": "Ask for lines before one id or after one, not both.", "code": "bad_request"}
    assert beyond.status_code == 400
    assert greedy.json()["detail"] == "limit: Input should be less than or equal to 1000."


async def test_what_is_not_there_is_said_in_json(house: House) -> None:
    async with house.cli() as cli:
        missing = await cli.get("api/nothing")
        wrong_method = await cli.delete("api/bots")

    assert missing.status_code == 404
    assert missing.json() == {"detail": "There is nothing at /api/nothing.", "code": "not_found"}
    assert wrong_method.status_code == 405
    assert wrong_method.json()["code"] == "method_not_allowed"


async def test_the_openapi_document_is_for_operators(house: House) -> None:
    async with house.http() as page, house.cli() as cli:
        stranger = await page.get("api/openapi.json")
        document = (await cli.get("api/openapi.json")).json()
        docs = await cli.get("docs")

    assert stranger.status_code == 401
    assert "ServerMessage" in document["components"]["schemas"]
    assert "swagger" not in docs.text.lower()


async def test_everything_works_below_a_base_path(tmp_path: Path) -> None:
    async with a_deck(tmp_path, base_path="/deck/") as house:
        assert house.url.endswith("/deck/")
        async with house.set_up() as page, house.runner("local", "helper") as runner, house.browser(page) as browser:
            snapshot = await browser.next_of("snapshot")
            stopped = await page.post("api/bot/stop")
            cookies = {cookie.name: cookie.path for cookie in page.cookies.jar}
            health = await page.get("health")
            outside = [await page.get(f"{house.origin}/{path}") for path in ("", "health", "api/bots", "decked/health")]

    assert snapshot["stats"]["bot"] == "helper"
    assert stopped.status_code == health.status_code == 200
    assert len(runner.orders) == 1
    assert cookies == {"botdeck_session_0": "/deck/"}
    assert [answer.status_code for answer in outside] == [404] * 4
    assert outside[0].json()["detail"] == "Botdeck is at /deck/."


@pytest.fixture
def pages(house: House, tmp_path: Path) -> Path:
    """A build of the front end, as far as the deck knows it."""
    static = tmp_path / "static"
    (static / "assets").mkdir(parents=True)
    (static / "index.html").write_text('<!doctype html><html><head><base href="/"><title>Deck</title></head></html>')
    (static / "assets" / "index-abc123.js").write_text("export {}")
    (static / "favicon.svg").write_text("<svg/>")
    (tmp_path / "secret.txt").write_text("secret")
    house.app._pages = Pages(house.deck.settings.deck.base_path, static)
    return static


async def test_pages_are_served_and_unknown_paths_are_the_routers(house: House, pages: Path) -> None:
    async with house.http() as page:
        index, deep = await page.get(""), await page.get("bots/helper/logs")
        head = await page.head("bots/helper")
        script = await page.get("assets/index-abc123.js")
        icon = await page.get("favicon.svg")
        unchanged = await page.get("favicon.svg", headers={"If-None-Match": icon.headers["etag"]})
        missing = await page.get("assets/index-old.js")
        posted = await page.post("bots/helper")

    assert index.text == deep.text
    assert "<title>Deck</title>" in index.text
    assert (head.status_code, head.content) == (200, b"")
    assert int(head.headers["content-length"]) == len(index.content)
    assert script.headers["content-type"].startswith("text/javascript")
    assert script.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert icon.headers["cache-control"] == index.headers["cache-control"] == "no-cache"
    assert unchanged.status_code == 304
    assert (missing.status_code, missing.json()["code"]) == (404, "not_found")
    assert posted.status_code == 405


@pytest.mark.parametrize("path", ["../secret.txt", "%2e%2e/secret.txt", "assets/..%2f..%2fsecret.txt", "//secret.txt"])
async def test_nothing_outside_of_the_pages_is_served(house: House, pages: Path, path: str) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", int(house.origin.rpartition(":")[2]))
    writer.write(f"GET /{path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
    answer = await reader.read()
    writer.close()

    assert answer.startswith(b"HTTP/1.1 ")
    assert not answer.endswith(b"secret")


async def test_the_page_knows_its_base_path(tmp_path: Path) -> None:
    static = tmp_path / "static"
    static.mkdir()
    (static / "index.html").write_text("<html><head><base href='/' /><script src=x></script></head></html>")
    async with a_deck(tmp_path, base_path="/deck/") as house, house.http() as page:
        house.app._pages = Pages("/deck/", static)
        index = await page.get("bots/helper")

    assert index.text == '<html><head><base href="/deck/"><script src=x></script></head></html>'


async def test_without_a_build_the_page_says_how_to_get_one(house: House, tmp_path: Path) -> None:
    house.app._pages = Pages("/", tmp_path / "nothing")
    async with house.http() as page:
        answer = await page.get("")

    assert answer.status_code == 503
    assert "make pages" in answer.text
