"""The live channel of a deck that really listens, with browsers on real WebSockets."""

import asyncio
import itertools
import socket
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from botdeck.deck.clock import SYSTEM_CLOCK, Clock
from botdeck.deck import liveness
from botdeck.models import Role, State

from ..unit.deck_house import PASSWORD, House, LiveBrowser, ScriptedRunner, a_deck, a_line, a_status, eventually

pytestmark = pytest.mark.process


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with a_deck(tmp_path) as house:
        yield house


def lines_of(browser: LiveBrowser) -> list[str]:
    """All log lines a page has: those of its last snapshot, and what came after."""
    texts: list[str] = []
    for message in browser.messages:
        if message["type"] == "snapshot":
            texts = [line["text"] for line in (message["data"]["stats"] or {"recent_logs": []})["recent_logs"]]
        elif message["type"] == "log":
            texts += [line["text"] for line in message["data"]["lines"]]
    return texts


async def test_a_page_begins_with_a_snapshot(house: House) -> None:
    async with house.set_up() as page, house.runner("local", "helper", "news") as runner:
        await runner.say("helper", "one", "two")
        async with house.browser(page) as browser:
            message = await browser.receive()

    data = message["data"]
    assert message["type"] == "snapshot"
    assert message["seq"] == 1
    assert data["operator"] == {"user_id": "1", "name": "ann", "role": "admin"}
    assert [bot["bot"] for bot in data["fleet"]["bots"]] == ["helper", "news"]
    assert data["fleet"]["default_bot"] == data["stats"]["bot"] == "helper"
    assert [line["text"] for line in data["stats"]["recent_logs"]] == ["one", "two"]
    assert (data["time_zone"], data["stats_interval_s"]) == ("UTC", 10.0)


async def test_two_browsers_see_an_action_of_one_of_them(house: House) -> None:
    await house.deck.accounts.add_operator("bob", PASSWORD, Role.VIEWER)
    bearer = {"Authorization": f"Bearer {house.token()}"}
    async with (
        house.signed_in("bob") as bobs_page,
        house.runner("local", "helper"),
        house.browser(bobs_page, user_id=(await bobs_page.get("api/auth/me")).json()["user_id"]) as bob,
        house.cli() as cli,
        house.browser(cli, user_id="cli", origin=None, additional_headers=bearer) as other,
    ):
        await bob.next_of("snapshot")
        await other.next_of("snapshot")
        await cli.post("api/bot/stop")
        seen = [await browser.next_of("bot_status") for browser in (bob, other)]
        stats = [await browser.next_of("dashboard_stats") for browser in (bob, other)]

    assert [status["state"] for status in seen] == ["stopped", "stopped"]
    assert [figures["bot_uptime"] for figures in stats] == [None, None]


async def test_every_message_has_the_epoch_and_the_next_seq(house: House) -> None:
    async with house.set_up() as page, house.runner("local", "helper") as runner, house.browser(page) as browser:
        await browser.next_of("snapshot")
        for number in range(5):
            await runner.emit("helper", "user.seen", **{"user.id": f"u{number}"})
            await runner.tell(a_status("helper", restarts=number))
        await runner.say("helper", "the end")
        await browser.next_of("log")

    assert [message["seq"] for message in browser.messages] == list(range(1, len(browser.messages) + 1))
    assert len({message["epoch"] for message in browser.messages}) == 1


async def test_a_snapshot_and_the_updates_after_it_are_a_later_snapshot(house: House) -> None:
    async with house.set_up() as page, house.runner("local", "helper", "news") as runner, house.browser(page) as early:
        first = await early.subscribe("helper")
        for number in range(30):
            await runner.say("helper", f"line {number}")
            if number % 5 == 0:
                event = {"user.id": f"u{number}", "chat.message.id": str(number)}
                await runner.emit("helper", "message.received", **event)
                await runner.tell(a_status("news", State.BACKOFF, restarts=number, uptime_s=None))
        await runner.tell_fleet("news", "helper", "third")
        async with house.browser(page) as late:
            await eventually(lambda: house.deck.fleet.names() == ["news", "helper", "third"])
            later = await late.subscribe("helper")
        await early.until(lambda m: m["type"] == "bot_list" and len(m["data"]["bots"]) == 3)
        await runner.say("helper", "the end")
        await early.until(lambda _: settled(fold(first, early.messages), later))

    folded = fold(first, early.messages)
    assert folded["lines"][:-1] == [line["text"] for line in later["stats"]["recent_logs"]]
    assert timeless(folded["fleet"]) == timeless(later["fleet"])
    assert folded["stats"]["messages_today"] == later["stats"]["messages_today"] == 6
    assert folded["stats"]["total_users"] == later["stats"]["total_users"] == 6


def settled(folded: dict[str, Any], later: dict[str, Any]) -> bool:
    """The last line is there, and the figures, which may come up to 100 ms later."""
    return folded["lines"][-1] == "the end" and folded["stats"]["messages_today"] == later["stats"]["messages_today"]


def fold(snapshot: dict[str, Any], messages: list[dict[str, Any]]) -> dict[str, Any]:
    """What a page shows."""
    fleet, stats = dict(snapshot["fleet"]), snapshot["stats"]
    lines = [line["text"] for line in stats["recent_logs"]]
    for message in messages:
        data = message["data"]
        match message["type"]:
            case "bot_status":
                fleet["bots"] = [data if bot["bot"] == data["bot"] else bot for bot in fleet["bots"]]
            case "bot_list":
                fleet = data
            case "dashboard_stats":
                stats = data
            case "log":
                lines += [line["text"] for line in data["lines"]]
    return {"fleet": fleet, "stats": stats, "lines": lines}


def timeless(fleet: dict[str, Any]) -> list[dict[str, Any]]:
    return [{key: value for key, value in bot.items() if key != "uptime_s"} for bot in fleet["bots"]]


async def test_no_line_is_lost_or_doubled_around_a_snapshot(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    pages: list[list[str]] = []
    read_at_once = house.storage.logs

    async def read_slowly(*arguments: Any, **more: Any) -> Any:
        """What is read grows old, and lines are published, before the snapshot goes out."""
        answer = await read_at_once(*arguments, **more)
        await asyncio.sleep(0.12)  # lines are published every 50 ms
        return answer

    monkeypatch.setattr(house.storage, "logs", read_slowly)

    async def talk(runner: ScriptedRunner) -> None:
        for number in itertools.count():
            if len(pages) == 6:
                return
            await runner.say("helper", f"line {number}")

    async with (
        house.set_up() as page,
        house.runner("local", "helper") as runner,
        asyncio.TaskGroup() as group,
    ):
        group.create_task(talk(runner))
        for _ in range(6):
            async with house.browser(page) as browser:
                await browser.next_of("log")
                await browser.subscribe("helper")
                await browser.next_of("log")
                await browser.next_of("log")
                pages.append(lines_of(browser))

    for texts in pages:
        numbers = [int(text.split()[1]) for text in texts]
        assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))


async def test_subscribing_to_another_bot_brings_its_lines_and_not_the_former_ones(house: House) -> None:
    async with (
        house.set_up() as page,
        house.runner("local", "helper", "news") as runner,
        house.browser(page) as browser,
    ):
        await browser.next_of("snapshot")
        snapshot = await browser.subscribe("news")
        await runner.say("helper", "for others")
        await runner.say("news", "for us")
        batch = await browser.next_of("log")
        nobody = await browser.subscribe("nobody")

    assert snapshot["stats"]["bot"] == "news"
    assert (batch["bot"], [line["text"] for line in batch["lines"]]) == ("news", ["for us"])
    assert nobody["stats"] is None


async def test_a_page_that_came_before_the_first_bot_gets_its_snapshot_when_it_comes(house: House) -> None:
    async with house.set_up() as page, house.browser(page) as browser:
        before = await browser.next_of("snapshot")
        async with house.runner("local", "helper"):
            after = await browser.next_of("snapshot")

    assert (before["stats"], before["fleet"]["bots"]) == (None, [])
    assert after["stats"]["bot"] == "helper"


async def test_figures_come_at_the_regular_interval_without_any_change(tmp_path: Path) -> None:
    async with (
        a_deck(tmp_path, stats_interval_s=0.1) as house,
        house.set_up() as page,
        house.runner("local", "helper"),
        house.browser(page) as browser,
    ):
        await browser.next_of("snapshot")
        figures = [await browser.next_of("dashboard_stats") for _ in range(3)]

    uptimes = [one["bot_uptime"] for one in figures]
    assert uptimes == sorted(uptimes)
    assert uptimes[2] - uptimes[0] > 0.1


async def test_figures_that_change_fast_are_told_ten_times_a_second_and_the_last_is_right(house: House) -> None:
    async with house.set_up() as page, house.runner("local", "helper") as runner, house.browser(page) as browser:
        await browser.next_of("snapshot")
        began = time.monotonic()
        for number in range(60):
            await runner.emit("helper", "message.received", **{"user.id": "u1", "chat.message.id": str(number)})
        await browser.until(lambda m: m["type"] == "dashboard_stats" and m["data"]["messages_today"] == 60)
        took = time.monotonic() - began

    told = [m for m in browser.messages if m["type"] == "dashboard_stats"]
    assert len(told) <= 2 + took / 0.1


async def test_a_browser_that_never_reads_delays_nobody_and_is_cut(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_client, "STALLED_AFTER_S", 3.0)
    text = "x" * 10_000
    async with (
        house.set_up() as page,
        house.runner("local", "helper"),
        house.browser(page) as healthy,
        house.browser(page, max_queue=1) as stalled,
    ):
        await healthy.next_of("snapshot")
        await stalled.next_of("snapshot")
        stop_reading(stalled)
        longest, number = 0.0, 0
        while len(house.deck.hub._clients) == 2:
            number += 1
            assert number < 20_000, "the stalled browser was never cut"
            began = time.monotonic()
            house.deck.logs.add("helper", [a_line(number, text)])
            await healthy.until(
                lambda m, last=number: m["type"] == "log" and m["data"]["lines"][-1]["id"] == last  # type: ignore[misc]
            )
            longest = max(longest, time.monotonic() - began)
        # Not only forgotten: its connection is gone, though it never took the close frame.
        await eventually(lambda: len(house.open_websockets()) == 2)
        stalled.socket.transport.abort()

    assert longest < 3.0, "nobody waited until the stalled one was cut"
    assert sum(m["data"]["dropped"] for m in healthy.messages if m["type"] == "log") == 0


def stop_reading(browser: LiveBrowser) -> None:
    browser.socket.transport.pause_reading()
    browser.socket.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)


async def test_a_browser_that_never_reads_does_not_hold_up_the_end(house: House) -> None:
    async with house.set_up() as page, house.runner("local", "helper"), house.browser(page, max_queue=1) as stalled:
        await stalled.next_of("snapshot")
        stop_reading(stalled)
        (connection,) = (one for one in house.open_websockets() if "ws" in one.scope["path"])
        for number in range(1, 600):
            house.deck.logs.add("helper", [a_line(number, "x" * 10_000)])
            house.deck.logs._flush("helper")
            await asyncio.sleep(0)
            if not connection.writable.is_set():
                break
        assert not connection.writable.is_set()
        began = time.monotonic()
        house.server.should_exit = True
        await house.stopped()
        took = time.monotonic() - began
        stalled.socket.transport.abort()

    assert took < 10


async def test_text_that_is_no_utf8_ends_the_connection_without_a_traceback(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    async with house.set_up() as page, house.browser(page) as browser:
        await browser.next_of("snapshot")
        await browser.socket.send(b"\xff\xfe", text=True)

        assert (await browser.closed())[0] == 1007
    assert caplog.records == []


@pytest.mark.parametrize(
    ("sent", "code"),
    [("nonsense", 4400), ('{"type":"dance"}', 4400), ('{"bot":7}', 4400), (b"\xff", 4400), ("x" * 70_000, 1009)],
)
async def test_a_page_that_sends_nonsense_is_cut(house: House, sent: str | bytes, code: int) -> None:
    async with house.set_up() as page, house.browser(page) as browser:
        await browser.next_of("snapshot")
        await browser.socket.send(sent)

        assert (await browser.closed())[0] == code


async def test_when_the_deck_goes_everyone_is_told_and_it_is_quick(tmp_path: Path) -> None:
    async with (
        a_deck(tmp_path) as house,
        house.set_up() as page,
        house.runner("local", "helper") as runner,
        house.browser(page) as browser,
    ):
        await browser.next_of("snapshot")
        began = time.monotonic()
        house.server.should_exit = True
        code, _ = await browser.closed()
        await asyncio.wait_for(runner.socket.wait_closed(), 5)
        await house.stopped()
        took = time.monotonic() - began

    assert code == runner.socket.close_code == 1012
    assert took < 10


async def test_what_is_too_old_is_removed_without_being_asked(tmp_path: Path) -> None:
    in_a_year = Clock(now=lambda: datetime.now(UTC) + timedelta(days=365), seconds=SYSTEM_CLOCK.seconds)
    async with a_deck(tmp_path) as house, house.set_up(), house.runner("local", "helper") as runner:
        await runner.send_data("helper/r1/out", b"old news\n")
        await kept_lines(house, 1)

    async with a_deck(tmp_path, clock=in_a_year) as house:
        await kept_lines(house, 0)


async def kept_lines(house: House, number: int) -> None:
    """Wait until the database has that many."""
    async with asyncio.timeout(10):
        while len((await house.storage.logs("helper"))[0]) != number:
            await asyncio.sleep(0.01)
