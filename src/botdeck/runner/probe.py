"""Asks a bot from outside whether it works: does it take a connection, does it answer a request?"""

import asyncio
import contextlib
import logging
import os
import random
import re
import socket
import ssl
from collections.abc import Callable
from urllib.parse import SplitResult, quote, urlsplit

log = logging.getLogger(__name__)

TIMEOUT_S = 5.0
JITTER = 0.1
"""So that many bots of one host are not probed at the same moment for ever."""
_GOODBYE_S = 1.0
"""For the rest of an answer. A server whose client goes away in the middle of it writes a traceback into its log."""
_MOST_OF_AN_ANSWER = 1 << 20
_STATUS = re.compile(rb"HTTP/\d\.\d (\d{3})\b")
_PORTS = {"http": 80, "https": 443}
_IN_A_PATH = "/%:@!$&'()*+,;=-._~"


async def probe(url: str, timeout_s: float) -> str | None:
    """Why there is no good answer, in words, or None. Raises nothing."""
    writer = None
    try:
        address = urlsplit(url)
        async with asyncio.timeout(timeout_s):
            reader, writer = await _open(address)
            if address.scheme == "tcp":
                return None
            line = await _ask(address, reader, writer)
        await _read_the_rest(reader)
        return _verdict(line)
    except TimeoutError:
        return f"no answer within {timeout_s:g} s"
    except (OSError, ValueError) as error:  # ValueError: an address that cannot be one
        return _words(error)
    finally:
        if writer is not None:
            writer.close()


class Prober:
    """Probes one bot every `interval_s`, from `start` to `stop`, and tells `heard` each result."""

    def __init__(self, url: str, interval_s: float, heard: Callable[[str | None], None]) -> None:
        self._url = url
        self._interval_s = interval_s
        self._heard = heard
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name=f"probes of {self._url}")

    def stop(self) -> None:
        """Nothing is heard from here on."""
        if self._task is not None:
            self._task.cancel()
            self._task = None

    async def _run(self) -> None:
        while True:
            # Before the first one, too: a bot that just started is not listening yet.
            await asyncio.sleep(self._interval_s * random.uniform(1 - JITTER, 1 + JITTER))  # noqa: S311 - no secret
            failure = await probe(self._url, min(TIMEOUT_S, self._interval_s))
            try:
                self._heard(failure)
            except Exception:
                log.exception("The result of a probe of %s was not taken", self._url)


async def _open(address: SplitResult) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    port = address.port or _PORTS[address.scheme]
    context = _unchecked() if address.scheme == "https" else None
    return await asyncio.open_connection(address.hostname, port, ssl=context)


def _unchecked() -> ssl.SSLContext:
    """The question is whether the bot answers. A new start gives it no better certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


async def _ask(address: SplitResult, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
    """The first line of the answer."""
    writer.write(_request(address))
    try:
        return await reader.readline()
    except ValueError:  # longer than any that makes sense
        return b"?"


def _request(address: SplitResult) -> bytes:
    path = quote(address.path or "/", safe=_IN_A_PATH)
    query = f"?{quote(address.query, safe=_IN_A_PATH + '?')}" if address.query else ""
    host = address.netloc.rpartition("@")[2].encode("idna").decode()
    head = f"GET {path}{query} HTTP/1.1", f"Host: {host}", "User-Agent: botdeck", "Accept: */*", "Connection: close"
    return "\r\n".join([*head, "", ""]).encode()


def _verdict(line: bytes) -> str | None:
    status = _STATUS.match(line)
    if status is None:
        return "its answer is no HTTP" if line else "it closed the connection"
    return f"status {status[1].decode()}" if int(status[1]) >= 400 else None


async def _read_the_rest(reader: asyncio.StreamReader) -> None:
    read = 0
    with contextlib.suppress(OSError):  # also when the time is over
        async with asyncio.timeout(_GOODBYE_S):
            while read < _MOST_OF_AN_ANSWER and (data := await reader.read(1 << 16)):
                read += len(data)


def _words(error: Exception) -> str:
    if isinstance(error, socket.gaierror):
        return "its host is not known"
    if isinstance(error, ssl.SSLError):
        return f"no TLS, {(error.reason or str(error)).replace('_', ' ').lower()}"
    # asyncio puts the address into the text, and of several addresses all texts.
    number = getattr(error, "errno", None) or next(iter(re.findall(r"\[Errno (\d+)\]", str(error))), None)
    return (os.strerror(int(number)) if number else str(error)).lower()
