"""The doors of a deck that really listens: setup, sign-in, sessions, and who is turned away before anything is read."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from botdeck.deck.guard import LARGEST_BODY_BYTES
from botdeck.models import Role

from ..unit.deck_house import PASSWORD, House, a_deck

pytestmark = pytest.mark.process
JSON = {"Content-Type": "application/json"}


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with a_deck(tmp_path) as house:
        yield house


async def test_setup_makes_an_administrator_once(house: House) -> None:
    code = house.setup_code
    form = {"code": code.lower().replace("-", " "), "name": " Ann ", "password": PASSWORD}
    async with house.http() as page, house.http() as other:
        before = (await page.get("api/setup")).json()
        made = await page.post("api/setup", json=form)
        me = await page.get("api/auth/me")
        after = (await page.get("api/setup")).json()
        again = await other.post("api/setup", json={**form, "name": "eve"})

    assert before == {"needed": True}
    assert after == {"needed": False}
    assert made.json() == me.json() == {"user_id": "1", "name": "Ann", "role": "admin"}
    assert again.status_code == 403
    assert again.json() == {
        "detail": "Setup is over: there is an administrator already. Sign in instead.",
        "code": "setup_refused",
    }
    assert not (house.data_dir / "setup-code").exists()


async def test_of_twenty_setups_at_the_same_time_one_succeeds(house: House) -> None:
    code = house.setup_code
    async with house.http() as page:
        answers = await asyncio.gather(
            *(
                page.post("api/setup", json={"code": code, "name": f"op{n}", "password": PASSWORD}, timeout=30)
                for n in range(20)
            )
        )

    statuses = sorted(answer.status_code for answer in answers)
    assert statuses[0] == 200
    assert set(statuses[1:]) <= {403, 429}
    assert len(await house.storage.documents("operator")) == 1


async def test_a_wrong_setup_code_is_refused_in_a_sentence(house: House) -> None:
    async with house.http() as page:
        answer = await page.post("api/setup", json={"code": "ABCD-1234", "name": "ann", "password": PASSWORD})

    assert answer.status_code == 403
    assert answer.json()["detail"].startswith("That is not the setup code.")
    assert house.setup_code
    assert await house.storage.documents("operator") == []


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"password": "short"}, "A password needs at least 12 characters; this one has 5."),
        ({"password": "x" * 1025}, "A password has at most 1024 bytes."),
        ({"password": "aaaaaaaaaaaa"}, "A password needs at least four different characters."),
        ({"password": PASSWORD + "\ud800"}, "A password has no halves of characters; choose another one."),
        ({"name": "ann\ud800"}, "A name has no colon and no control characters."),
        ({"name": "  "}, "A name has 1 to 64 characters."),
        ({"name": "a:b"}, "A name has no colon and no control characters."),
        ({"name": None}, "name: Input should be a valid string."),
    ],
)
async def test_what_is_wrong_with_a_form_is_said(house: House, change: dict[str, object], sentence: str) -> None:
    async with house.http() as page:
        form = {"code": house.setup_code, "name": "ann", "password": PASSWORD, **change}
        answer = await page.post("api/setup", content=json.dumps(form), headers=JSON)

    assert answer.status_code == 400
    assert answer.json() == {"detail": sentence, "code": "bad_request"}


@pytest.mark.parametrize(
    "form",
    [
        {"name": "ann", "password": "\ud800"},
        {"name": "ann", "password": PASSWORD + "\udfff"},
        {"name": "\ud800", "password": PASSWORD},
        {"name": "\ud800", "password": "\ud800"},
    ],
)
async def test_halves_of_characters_are_a_wrong_name_or_password(house: House, form: dict[str, str]) -> None:
    async with house.set_up(), house.http() as page:
        answer = await page.post("api/auth/login", content=json.dumps(form), headers=JSON)

    assert answer.status_code == 401
    assert answer.json() == {"detail": "Name or password is wrong.", "code": "sign_in_failed"}


async def test_of_a_name_that_nobody_can_have_nothing_is_kept(house: House) -> None:
    async with house.set_up(), house.http() as page:
        long = await page.post("api/auth/login", json={"name": "n" * 65, "password": PASSWORD})
        longest = await page.post("api/auth/login", json={"name": "n" * 64, "password": PASSWORD})

    assert (long.status_code, longest.status_code) == (400, 401)
    assert long.json() == {"detail": "A name has at most 64 characters.", "code": "bad_request"}
    assert [key[1] for key in house.deck.accounts._tries._failed] == ["n" * 64]


async def test_the_setup_code_is_only_for_the_owner_of_the_files(house: House) -> None:
    for name in ("setup-code", "cli-token", "runner-token"):
        assert (house.data_dir / name).stat().st_mode & 0o777 == 0o600
    assert len(house.setup_code.replace("-", "")) == 28


async def test_signing_in_and_out(house: House) -> None:
    async with house.set_up(), house.http() as page:
        stranger = await page.get("api/auth/me")
        signed_in = await page.post("api/auth/login", json={"name": "ANN", "password": PASSWORD})
        me = await page.get("api/auth/me")
        old_cookie = page.cookies["botdeck_session_0"]
        out = await page.post("api/auth/logout")
        page.cookies.set("botdeck_session_0", old_cookie)
        after = await page.get("api/auth/me")

    assert stranger.status_code == 401
    assert stranger.json() == {"detail": "Nobody is signed in.", "code": "sign_in_needed"}
    assert signed_in.json() == me.json() == {"user_id": "1", "name": "ann", "role": "admin"}
    assert out.status_code == 204
    assert after.status_code == 401
    assert after.json()["detail"] == "The session is over. Sign in again."


async def test_the_cookie_cannot_be_read_by_scripts_nor_sent_by_other_sites(house: House) -> None:
    async with house.http() as page:
        form = {"code": house.setup_code, "name": "ann", "password": PASSWORD}
        answer = await page.post("api/setup", json=form)

    cookie = answer.headers["set-cookie"]
    name, _, rest = cookie.partition("=")
    token, *attributes = rest.split("; ")
    assert name == "botdeck_session_0"
    assert {"HttpOnly", "SameSite=lax", "Path=/"} <= set(attributes)
    assert "Secure" not in attributes
    assert len(token) == 43
    stored = await house.storage.documents("session")
    assert token not in json.dumps([(document.id, document.body) for document in stored])


async def test_behind_https_the_cookie_is_bound_to_the_host(tmp_path: Path) -> None:
    async with a_deck(tmp_path, public_url="https://bots.example") as house, house.http() as page:
        form = {"code": house.setup_code, "name": "ann", "password": PASSWORD}
        answer = await page.post(
            "api/setup", json=form, headers={"Host": "bots.example", "Origin": "https://bots.example"}
        )

    assert answer.headers["set-cookie"].startswith("__Host-botdeck=")
    assert "Secure" in answer.headers["set-cookie"]


async def test_wrong_passwords_wait_longer_and_longer_and_lock_nobody_else(house: House) -> None:
    await house.deck.accounts.add_operator("bob", PASSWORD, Role.VIEWER)
    async with house.signed_in("bob") as bob, house.http() as page:
        await house.deck.accounts.add_operator("ann", PASSWORD, Role.ADMIN)
        wrong = [
            await page.post("api/auth/login", json={"name": "ann", "password": f"wrong password {n}"}) for n in range(4)
        ]
        right_too_soon = await page.post("api/auth/login", json={"name": "ann", "password": PASSWORD})
        somebody_else = await page.post("api/auth/login", json={"name": "bob", "password": PASSWORD})
        still_in = await bob.get("api/auth/me")

    assert [answer.status_code for answer in wrong] == [401, 401, 401, 429]
    assert wrong[0].json() == {"detail": "Name or password is wrong.", "code": "sign_in_failed"}
    assert wrong[3].json() == {
        "detail": "Too many failed attempts. Try again in 1 s.",
        "code": "too_many_tries",
    }
    assert wrong[3].headers["retry-after"] == "1"
    assert right_too_soon.status_code == 429
    assert somebody_else.status_code == 200
    assert still_in.status_code == 200


async def test_an_unknown_name_answers_the_same_as_a_wrong_password(house: House) -> None:
    async with house.set_up(), house.http() as page:
        unknown = await page.post("api/auth/login", json={"name": "nobody", "password": "wrong password 1"})
        known = await page.post("api/auth/login", json={"name": "ann", "password": "wrong password 1"})

    assert unknown.status_code == known.status_code == 401
    assert unknown.json() == known.json()


async def test_a_body_without_a_credential_is_refused_before_it_is_read(house: House) -> None:
    parts = urlsplit(house.url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    writer.write(
        f"POST /api/bot/start HTTP/1.1\r\nHost: {parts.netloc}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {50 << 20}\r\n\r\n".encode()
    )
    async with asyncio.timeout(5):
        status = await reader.readline()

    assert status.startswith(b"HTTP/1.1 401 ")
    writer.close()


async def test_a_body_larger_than_a_mebibyte_is_refused(house: House) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(3):
            yield b"x" * (LARGEST_BODY_BYTES // 2)

    async with house.cli() as cli:
        announced = await cli.post("api/bot/start", content=b"x" * (LARGEST_BODY_BYTES + 1))
        chunked = await cli.post("api/bot/start", content=pieces())

    assert announced.status_code == chunked.status_code == 413
    assert announced.json()["code"] == "too_large"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 404),  # the deck has no bot yet: it was let in
        ({"Origin": ""}, 403),
        ({"Origin": "", "Sec-Fetch-Site": "same-origin"}, 404),
        ({"Origin": "", "Sec-Fetch-Site": "same-site"}, 403),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://127.0.0.1:1"}, 403),
    ],
)
async def test_a_change_with_a_cookie_needs_our_own_origin(house: House, headers: dict[str, str], status: int) -> None:
    async with house.set_up() as page:
        if headers.get("Origin") == "":
            del page.headers["Origin"]
        answer = await page.post("api/bot/start", headers={name: value for name, value in headers.items() if value})

    assert answer.status_code == status, answer.text


@pytest.mark.parametrize("origin", [None, "http://evil.example", "null"])
async def test_the_live_channel_with_a_cookie_needs_our_own_origin(house: House, origin: str | None) -> None:
    async with house.set_up() as page, house.browser(page, origin=origin) as browser:
        code, reason = await browser.closed()

    assert code == 4403
    assert reason
    assert browser.messages == []


async def test_the_live_channel_is_closed_to_strangers(house: House) -> None:
    async with house.http() as page, house.browser(page) as browser:
        code, reason = await browser.closed()

    assert (code, reason) == (4401, "Nobody is signed in.")


async def test_the_live_channel_lets_in_ones_own_id_only(house: House) -> None:
    async with house.set_up() as page, house.browser(page, user_id="2") as browser:
        code, _ = await browser.closed()

    assert code == 4403
    assert browser.messages == []


@pytest.mark.parametrize(
    ("host", "status"),
    [("evil.example", 421), ("localhost:9", 200), ("127.0.0.1", 200), ("[::1]:1", 200), ("", 421), ("10.1.2.3", 421)],
)
async def test_only_known_hosts_are_answered(house: House, host: str, status: int) -> None:
    async with house.http() as page:
        answer = await page.get("health", headers={"Host": host})

    assert answer.status_code == status, answer.text


async def test_a_deck_on_all_addresses_answers_to_any_address_but_not_to_any_name(tmp_path: Path) -> None:
    async with a_deck(tmp_path, host="0.0.0.0", public_url="http://bots.example:80") as house, house.http() as page:
        statuses = {
            host: (await page.get("health", headers={"Host": host})).status_code
            for host in ("10.1.2.3:8765", "bots.example", "evil.example")
        }

    assert statuses == {"10.1.2.3:8765": 200, "bots.example": 200, "evil.example": 421}


async def test_tokens_open_only_their_own_door(house: House) -> None:
    async with house.http(Authorization=f"Bearer {house.token('runner-token')}") as runner, house.cli() as cli:
        runner_on_api = await runner.get("api/bots")
        cli_on_api = await cli.get("api/bots")
        nonsense = await cli.get("api/bots", headers={"Authorization": "Bearer nonsense"})
    with pytest.raises(InvalidStatus) as cli_on_link:
        async with connect(
            house.websocket_url("api/runner/link"), additional_headers={"Authorization": f"Bearer {house.token()}"}
        ):
            pass

    assert runner_on_api.status_code == nonsense.status_code == 401
    assert cli_on_api.status_code == 200
    assert cli_on_link.value.response.status_code == 401
    body = json.loads(cli_on_link.value.response.body or b"")
    assert body["detail"] == "That is neither this deck's runner-token nor that of a runner that joined."


async def test_a_wrong_token_next_to_a_good_cookie_counts(house: House) -> None:
    async with house.set_up() as page:
        answer = await page.get("api/auth/me", headers={"Authorization": "Bearer nonsense"})

    assert answer.status_code == 401


async def test_every_answer_has_the_security_headers(house: House) -> None:
    async with house.http() as page:
        answers = [await page.get(path) for path in ("", "health", "api/bots", "api/setup")]

    for answer in answers:
        policy = answer.headers["content-security-policy"]
        assert "script-src 'self';" in policy
        assert "frame-ancestors 'none'" in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "server" not in answer.headers
    assert [answer.headers["cache-control"] for answer in answers[1:]] == ["no-store"] * 3


async def test_the_record_says_who_came_in_and_who_did_not(house: House) -> None:
    async with house.set_up() as page:
        await page.post("api/auth/login", json={"name": "eve", "password": "wrong password 1"})
        await page.post("api/auth/logout")

    records = [body for _, body in await house.storage.records("audit")]
    assert [(body["what"], body["who"]) for body in reversed(records)] == [
        ("setup", "ann"),
        ("sign-in failed", "eve"),
        ("sign-out", "ann"),
    ]
    assert PASSWORD not in json.dumps(records)
