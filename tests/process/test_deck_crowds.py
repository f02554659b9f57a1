"""Many pages that come or go at once: they are told when to come back."""

import asyncio
import gc
import json
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.server import ServerProtocol

from botdeck.data_dir import running_deck
from botdeck.deck.admission import Admission
from botdeck.deck.sockets import DeckWebSocketProtocol

from ..unit.deck_house import House, a_deck, eventually

pytestmark = pytest.mark.process


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    """A deck that just let in as many as it can."""
    async with a_deck(tmp_path) as house:
        admission = Admission(rate_per_s=0.001, burst=1)
        admission.admit(asyncio.get_running_loop().time())
        house.deck.live._admission = admission
        yield house


def go_away_of(message: dict[str, Any]) -> tuple[str, float, float]:
    assert message["type"] == "goaway"
    return message["data"]["reason"], message["data"]["after_s"], message["data"]["spread_s"]


async def test_a_page_for_which_there_is_no_room_is_told_when_to_come_back(house: House) -> None:
    async with house.set_up() as page, house.browser(page) as browser:
        code, _ = await browser.closed()

    reason, after_s, spread_s = go_away_of(browser.messages[0])
    assert len(browser.messages) == 1
    assert code == 1013
    assert reason == "Too many pages come to this deck at once."
    assert (after_s, spread_s) == (pytest.approx(1, abs=0.01), 1)


async def test_a_handshake_that_comes_in_pieces_is_answered_alike(house: House) -> None:
    parts = urlsplit(house.url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    head = (
        f"GET /ws/1 HTTP/1.1\r\nHost: {parts.netloc}\r\nOrigin: {house.origin}\r\nUpgrade: websocket\r\n"
        "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    writer.write(head[:20].encode())
    await writer.drain()
    await asyncio.sleep(0)
    writer.write(head[20:].encode())

    async with asyncio.timeout(20):
        answer = await reader.readuntil(b"\r\n\r\n")
        assert (await reader.readexactly(2)) == b"\x81\x7e"
        message = json.loads(await reader.readexactly(int.from_bytes(await reader.readexactly(2))))
        close = await reader.readexactly(4)
    writer.close()

    assert answer.startswith(b"HTTP/1.1 101 ")
    assert go_away_of(message)[0] == "Too many pages come to this deck at once."
    assert (close[0], int.from_bytes(close[2:])) == (0x88, 1013)


async def test_a_program_for_which_there_is_no_room_reads_it_from_the_answer(house: House) -> None:
    headers = {"Authorization": f"Bearer {house.token()}"}

    with pytest.raises(InvalidStatus) as refused:
        await connect(house.websocket_url("ws/cli"), additional_headers=headers)

    answer = refused.value.response
    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "1"
    assert json.loads(answer.body) == {
        "detail": "Too many pages come to this deck at once. Come back in 1 s.",
        "code": "deck_busy",
    }


async def test_runners_and_requests_are_let_in_meanwhile(house: House) -> None:
    async with house.set_up() as page, house.runner("local", "helper") as runner:
        stopped = await page.post("api/bot/stop")

    assert stopped.status_code == 200
    assert [order.bot for order in runner.orders] == ["helper"]


async def test_pages_of_a_deck_that_stops_are_told_when_to_come_to_the_next(tmp_path: Path) -> None:
    config = tmp_path / "botdeck.toml"
    config.write_text("[deck]\nport = 0\n")
    deck = await asyncio.create_subprocess_exec(sys.executable, "-m", "botdeck.deck", "--config", str(config))
    try:
        told = await asyncio.wait_for(_stop_with_pages(deck, tmp_path / ".botdeck", 5), 60)
        exit_code = await asyncio.wait_for(deck.wait(), 20)
    finally:
        if deck.returncode is None:
            deck.kill()
            await deck.wait()

    assert told == [(("The deck was stopped.", 1.0, 1.0), 1012)] * 5
    assert exit_code == 0


async def _stop_with_pages(
    deck: asyncio.subprocess.Process, data_dir: Path, pages: int
) -> list[tuple[tuple[str, float, float], int | None]]:
    """What the last message and the close code were."""
    while (address := running_deck(data_dir)) is None:
        await asyncio.sleep(0.02)
    headers = {"Authorization": f"Bearer {(data_dir / 'cli-token').read_text().strip()}"}
    url = address.url.replace("http", "ws", 1) + "ws/cli"
    sockets = [await connect(url, additional_headers=headers) for _ in range(pages)]
    for socket in sockets:
        assert json.loads(await socket.recv())["type"] == "snapshot"
    deck.send_signal(signal.SIGTERM)
    told = []
    for socket in sockets:
        messages = [json.loads(message) async for message in _rest_of(socket)]
        told.append((go_away_of(messages[-1]), socket.close_code))
    return told


async def _rest_of(socket: ClientConnection) -> AsyncIterator[str | bytes]:
    try:
        while True:
            yield await socket.recv()
    except ConnectionClosed:
        return


async def test_a_connection_that_ends_leaves_no_cyclic_garbage(tmp_path: Path) -> None:
    async with a_deck(tmp_path) as house, house.set_up() as page:
        gc.collect()
        gc.disable()
        try:
            for _ in range(3):
                async with house.browser(page) as browser:
                    await browser.next_of("snapshot")
                    assert _alive(ServerProtocol, DeckWebSocketProtocol) == 2
            await eventually(lambda: not house.open_websockets())
            await eventually(lambda: not _alive(ServerProtocol, DeckWebSocketProtocol))
        finally:
            gc.enable()


def _alive(*kinds: type) -> int:
    return sum(issubclass(type(one), kinds) for one in gc.get_objects())
