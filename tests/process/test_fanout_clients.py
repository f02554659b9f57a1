"""What `make bench-fanout` says hangs on its clients: they must notice what is missing and what comes twice."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from bench.fan_out.load import Load, Speech
from bench.fan_out.message import text
from websockets.asyncio.server import Server, ServerConnection, serve

CLIENTS = 30
pytestmark = [
    pytest.mark.process,
    pytest.mark.skipif(
        not shutil.which("gcc") or not Path("/usr/include/zlib.h").exists(), reason="needs gcc and zlib's header"
    ),
]


async def _live(connection: ServerConnection) -> None:
    await connection.wait_closed()


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    async with serve(_live, "127.0.0.1", 0) as server:
        yield server


def _load(server: Server, *headers: str) -> Load:
    return Load(next(iter(server.sockets)).getsockname()[1], Speech(headers=headers), 0)


async def _send(server: Server, number: int, *, but: int = 0) -> None:
    for connection in list(server.connections)[but:]:
        await connection.send(text(number))


async def _opened(load: Load) -> None:
    assert (await asyncio.to_thread(load.open, CLIENTS))["ready"] == CLIENTS


async def test_clients_that_all_get_every_message_once_report_no_fault(server: Server) -> None:
    with _load(server) as load:
        await _opened(load)

        await asyncio.to_thread(load.expect, 1, 2, 20)
        await _send(server, 1)
        await _send(server, 2)
        came = await asyncio.to_thread(load.came)

    assert (came["complete"], came["missing"], came["twice"], came["stray"]) == (2, 0, 0, 0)
    assert len(came["late_us"]) == 2


async def test_a_client_that_missed_a_message_is_noticed(server: Server) -> None:
    with _load(server) as load:
        await _opened(load)

        await asyncio.to_thread(load.expect, 1, 2, 1)
        await _send(server, 1)
        await _send(server, 2, but=1)
        came = await asyncio.to_thread(load.came)

    assert (came["complete"], came["missing"]) == (1, 1)


async def test_a_message_that_comes_twice_is_noticed_at_once_and_later(server: Server) -> None:
    with _load(server) as load:
        await _opened(load)

        await asyncio.to_thread(load.expect, 1, 2, 20)
        await _send(server, 1)
        await _send(server, 1)
        await _send(server, 2)
        came = await asyncio.to_thread(load.came)
        await asyncio.to_thread(load.expect, 3, 1, 20)
        await _send(server, 2)
        await _send(server, 3)
        later = await asyncio.to_thread(load.came)

    assert (came["missing"], came["twice"]) == (0, CLIENTS)
    assert (later["missing"], later["stray"]) == (0, CLIENTS)


async def test_compressed_messages_are_read_like_others(server: Server) -> None:
    offer = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits"
    with _load(server, offer) as load:
        await _opened(load)

        await asyncio.to_thread(load.expect, 1, 3, 20)
        for number in (1, 2, 3):
            await _send(server, number)
        came = await asyncio.to_thread(load.came)

    assert (came["complete"], came["missing"]) == (3, 0)
    assert came["bytes"] < 3 * CLIENTS * len(text(1))
