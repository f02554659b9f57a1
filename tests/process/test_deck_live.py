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

from botdeck.deck import liveness, log_feed
from botdeck.deck.clock import SYSTEM_CLOCK, Clock
from botdeck.deck.sockets import READ_BYTES, DeckWebSocketProtocol
from botdeck.deck.websocket_manager import FLUSH_GAP_S
from botdeck.models import Role, State

from ..unit.deck_house import PASSWORD, House, LiveBrowser, ScriptedRunner, a_deck, a_line, a_status, eventually
from ..unit.live_page import LivePage
from ..unit.live_wire import flush

pytestmark = pytest.mark.process


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with a_deck(tmp_path) as house:
        yield house


async def test_a_page_begins_with_a_snapshot(house: House) -> None:
    async with house.set_up() as page, house.runner("local", "helper", "news") as runner:
        await runner.say("helper", "one", "two")
        async with house.browser(page) as browser:
            message = await browser.receive()

    data = message["data"]
    assert message["type"] == "snapshot"
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


async def test_every_update_has_the_epoch_and_the_next_seq_of_its_topic(house: House) -> None:
    async with house.set_up() as page, house.runner("local", "helper") as runner, house.browser(page) as browser:
        await browser.next_of("snapshot")
        for number in range(5):
            await runner.emit("helper", "user.seen", **{"user.id": f"u{number}"})
            await runner.tell(a_status("helper", restarts=number))
        await runner.say("helper", "the end")
        await browser.until_shown(lambda shown: shown.stats["total_users"] == 5 and len(shown.lines) == 1)

    snapshot, *updates = browser.messages
    assert set(snapshot["data"]["positions"]) == {"overview", "bot/helper", "log/helper"}
    for topic, position in snapshot["data"]["positions"].items():
        seqs = [message["seq"] for message in updates if message.get("topic") == topic]
        assert seqs == list(range(position + 1, position + 1 + len(seqs)))
        assert seqs
    assert len({message["epoch"] for message in browser.messages}) == 1


async def test_two_pages_get_the_same_bytes(house: House) -> None:
    async with (
        house.set_up() as page,
        house.runner("local", "helper") as runner,
        house.browser(page) as one,
        house.browser(page) as other,
    ):
        for browser in (one, other):
            await browser.next_of("snapshot")
        await runner.say("helper", "line")
        for browser in (one, other):
            await browser.next_of("log")

    assert one.messages[-1] == other.messages[-1]


async def test_no_line_is_lost_or_doubled_around_a_snapshot(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    pages: list[LivePage] = []
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
                pages.append(browser.page)

    for shown in pages:
        numbers = [int(shown.lines[line].split()[1]) for line in sorted(shown.lines)]
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


async def test_a_storm_of_statuses_is_told_as_often_as_is_flushed_and_the_last_is_right(house: House) -> None:
    async with house.set_up() as page, house.runner("local", "helper") as runner, house.browser(page) as browser:
        await browser.next_of("snapshot")
        began = time.monotonic()
        for number in range(1, 401):
            await runner.tell(a_status("helper", restarts=number))
        await browser.until_shown(lambda shown: shown.fleet["bots"][0]["restarts"] == 400)
        took = time.monotonic() - began

    told = [m for m in browser.messages if m["type"] == "bot_status"]
    assert len(told) <= 2 + took / FLUSH_GAP_S


async def test_lines_come_in_batches_of_50_ms(house: House) -> None:
    async with house.set_up() as page, house.runner("local", "helper") as runner, house.browser(page) as browser:
        await browser.next_of("snapshot")
        began = time.monotonic()
        for number in range(200):
            await runner.send_data("helper/r1/out", f"line {number}\n".encode())
        await browser.until_shown(lambda shown: len(shown.lines) == 200)
        took = time.monotonic() - began

    assert len([m for m in browser.messages if m["type"] == "log"]) <= 2 + took / log_feed.GAP_S


def read_slowly(house: House, monkeypatch: pytest.MonkeyPatch) -> asyncio.Event:
    """Snapshots are not ready before the event is set."""
    ready, read_at_once = asyncio.Event(), house.storage.logs

    async def read(*arguments: Any, **more: Any) -> Any:
        answer = await read_at_once(*arguments, **more)
        await ready.wait()
        return answer

    monkeypatch.setattr(house.storage, "logs", read)
    return ready


async def test_who_signs_out_while_a_snapshot_is_read_gets_none(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    async with house.set_up() as page, house.runner("local", "helper") as runner:
        ready = read_slowly(house, monkeypatch)
        async with house.browser(page) as browser:
            await eventually(lambda: len(house.deck.hub.clients) == 1 and house.deck.hub.is_watched("helper"))
            await page.post("api/auth/logout")
            ready.set()
            await runner.tell(a_status("helper", State.STOPPED))
            assert await browser.closed() == (4401, "You signed out.")
        await eventually(lambda: not house.deck.hub.clients)

    assert browser.messages == []
    assert house.deck.hub._audiences["helper"].members == 0


async def test_a_bot_that_goes_while_its_snapshot_is_read_is_not_followed(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with house.set_up() as page, house.runner("local", "helper", "news") as runner:
        ready = read_slowly(house, monkeypatch)
        async with house.browser(page) as browser:
            await eventually(lambda: house.deck.hub.is_watched("helper"))
            await runner.tell_fleet("news")
            await eventually(lambda: house.deck.fleet.names() == ["news"])
            ready.set()
            await browser.until_shown(lambda shown: bool(shown.stats) and shown.stats["bot"] == "news")

    assert browser.page.places.keys() == {"overview", "bot/news", "log/news"}


async def test_who_is_woken_many_times_gets_one_snapshot(house: House) -> None:
    async with house.set_up() as page, house.runner("local", "helper") as runner, house.browser(page) as browser:
        await browser.next_of("snapshot")
        (connection,) = (client.connection for client in house.deck.hub.clients)
        for _ in range(20):
            connection.wake()
        await runner.say("helper", "a line")
        await browser.next_of("log")

    assert browser.page.counts["snapshot"] == 2


async def test_the_kernel_forgets_whom_the_deck_lets_go_of(house: House) -> None:
    async with house.set_up() as page, house.runner("local", "helper"), house.browser(page, max_queue=1) as stalled:
        await stalled.next_of("snapshot")
        stop_reading(stalled)
        (client,) = house.deck.hub.clients
        ports = client.connection.transport.get_extra_info("socket").getsockname()[1], port_of(stalled)
        for number in range(1, 600):
            house.deck.hub.broadcast_log("helper", [a_line(number, "x" * 10_000)])
            flush(house.deck.hub)
        assert client.connection.waiting_bytes > 0
        client.connection.abort()
        await eventually(lambda: client.connection not in house.open_websockets())
        assert ports not in kernel_sockets()
        stalled.socket.transport.abort()


def port_of(browser: LiveBrowser) -> int:
    port: int = browser.socket.transport.get_extra_info("socket").getsockname()[1]
    return port


def kernel_sockets() -> set[tuple[int, int]]:
    """Local and remote port of all of them, in whatever state."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return {(int(row[1][-4:], 16), int(row[2][-4:], 16)) for row in rows}


async def test_the_kernel_itself_cuts_no_page_for_being_slow(house: House) -> None:
    async with house.set_up() as page, house.runner("local", "helper"), house.browser(page) as browser:
        await browser.next_of("snapshot")
        (client,) = house.deck.hub.clients
        end = client.connection.transport.get_extra_info("socket")

        assert end.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 0
        client.connection.part(4401, "You signed out.")
        assert end.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) > 0


async def test_a_browser_that_never_reads_delays_nobody_and_is_cut(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(liveness, "STUCK_S", 3.0)
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
        while len(house.deck.hub.clients) == 2:
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


async def test_a_flood_of_pings_is_read_a_little_at_a_time(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []
    receive = DeckWebSocketProtocol.data_received

    def noted(self: DeckWebSocketProtocol, data: bytes) -> None:
        sizes.append(len(data))
        receive(self, data)

    async with house.set_up() as page, house.browser(page) as browser:
        await browser.next_of("snapshot")
        monkeypatch.setattr(DeckWebSocketProtocol, "data_received", noted)
        browser.socket.transport.write(bytes.fromhex("898000000000") * 10_000)
        await eventually(lambda: sum(sizes) >= 60_000)

    assert max(sizes) <= READ_BYTES, "everybody else has their turn after each of them"


def stop_reading(browser: LiveBrowser) -> None:
    browser.socket.transport.pause_reading()
    browser.socket.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)


async def test_a_browser_that_never_reads_does_not_hold_up_the_end(house: House) -> None:
    async with house.set_up() as page, house.runner("local", "helper"), house.browser(page, max_queue=1) as stalled:
        await stalled.next_of("snapshot")
        stop_reading(stalled)
        (connection,) = (client.connection for client in house.deck.hub.clients)
        for number in range(1, 600):
            house.deck.logs.add("helper", [a_line(number, "x" * 10_000)])
            house.deck.logs._flush("helper")
            flush(house.deck.hub)
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
