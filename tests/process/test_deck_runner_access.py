"""Who may report as a runner: invitations, the tokens they are exchanged for, and how access is taken away."""

import asyncio
import contextlib
import json
from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from botdeck.deck.clock import SYSTEM_CLOCK, Clock
from botdeck.models import Role, State
from botdeck.protocol import frames

from ..unit.deck_house import PASSWORD, House, ScriptedRunner, a_deck, eventually

pytestmark = pytest.mark.process


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with a_deck(tmp_path) as house:
        yield house


async def invited(house: House, **form: Any) -> str:
    async with house.cli() as cli:
        answer = await cli.post("api/runners/invitations", json=form)
    assert answer.status_code == 200, answer.text
    token: str = answer.json()["token"]
    return token


async def ask_to_join(house: House, token: str, *, name: str | None = None, host: str = "far") -> tuple[int, Any]:
    async with house.http() as anybody:
        answer = await anybody.post("api/runner/join", json={"token": token, "name": name, "host": host})
    return answer.status_code, answer.json()


async def joined(house: House, name: str = "far", **form: Any) -> str:
    """The token of a runner that joined."""
    status, body = await ask_to_join(house, await invited(house, **form), name=name)
    assert (status, body["runner"]) == (200, name), body
    token: str = body["token"]
    return token


async def remove(house: House, name: str) -> tuple[int, Any]:
    async with house.cli() as cli:
        answer = await cli.delete(f"api/runners/{name}")
    return answer.status_code, answer.json() if answer.content else None


def a_hello(runner: str, **more: Any) -> str:
    hello = frames.Hello(version=frames.PROTOCOL_VERSION, runner=runner, host="far", now=datetime.now(UTC), **more)
    return frames.encode(hello)


@contextlib.asynccontextmanager
async def linked(house: House, token: str, name: str, *bots: str, **hello: Any) -> AsyncIterator[ScriptedRunner]:
    """Said hello, was welcomed, and told its bots."""
    headers = {"Authorization": f"Bearer {token}"}
    async with connect(house.websocket_url("api/runner/link"), additional_headers=headers) as socket:
        await socket.send(a_hello(name, **hello))
        frames.decode(str(await socket.recv()))
        runner = ScriptedRunner(socket, name)
        await runner.tell_fleet(*bots)
        await eventually(lambda: all(bot in house.deck.fleet.bots_of(name) for bot in bots))
        yield runner


async def refusal(house: House, token: str, name: str, **hello: Any) -> tuple[int, str]:
    """The code and reason with which the deck closes the link instead of saying welcome."""
    headers = {"Authorization": f"Bearer {token}"}
    async with connect(house.websocket_url("api/runner/link"), additional_headers=headers) as socket:
        await socket.send(a_hello(name, **hello))
        with pytest.raises(ConnectionClosed):
            await socket.recv()
    return socket.close_code or 0, socket.close_reason or ""


async def closed(runner: ScriptedRunner) -> tuple[int, str]:
    async with asyncio.timeout(20):
        await runner.socket.wait_closed()
    return runner.socket.close_code or 0, runner.socket.close_reason or ""


async def door(house: House, token: str) -> tuple[int, str]:
    """How the link's handshake is refused."""
    with pytest.raises(InvalidStatus) as refused:
        async with connect(
            house.websocket_url("api/runner/link"), additional_headers={"Authorization": f"Bearer {token}"}
        ):
            pass
    answer = refused.value.response
    return answer.status_code, str(json.loads(answer.body or b"")["detail"])


# Joining


async def test_a_runner_that_joined_reports_its_bots_with_its_own_token(house: House) -> None:
    token = await joined(house)
    async with linked(house, token, "far", "helper"), house.cli() as cli:
        bot = (await cli.get("api/bots/helper")).json()

    assert (bot["state"], bot["runner"]) == ("running", "far")
    assert house.deck.fleet.joined == {"far"}


async def test_no_token_is_kept_in_the_database(house: House) -> None:
    invitation = await invited(house)
    _, body = await ask_to_join(house, invitation)

    kept = [
        *await house.storage.documents("invitation"),
        *await house.storage.documents("runner"),
        *await house.storage.records("audit"),
    ]
    assert len(kept) == 4
    assert invitation not in str(kept)
    assert body["token"] not in str(kept)


async def test_an_invitation_works_once(house: House) -> None:
    token = await invited(house)
    first, again = await ask_to_join(house, token), await ask_to_join(house, token, name="other")

    assert first[0] == 200
    assert again == (
        403,
        {
            "detail": "That token was used already, by runner far. Ask for a new one: `botdeck runner invite` on the "
            "deck's host.",
            "code": "join_refused",
        },
    )
    assert house.deck.fleet.joined == {"far"}


async def test_of_twenty_that_use_one_invitation_at_the_same_time_one_gets_in(house: House) -> None:
    token = await invited(house)
    async with house.http() as anybody:
        answers = await asyncio.gather(
            *(
                anybody.post("api/runner/join", json={"token": token, "host": f"far{number}"}, timeout=30)
                for number in range(20)
            )
        )

    statuses = Counter(answer.status_code for answer in answers)
    assert statuses[200] == 1
    assert set(statuses) <= {200, 403, 429}
    assert len(await house.storage.documents("runner")) == 1


async def test_of_two_that_take_one_name_at_the_same_time_one_gets_it(house: House) -> None:
    tokens = [await invited(house) for _ in range(2)]
    answers = await asyncio.gather(*(ask_to_join(house, token, name="far") for token in tokens))

    assert sorted(status for status, _ in answers) == [200, 409]


async def test_an_invitation_expires(tmp_path: Path) -> None:
    ahead = timedelta()
    clock = Clock(now=lambda: datetime(2026, 11, 22, 12, tzinfo=UTC) + ahead, seconds=SYSTEM_CLOCK.seconds)
    async with a_deck(tmp_path, clock=clock) as house:
        usual, short = await invited(house), await invited(house, for_s=90)
        ahead = timedelta(seconds=90)
        late = await ask_to_join(house, short)
        ahead = timedelta(minutes=59)
        in_time = await ask_to_join(house, usual)
        ahead = timedelta(days=2)
        await invited(house)
        forgotten = await ask_to_join(house, short)

    assert late[0] == 403
    assert late[1]["detail"].startswith("That token expired at 2026-11-22 12:01 UTC. Ask for a new one:")
    assert in_time[0] == 200
    assert forgotten[1]["detail"].startswith("This deck knows no such token.")


async def test_an_invitation_may_say_the_name(house: House) -> None:
    wrong = await ask_to_join(house, token := await invited(house, name="web-2"), name="web-3")
    right = await ask_to_join(house, token, host="any.host.example")

    assert wrong == (403, {"detail": "That token is for a runner called web-2, not web-3.", "code": "join_refused"})
    assert right[1]["runner"] == "web-2"


async def test_without_a_name_a_runner_is_called_as_its_host(house: House) -> None:
    named = await ask_to_join(house, await invited(house), host="web-2.example.org")
    unfit = await ask_to_join(house, await invited(house), host="a b")

    assert named[1]["runner"] == "web-2.example.org"
    assert unfit[0] == 403
    assert unfit[1]["detail"].endswith("'a b' cannot be one, so say another (--name).")


async def test_a_name_that_is_taken_is_refused_and_the_token_still_works(house: House) -> None:
    await joined(house)
    async with house.runner("local", "helper"), house.cli() as cli:
        token = await invited(house)
        own = await ask_to_join(house, token, name="local")
        others = await ask_to_join(house, token, name="far")
        inviting = await cli.post("api/runners/invitations", json={"name": "far"})
        free = await ask_to_join(house, token, name="farther")
    own_is_away = await ask_to_join(house, await invited(house), name="local")

    assert [own[0], others[0], inviting.status_code, own_is_away[0]] == [409] * 4
    assert own[1]["detail"] == "There is a runner local already, the deck's own. Choose another name (--name)."
    assert others[1]["detail"].startswith("A runner far joined already, from far.")
    assert free[0] == 200


@pytest.mark.parametrize(
    ("form", "sentence"),
    [
        ({"for_s": 0}, "for_s: Input should be greater than or equal to 1."),
        ({"for_s": 1e9}, "for_s: Input should be less than or equal to 604800."),
        ({"name": "a b"}, "A runner's name is letters, digits, '_', '-' and '.', a letter or digit first, at most 64"),
        ({"name": "x" * 65}, "A runner's name is"),
    ],
)
async def test_an_invitation_that_cannot_be_is_refused_in_words(house: House, form: Any, sentence: str) -> None:
    async with house.cli() as cli:
        answer = await cli.post("api/runners/invitations", json=form)

    assert answer.status_code == 400
    assert answer.json()["detail"].startswith(sentence)


async def test_who_guesses_has_to_wait(house: House) -> None:
    statuses = [(await ask_to_join(house, f"join_{number}"))[0] for number in range(4)]
    right = await ask_to_join(house, await invited(house))

    assert statuses == [403, 403, 403, 429]
    assert (right[0], right[1]["code"]) == (429, "too_many_tries")


async def test_the_page_of_another_site_cannot_use_an_invitation(house: House) -> None:
    form = {"token": await invited(house), "host": "far"}
    async with house.http(Origin="http://evil.example") as page:
        answer = await page.post("api/runner/join", json=form)

    assert answer.status_code == 403
    assert house.deck.fleet.joined == set()


async def test_every_step_is_recorded(house: House) -> None:
    await house.deck.accounts.add_operator("ann", PASSWORD, Role.ADMIN)
    async with house.signed_in("ann") as ann:
        token = (await ann.post("api/runners/invitations", json={"name": "web-2", "for_s": 60})).json()["token"]
        await ask_to_join(house, "nonsense", host="eve")
        await ask_to_join(house, token)
        await ann.delete("api/runners/web-2")

    records = [body for _, body in await house.storage.records("audit")][::-1]
    unknown = "This deck knows no such token. Ask for a new one: `botdeck runner invite` on the deck's host."
    assert records[1:] == [
        {"what": "runner invited", "who": "ann", "runner": "web-2", "for_s": 60.0},
        {"what": "join refused", "who": "eve", "address": "127.0.0.1", "reason": unknown},
        {"what": "runner joined", "who": "web-2", "host": "far", "address": "127.0.0.1", "invited_by": "ann"},
        {"what": "runner removed", "who": "ann", "runner": "web-2"},
    ]


# Names on the link


async def test_a_runner_cannot_say_another_name_than_the_one_it_joined_with(house: House) -> None:
    token = await joined(house)
    async with house.runner("local", "helper") as local:
        assert await refusal(house, token, "local") == (
            4403,
            "It joined as far, and cannot be called local. Leave --name out.",
        )
        await local.say("helper", "still here")


async def test_the_decks_own_token_is_not_for_the_names_of_those_that_joined(house: House) -> None:
    await joined(house)

    assert await refusal(house, house.token("runner-token"), "far") == (
        4403,
        "A runner of another host joined as far. Choose another --name.",
    )


async def test_of_two_living_runners_of_one_name_the_second_is_refused(house: House) -> None:
    token = await joined(house)
    async with linked(house, token, "far", "helper", instance="one"):
        refused = await refusal(house, token, "far", instance="two")
        state = house.deck.fleet.status("helper").state
    await eventually(lambda: not house.deck.fleet.is_here("far"))
    async with linked(house, token, "far", "helper", instance="two"):
        pass

    assert refused == (4409, "Another runner far is connected, from far. Choose another --name.")
    assert state is State.RUNNING


async def test_the_same_runner_gets_in_at_once_when_its_old_link_still_seems_to_live(house: House) -> None:
    token = await joined(house)
    async with (
        linked(house, token, "far", "helper", instance="one") as old,
        linked(house, token, "far", "helper", instance="one"),
    ):
        assert (await closed(old))[0] == 4409
        assert house.deck.fleet.status("helper").state is State.RUNNING


# Taking access away


async def test_a_runner_whose_access_is_taken_away_is_closed_out_and_its_bots_are_unknown(house: House) -> None:
    token = await joined(house)
    async with linked(house, token, "far", "helper") as runner, house.cli() as cli:
        answer = await remove(house, "far")
        bot = (await cli.get("api/bots/helper")).json()
        order = await cli.post("api/bots/helper/stop")
        code, reason = await closed(runner)
    status, detail = await door(house, token)

    assert answer == (204, None)
    assert (bot["state"], bot["uptime_s"]) == ("unknown", None)
    assert bot["reason"].startswith("no contact with runner far since ")
    assert order.status_code == 503
    assert (code, reason) == (4403, "cli:root took the access of runner far away.")
    assert status == 403
    assert detail.startswith("cli:root took the access of runner far away at 2")


async def test_a_runner_that_was_removed_may_be_invited_again(house: House) -> None:
    old = await joined(house)
    await remove(house, "far")
    new = await joined(house, name="far")

    assert (await door(house, old))[0] == 401
    async with linked(house, new, "far", "helper"):
        assert house.deck.fleet.status("helper").state is State.RUNNING


async def test_under_another_name_a_runner_keeps_its_bots(house: House) -> None:
    async with linked(house, await joined(house), "far", "helper") as runner:
        await runner.send_data("helper/r1/out", b"before\n")
        await remove(house, "far")
        await closed(runner)
    async with linked(house, await joined(house, name="near"), "near", "helper"), house.cli() as cli:
        bot = (await cli.get("api/bots/helper")).json()

    assert (bot["state"], bot["runner"]) == ("running", "near")


async def test_only_runners_that_joined_can_be_removed(house: House) -> None:
    async with house.runner("local", "helper") as local:
        own, nobody = await remove(house, "local"), await remove(house, "nobody")
        await local.say("helper", "still here")

    assert own[0] == 409
    assert own[1]["detail"].startswith("Runner local did not join with an invitation:")
    assert nobody == (
        404,
        {"detail": "No runner named 'nobody' joined this deck. Those that did: none.", "code": "unknown_runner"},
    )


async def test_access_outlives_the_deck_in_both_directions(tmp_path: Path) -> None:
    async with a_deck(tmp_path) as house:
        kept, gone = await joined(house), await joined(house, name="gone")
        await remove(house, "gone")
    async with a_deck(tmp_path) as house:
        async with linked(house, kept, "far", "helper"):
            state = house.deck.fleet.status("helper").state
        status, _ = await door(house, gone)

        assert (state, status) == (State.RUNNING, 403)
        assert house.deck.fleet.joined == {"far"}


async def test_a_runners_token_opens_nothing_but_the_link(house: House) -> None:
    token = await joined(house)
    async with house.http(Authorization=f"Bearer {token}") as runner:
        statuses = {(await runner.get(path)).status_code for path in ("api/bots", "api/runners", "api/auth/me")}

    assert statuses == {401}
