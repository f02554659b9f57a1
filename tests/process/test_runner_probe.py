"""Probes against real sockets."""

import asyncio
import contextlib
import socket
import ssl
import subprocess
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from botdeck.runner.probe import Prober, probe

pytestmark = pytest.mark.process
PATIENCE_S = 20


class Server:
    """Answers each connection with the same bytes, or not at all, and keeps what it was asked."""

    def __init__(self, answer: bytes | None, waits_for: bytes, *, then_closes: bool) -> None:
        self.answer = answer
        self.waits_for = waits_for
        self.then_closes = then_closes
        self.asked: list[bytes] = []
        self.serving: set[asyncio.Task[None]] = set()
        self.port = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self.serving.add(task)
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            if self.waits_for:
                self.asked.append(await reader.readuntil(self.waits_for))
            writer.write(self.answer or b"")
            await writer.drain()
            if self.answer is None or not self.then_closes:
                await reader.read()
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


@contextlib.asynccontextmanager
async def serving(
    answer: bytes | None,
    *,
    host: str = "127.0.0.1",
    tls: ssl.SSLContext | None = None,
    waits_for: bytes = b"\r\n\r\n",
    then_closes: bool = True,
) -> AsyncIterator[Server]:
    server = Server(answer, waits_for, then_closes=then_closes)
    listening = await asyncio.start_server(server.serve, host, 0, ssl=tls)
    server.port = listening.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listening.close()
        async with asyncio.timeout(PATIENCE_S):
            await asyncio.gather(*server.serving)


async def until(what: Callable[[], object]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not what():
            await asyncio.sleep(0.005)


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@pytest.mark.parametrize(
    ("answer", "failure"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", None),
        (b"HTTP/1.0 204 No Content\r\n\r\n", None),
        (b"HTTP/1.1 301 Moved\r\nLocation: http://192.0.2.1/\r\n\r\n", None),
        (b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 5_000_000, None),
        (b"HTTP/1.1 399\r\n\r\n", None),
        (b"HTTP/1.1 400 Bad\r\n\r\n", "status 400"),
        (b"HTTP/1.1 404 Not Found\r\n\r\n", "status 404"),
        (b"HTTP/1.1 503 Service Unavailable\r\n\r\n", "status 503"),
        (b"SSH-2.0-OpenSSH\r\n", "its answer is no HTTP"),
        (b"\xff" * 200_000, "its answer is no HTTP"),
        (b"HTTP/1.1 2000 OK\r\n\r\n", "its answer is no HTTP"),
        (b"", "it closed the connection"),
    ],
    ids=lambda value: value[:24].decode("latin-1") if isinstance(value, bytes) else value or "fine",
)
async def test_an_answer_is_judged_by_its_status(answer: bytes, failure: str | None) -> None:
    async with serving(answer) as server:
        assert await probe(f"http://127.0.0.1:{server.port}/up", PATIENCE_S) == failure


async def test_the_request_is_plain_http() -> None:
    async with serving(b"HTTP/1.1 200 OK\r\n\r\n") as server:
        await probe(f"http://ann:pw@127.0.0.1:{server.port}/a b/ü?q=1&x=%20y", PATIENCE_S)
        await probe(f"http://127.0.0.1:{server.port}", PATIENCE_S)

    first, second = server.asked
    assert first.startswith(b"GET /a%20b/%C3%BC?q=1&x=%20y HTTP/1.1\r\n")
    assert f"\r\nHost: 127.0.0.1:{server.port}\r\n".encode() in first
    assert b"pw" not in first
    assert second.startswith(b"GET / HTTP/1.1\r\n")


async def test_who_does_not_answer_in_time_fails() -> None:
    async with serving(None) as server:
        assert await probe(f"http://127.0.0.1:{server.port}/", 0.05) == "no answer within 0.05 s"


async def test_an_answer_that_never_ends_is_an_answer() -> None:
    async with serving(b"HTTP/1.1 200 OK\r\n\r\n", then_closes=False) as server:
        assert await probe(f"http://127.0.0.1:{server.port}/", PATIENCE_S) is None


@pytest.mark.parametrize("scheme", ["tcp", "http", "https"])
async def test_a_port_that_nobody_listens_at_refuses(scheme: str) -> None:
    assert await probe(f"{scheme}://127.0.0.1:{closed_port()}", PATIENCE_S) == "connection refused"
    assert await probe(f"{scheme}://localhost:{closed_port()}", PATIENCE_S) == "connection refused"


async def test_a_connection_is_all_that_tcp_asks_for() -> None:
    async with serving(None) as server:
        assert await probe(f"tcp://127.0.0.1:{server.port}", PATIENCE_S) is None

        await until(lambda: server.serving)
    assert not server.asked


@pytest.mark.skipif(not socket.has_ipv6, reason="no IPv6")
async def test_addresses_of_version_6() -> None:
    try:
        async with serving(b"HTTP/1.1 200 OK\r\n\r\n", host="::1") as server:
            assert await probe(f"http://[::1]:{server.port}/", PATIENCE_S) is None
            assert f"\r\nHost: [::1]:{server.port}\r\n".encode() in server.asked[0]
    except OSError:
        pytest.skip("no IPv6 on this host")


async def test_a_bot_with_a_certificate_of_its_own_answers(tmp_path: Path) -> None:
    make = "openssl req -x509 -newkey rsa:2048 -nodes -days 1 -subj /CN=nobody -keyout key.pem -out cert.pem"
    subprocess.run(make, shell=True, cwd=tmp_path, check=True, stderr=subprocess.DEVNULL)  # noqa: ASYNC221
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")

    async with serving(b"HTTP/1.1 200 OK\r\n\r\n", tls=tls) as server:
        assert await probe(f"https://127.0.0.1:{server.port}/", PATIENCE_S) is None


async def test_a_server_without_tls_is_told() -> None:
    async with serving(b"HTTP/1.1 400 Bad Request\r\n\r\n", waits_for=b"") as server:
        failure = await probe(f"https://127.0.0.1:{server.port}/", PATIENCE_S)

    assert failure == "no TLS, wrong version number"


@pytest.mark.parametrize(
    "url", ["http://no-such-host.invalid/", "tcp://no-such-host.invalid:1", "http://[::1/", "http://a..b/"]
)
async def test_an_address_that_leads_nowhere_is_a_failure_and_no_exception(url: str) -> None:
    assert await probe(url, PATIENCE_S)


async def test_a_prober_goes_on_until_it_is_stopped_whatever_becomes_of_its_results() -> None:
    results: list[str | None] = []

    def heard(failure: str | None) -> None:
        results.append(failure)
        raise RuntimeError("a mistake of ours")

    async with serving(b"HTTP/1.1 200 OK\r\n\r\n") as server:
        prober = Prober(f"http://127.0.0.1:{server.port}/", 0.02, heard)
        prober.start()
        prober.start()  # is the same as once
        await until(lambda: len(results) >= 3)
        server.answer = b"HTTP/1.1 500 Oh\r\n\r\n"
        await until(lambda: results[-1] == "status 500")
        prober.stop()
        number = len(results)
        for _ in range(20):
            await asyncio.sleep(0.005)

    assert results[:3] == [None] * 3
    assert len(results) == number


async def test_a_prober_that_is_stopped_in_the_middle_of_a_probe_leaves_nothing_behind() -> None:
    results: list[str | None] = []
    async with serving(None) as server:
        prober = Prober(f"http://127.0.0.1:{server.port}/", 20, results.append)
        prober._interval_s = 0.01
        prober.start()
        await until(lambda: server.asked)
        before = asyncio.all_tasks()
        prober.stop()
        prober.stop()
        await until(lambda: not any("probes of" in task.get_name() for task in asyncio.all_tasks()))

    assert any("probes of" in task.get_name() for task in before)
    assert not results
