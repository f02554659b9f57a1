"""What anybody may send to the deck's port, from the Autobahn cases to sheer malice. `make bench-wire` is a long go."""

import asyncio
import contextlib
import json
import logging
import os
import socket
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import kosoku
import pytest
import uvicorn
from bench.hostile import heads
from bench.hostile.frames import CLOSE, CONT, PING, TEXT, frame
from bench.hostile.siege import Door, Siege
from bench.house.processes import memory
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.utils import ClientDisconnected

from botdeck.deck import http_protocol, incoming
from botdeck.deck.server import listen, uvicorn_config
from botdeck.settings import DeckSettings

from ..unit.deck_house import House, LiveBrowser, ScriptedRunner, a_deck, eventually

pytestmark = pytest.mark.process
DEADLINE_S = 20.0
ATTACKS = 400
WARM_UP = 100
SEED = 20261125
MOST_GROWTH_KIB = 20 * 1024
SERVER_LOGGERS = ("uvicorn", "asyncio", "botdeck.deck.incoming", "botdeck.deck.http_protocol", "botdeck.deck.noise")


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with a_deck(tmp_path) as house:
        yield house


class Server:
    """An app behind uvicorn as the deck configures it."""

    def __init__(self, app: ASGIApp, *, largest_message: int = incoming.LARGEST_MESSAGE_BYTES) -> None:
        config = uvicorn_config(app)
        config.lifespan = "off"
        config.ws_max_size = largest_message
        self.uvicorn = uvicorn.Server(config)

    async def __aenter__(self) -> "Server":
        self._listener = listen(DeckSettings(port=0))
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self._serving = asyncio.create_task(self.uvicorn.serve(sockets=[self._listener]))
        await eventually(lambda: self.uvicorn.started)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.end()

    async def end(self) -> None:
        self.uvicorn.should_exit = True
        async with asyncio.timeout(DEADLINE_S):
            await self._serving
        self._listener.close()


class Client:
    """Bytes, without any idea of what they mean."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    @contextlib.asynccontextmanager
    async def dial(cls, address: str, *first: bytes, small: bool = False) -> AsyncIterator["Client"]:
        host, _, port = address.partition(":")
        dialling = socket.socket()
        if small:
            dialling.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        dialling.connect((host, int(port)))
        reader, writer = await asyncio.open_connection(sock=dialling, limit=1 << 12)
        try:
            client = cls(reader, writer)
            for data in first:
                await client.send(data)
            yield client
        finally:
            writer.transport.abort()

    async def send(self, data: bytes) -> None:
        self._writer.write(data)
        async with asyncio.timeout(DEADLINE_S):
            await self._writer.drain()

    async def head(self) -> bytes:
        async with asyncio.timeout(DEADLINE_S):
            return await self._reader.readuntil(b"\r\n\r\n")

    async def exactly(self, count: int) -> bytes:
        async with asyncio.timeout(DEADLINE_S):
            return await self._reader.readexactly(count)

    async def until(self, end: bytes) -> bytes:
        everything = bytearray()
        async with asyncio.timeout(DEADLINE_S):
            while not everything.endswith(end):
                everything += await self._reader.readexactly(1)
        return bytes(everything)

    async def all(self) -> bytes:
        """Until the server ends the connection."""
        async with asyncio.timeout(DEADLINE_S):
            try:
                return await self._reader.read()
            except ConnectionResetError:
                return b""


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    await receive()
    await send({"type": "websocket.accept"})
    while (message := await receive())["type"] != "websocket.disconnect":
        await send({"type": "websocket.send", "bytes": message.get("bytes"), "text": message.get("text")})


@contextlib.contextmanager
def nothing_is_said(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    caplog.clear()
    yield
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING] == []


def opened(server: Server) -> bytes:
    return heads.handshake("/", server.address, {})


def address_of(house: House) -> str:
    return house.origin.removeprefix("http://")


# WebSockets.


@pytest.mark.timeout(300)
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # kosoku leaves its files open
async def test_all_autobahn_cases_hold_and_compression_is_declined(caplog: pytest.LogCaptureFixture) -> None:
    with nothing_is_said(caplog):
        async with Server(echo, largest_message=64 << 20) as server:
            try:
                results = await kosoku.run_fuzzingclient(f"ws://{server.address}", concurrency=4)
            except kosoku.FailureError as failure:  # declined compression is one, too
                results = failure.results

    compression = {result.case_id for result in results if result.case_id.startswith(("12.", "13."))}
    assert {result.case_id for result in results if result.behavior.value == "UNIMPLEMENTED"} == compression
    others = [result for result in results if result.case_id not in compression]
    assert [(result.case_id, result.result, result.result_close) for result in others if not result.passed] == []
    assert len(others) > 300


async def test_a_message_over_64_kib_is_refused_as_soon_as_its_length_is_known(house: House) -> None:
    async with house.set_up() as page, house.browser(page) as browser:
        await browser.next_of("snapshot")
        await browser.socket.send("x" * (incoming.LARGEST_MESSAGE_BYTES + 1))

        assert (await browser.closed())[0] == 1009

    async with Server(echo) as server, Client.dial(server.address, opened(server)) as client:
        await client.head()
        await client.send(frame(TEXT, declared=incoming.LARGEST_MESSAGE_BYTES + 1))

        assert (await client.all())[2:4] == (1009).to_bytes(2, "big")


async def test_a_message_in_thousands_of_fragments_arrives_whole() -> None:
    text = b"0123456789" * 500
    pieces = b"".join(frame(CONT, bytes([byte]), fin=False) + frame(CONT, fin=False) for byte in text)
    async with Server(echo) as server, Client.dial(server.address, opened(server)) as client:
        await client.head()
        await client.send(frame(TEXT, b"<", fin=False) + pieces + frame(CONT, b">"))

        assert (await client.exactly(4 + len(text) + 2))[4:] == b"<" + text + b">"


async def test_text_that_is_no_utf8_is_answered_with_1007_whatever_follows_at_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    for more in (b"", frame(PING) * 1000, frame(CLOSE, b"\x03\xe8"), frame(TEXT, b"\xff")):
        with nothing_is_said(caplog):
            async with Server(echo) as server, Client.dial(server.address, opened(server)) as client:
                await client.head()
                await client.send(frame(TEXT, b"a\xff") + more)
                answer = await client.all()

        # What was read at once was answered at once: pongs, or the echo of the close frame.
        assert (1000 if more.startswith(b"\x88") else 1007).to_bytes(2, "big") in answer


async def test_pings_whose_pongs_nobody_reads_do_not_pile_up_and_the_last_is_answered() -> None:
    async with Server(echo) as server, Client.dial(server.address, opened(server), small=True) as client:
        await client.head()
        for number in range(500):
            await client.send(b"".join(frame(PING, f"{number:4}/{n:2}".ljust(125).encode()) for n in range(32)))
        await client.send(frame(PING, b"the last"))
        (connection,) = server.uvicorn.server_state.connections
        waiting_bytes = connection.transport.get_write_buffer_size()

        pongs = await client.until(b"the last")

    assert waiting_bytes < 512 * 1024
    assert len(pongs) < 1 << 20


async def test_whoever_speaks_before_the_handshake_is_answered_is_let_go_of(caplog: pytest.LogCaptureFixture) -> None:
    heard: list[str] = []

    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        while not heard or heard[-1] != "websocket.disconnect":
            heard.append((await receive())["type"])
        with contextlib.suppress(OSError):
            await send({"type": "websocket.accept"})

    with nothing_is_said(caplog):
        async with Server(slow) as server, Client.dial(server.address, opened(server)) as client:
            await eventually(lambda: bool(heard))
            await client.send(frame(TEXT, b"{}"))
            assert await client.all() == b""
            await eventually(lambda: heard[-1] == "websocket.disconnect")
        async with Server(slow) as server, Client.dial(server.address, opened(server) + frame(TEXT)) as client:
            assert (await client.all()).startswith(b"HTTP/1.1 400")


async def test_an_app_that_speaks_on_to_a_client_that_was_cut_off_learns_that_it_is_gone(
    caplog: pytest.LogCaptureFixture,
) -> None:
    learned: list[type[OSError]] = []

    async def speaks_on(scope: Scope, receive: Receive, send: Send) -> None:
        await echo(scope, receive, send)
        try:
            await send({"type": "websocket.send", "text": "still there?"})
        except OSError as error:
            learned.append(type(error))

    with nothing_is_said(caplog):
        async with Server(speaks_on) as server, Client.dial(server.address, opened(server)) as client:
            await client.head()
            await client.send(frame(TEXT, b"\xff"))
            await client.all()

    assert learned == [ClientDisconnected]


async def test_a_handshake_that_the_app_does_not_answer_is_answered_for_it(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(incoming, "HANDSHAKE_DEADLINE_S", 0.1)
    let_go = asyncio.Event()

    async def busy(scope: Scope, receive: Receive, send: Send) -> None:
        await let_go.wait()
        await echo(scope, receive, send)

    with nothing_is_said(caplog):
        async with Server(busy) as server, Client.dial(server.address, opened(server)) as client:
            assert (await client.all()).startswith(b"HTTP/1.1 500")
            let_go.set()
            await eventually(lambda: not server.uvicorn.server_state.tasks)


@pytest.mark.parametrize(
    ("headers", "answer"),
    [
        ({f"X-{n}": "y" for n in range(150)}, b"HTTP/1.1 431"),
        ({"X-Long": "y" * 9000}, b"HTTP/1.1 431"),
        ({"Content-Length": "5"}, b"HTTP/1.1 400"),
        ({"Sec-WebSocket-Key": "short"}, b"HTTP/1.1 400"),
    ],
    ids=["many headers", "a long header", "a body", "a short key"],
)
async def test_a_handshake_that_is_none_gets_an_answer_and_an_end(headers: dict[str, str], answer: bytes) -> None:
    async with Server(echo) as server, Client.dial(server.address, heads.handshake("/", server.address, headers)) as it:
        assert (await it.all()).startswith(answer)


async def test_a_client_that_closes_and_does_not_read_does_not_hold_up_the_end() -> None:
    async def generous(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.send", "bytes": bytes(16 << 20)})
        while (await receive())["type"] != "websocket.disconnect":
            pass

    async with Server(generous) as server, Client.dial(server.address, opened(server), small=True) as client:
        await client.head()
        (connection,) = server.uvicorn.server_state.connections
        await client.send(frame(CLOSE, b"\x03\xe8"))
        await eventually(lambda: connection.transport.is_closing())

        await server.end()

    assert not server.uvicorn.server_state.connections


# HTTP.


async def test_requests_that_come_slowly_or_never_are_not_waited_for(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_protocol, "HEAD_DEADLINE_S", 0.3)
    monkeypatch.setattr(http_protocol, "BODY_DEADLINE_S", 0.3)
    address = address_of(house)
    whole = heads.request("GET /health HTTP/1.1", address)
    half = b"GET /health HTTP/1.1\r\nHost:"
    body = heads.request("POST /api/auth/login HTTP/1.1", address, "Content-Length: 100", body=b"{")
    async with house.set_up() as page, house.runner("local", "helper") as runner, house.browser(page) as browser:
        await browser.next_of("snapshot")
        async with contextlib.AsyncExitStack() as stack:
            slow = [
                await stack.enter_async_context(Client.dial(address, *sent))
                for sent in ((), (b"G",), (half,), (whole + half,), (whole, half), (body,))
            ]
            dripping = await stack.enter_async_context(Client.dial(address, half))
            with contextlib.suppress(ConnectionError):
                async with asyncio.timeout(DEADLINE_S):
                    while True:
                        await dripping.send(b"x")
                        await asyncio.sleep(0.01)
            answers = [await client.all() for client in slow]

        assert [answer[:12] for answer in answers] == [b"", b"", b"", b"HTTP/1.1 200", b"HTTP/1.1 200", b""]
        # A WebSocket is no request that takes its time.
        await runner.tell_fleet("helper", "news")
        await browser.next_of("bot_list")


async def test_a_body_that_goes_wrong_after_the_answer_is_no_error_of_the_deck(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    head = heads.request("POST /api/bots HTTP/1.1", address_of(house), "Transfer-Encoding: chunked")
    async with Client.dial(address_of(house), head) as client:
        assert (await client.head()).startswith(b"HTTP/1.1 401")
        await client.send(b"no chunk\r\n")
        await client.all()
    async with Client.dial(address_of(house), head + b"no chunk\r\n") as client:
        assert (await client.all()).startswith(b"HTTP/1.1 400")

    assert [record for record in caplog.records if record.exc_info] == []


async def test_bad_requests_and_refused_programs_do_not_fill_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with a_deck(tmp_path) as house:
        address = address_of(house)
        refused = heads.handshake("/api/runner/link", address, {"Authorization": "Bearer x"})
        caplog.clear()
        for _ in range(50):
            async with Client.dial(address, b"no request\r\n\r\n") as client:
                assert (await client.all()).startswith(b"HTTP/1.1 400")
            async with Client.dial(address, refused) as client:
                assert (await client.all()).startswith(b"HTTP/1.1 401")

    said = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert said[0] == "Invalid HTTP request received."
    assert [line.partition(" in ")[0] for line in said[1:]] == ["49 more"]


# Everything at once.


@pytest.mark.timeout(300)
async def test_a_siege_changes_nothing_for_a_page_that_looks_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with (
        a_deck(tmp_path) as house,
        house.set_up() as page,
        house.runner("local", "helper") as runner,
        house.browser(page) as browser,
    ):
        texts: list[str] = []
        looking_on = asyncio.create_task(_look_on(browser, texts))
        siege = Siege("127.0.0.1", int(address_of(house).partition(":")[2]), _doors(house, page), SEED)
        await siege.lay(_times(WARM_UP))
        caplog.clear()
        rss_kib = memory_kib()
        over = asyncio.Event()
        saying = asyncio.create_task(_say_until(over, runner))
        await siege.lay(_times(ATTACKS))
        over.set()
        said = await saying
        grew_kib = memory_kib() - rss_kib
        await runner.say("helper", "the end")
        await eventually(lambda: "the end" in texts)
        await eventually(lambda: len(house.open_websockets()) == 2)
        looking_on.cancel()

    assert siege.outcome.faults == []
    assert siege.outcome.attacks.total() == WARM_UP + ATTACKS
    assert said
    assert texts == [*said, "the end"]
    assert grew_kib < MOST_GROWTH_KIB
    lines = Counter(record.name for record in caplog.records if record.name.startswith(SERVER_LOGGERS))
    assert [record.getMessage() for record in caplog.records if record.exc_info] == []
    assert lines.total() < 20, lines


def _doors(house: House, page: Any) -> list[Door]:
    origin = {"Origin": house.origin}
    cookie = "; ".join(f"{cookie.name}={cookie.value}" for cookie in page.cookies.jar)
    runner = {"Authorization": f"Bearer {house.token('runner-token')}"}
    return [
        Door("the live channel", "/ws/1", {**origin, "Cookie": cookie}),
        Door("the live channel, unknown", "/ws/1", origin),
        Door("the runners' link", "/api/runner/link", runner),
        Door("the runners' link, unknown", "/api/runner/link", {"Authorization": "Bearer x"}),
    ]


def _times(count: int) -> Any:
    left = iter(range(count))
    return lambda: next(left, None) is not None


async def _look_on(browser: LiveBrowser, texts: list[str]) -> None:
    async for message in browser.socket:
        data = json.loads(message)["data"]
        texts += [line["text"] for line in data.get("lines", ()) if line["text"] not in texts]


async def _say_until(over: asyncio.Event, runner: ScriptedRunner) -> list[str]:
    said: list[str] = []
    while not over.is_set():
        said.append(f"line {len(said)}")
        await runner.say("helper", said[-1])
        await asyncio.sleep(0.02)
    return said


def memory_kib() -> int:
    return memory(os.getpid()).rss
