"""Thousands of pages on the live channel, in one process that takes as little as it can of the cores it shares with
the deck. Each keeps the page's rules: growing delays by chance, `goaway` obeyed, positions offered on return.

    python -m bench.house.crowd PORT COOKIES ARRIVALS_PER_S < /dev/null

COOKIES is a file with the cookie of one page a line. Four times a second it says as a line of JSON how they are;
it ends with its standard input.
"""

import contextlib
import errno
import heapq
import json
import os
import random
import re
import select
import socket
import sys
import time
from collections import Counter
from pathlib import Path
from urllib.parse import quote

TELL_EVERY_S = 0.25
OPENING_PATIENCE_S = 10.0
FIRST_DELAY_S = 2.0
LONGEST_DELAY_S = 30.0
GOOD_AFTER_S = 30.0
READ_BYTES = 256 * 1024
PONG = b"\x8a\x84\0\0\0\0deck"
CLOSE = b"\x88\x80\0\0\0\0"
_RECEIVE_BUFFER_BYTES = 16 * 1024
_KIND = re.compile(rb'\{"type":"([a-z_]+)"')
_EPOCH = re.compile(rb'"epoch":"([0-9a-f]+)"')
_POSITIONS = re.compile(rb'"positions":(\{[^}]*\})')
_GO_AWAY = re.compile(rb'"after_s":([0-9.]+),"spread_s":([0-9.]+)')


class Page:
    __slots__ = (
        "asked_to_wait",
        "attempt",
        "buffer",
        "cookie",
        "epoch",
        "live",
        "live_since",
        "number",
        "opening",
        "positions",
        "socket",
        "spell",
    )

    def __init__(self, number: int, cookie: str) -> None:
        self.number = number
        self.cookie = cookie
        self.socket: socket.socket | None = None
        self.spell = 0
        """Grows with each connection, so that a timer of an earlier one is known."""
        self.opening = False
        """The answer to its handshake is not there yet."""
        self.live = False
        """It had its snapshot, or resumed."""
        self.live_since = 0.0
        self.buffer = b""
        self.attempt = 0
        self.epoch = b""
        self.positions = b""
        self.asked_to_wait: float | None = None


class Crowd:
    def __init__(self, port: int, cookies: list[str], arrivals_per_s: float) -> None:
        self._address = ("127.0.0.1", port)
        self._pages = [Page(number, cookie) for number, cookie in enumerate(cookies)]
        self._epoll = select.epoll()
        self._by_descriptor: dict[int, Page] = {}
        now = time.monotonic()
        self._timers = [(now + n / arrivals_per_s, n, 0) for n in range(len(cookies))]
        """(when, which page, its spell); a heap. A page without a socket opens one then, another loses it."""
        self._live = 0
        self._counts: Counter[str] = Counter()
        """What happened until now: connections, snapshots, closes by code and so on."""

    def run(self) -> None:
        self._epoll.register(sys.stdin.fileno(), select.EPOLLIN | select.EPOLLHUP)
        tell_at = 0.0
        while True:
            now = time.monotonic()
            if now >= tell_at:
                tell_at = now + TELL_EVERY_S
                self._tell(now)
            self._on_time(now)
            due = min(tell_at, self._timers[0][0] if self._timers else tell_at)
            for descriptor, _ in self._epoll.poll(max(0.0, due - time.monotonic()), 1024):
                page = self._by_descriptor.get(descriptor)
                if page is not None:
                    self._ready(page, descriptor)
                elif descriptor == sys.stdin.fileno() and not os.read(descriptor, 100):
                    return

    def _tell(self, now: float) -> None:
        counts = {"at": now, "live": self._live, "cpu_s": time.process_time(), **self._counts}
        sys.stdout.write(json.dumps(counts) + "\n")
        sys.stdout.flush()

    def _on_time(self, now: float) -> None:
        while self._timers and self._timers[0][0] <= now:
            _, number, spell = heapq.heappop(self._timers)
            page = self._pages[number]
            if page.spell != spell:
                continue
            if page.socket is None:
                self._open(page, now)
            elif not page.live:
                self._counts["too late"] += 1
                self._lose(page)

    def _open(self, page: Page, now: float) -> None:
        page.spell += 1
        page.opening, page.buffer, page.asked_to_wait = True, b"", None
        page.socket = socket.socket()
        page.socket.setblocking(False)
        page.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER_BYTES)
        self._counts["connections"] += 1
        if page.socket.connect_ex(self._address) not in (0, errno.EINPROGRESS):
            self._counts["not reached"] += 1
            self._lose(page)
            return
        descriptor = page.socket.fileno()
        self._by_descriptor[descriptor] = page
        self._epoll.register(descriptor, select.EPOLLOUT)
        heapq.heappush(self._timers, (now + OPENING_PATIENCE_S, page.number, page.spell))

    def _ready(self, page: Page, descriptor: int) -> None:
        assert page.socket
        try:
            if page.opening and not page.buffer:
                page.socket.send(self._handshake(page))
                page.buffer = b"?"
                self._epoll.modify(descriptor, select.EPOLLIN)
                return
            data = page.socket.recv(READ_BYTES)
        except BlockingIOError:
            return
        except OSError as error:
            self._counts[errno.errorcode.get(error.errno or 0, "?")] += 1
            self._lose(page)
            return
        if not data:
            self._counts["cut"] += 1
            self._lose(page)
            return
        self._take(page, data)

    def _handshake(self, page: Page) -> bytes:
        resume = b""
        if page.epoch:
            resume = b"?resume=" + quote(b'{"epoch":"%b","positions":%b}' % (page.epoch, page.positions)).encode()
        host = f"{self._address[0]}:{self._address[1]}"
        return (
            b"GET /ws/1%b HTTP/1.1\r\nHost: %b\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 "
            b"(KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36\r\nPragma: no-cache\r\nCache-Control: no-cache\r\n"
            b"Accept-Encoding: gzip, deflate, br, zstd\r\nAccept-Language: en-US,en;q=0.9\r\nUpgrade: websocket\r\n"
            b"Connection: Upgrade\r\nOrigin: http://%b\r\nCookie: %b\r\nSec-WebSocket-Version: 13\r\n"
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
            b"Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\r\n"
            % (resume, host.encode(), host.encode(), page.cookie.encode())
        )

    def _take(self, page: Page, data: bytes) -> None:
        if page.opening:
            page.buffer = data = page.buffer.removeprefix(b"?") + data
            head, end, data = data.partition(b"\r\n\r\n")
            if not end:
                return
            if not head.startswith(b"HTTP/1.1 101"):
                self._counts[head[9:12].decode()] += 1
                self._lose(page)
                return
            page.opening, page.buffer = False, b""
        self._take_frames(page, page.buffer + data if page.buffer else data)

    def _take_frames(self, page: Page, data: bytes) -> None:
        at, size = 0, len(data)
        while size - at >= 2:
            length, begin = data[at + 1], at + 2
            if length == 126:
                length, begin = int.from_bytes(data[at + 2 : at + 4]), at + 4
            elif length == 127:
                length, begin = int.from_bytes(data[at + 2 : at + 10]), at + 10
            if begin + length > size:
                break
            opcode = data[at]
            at = begin + length
            if opcode == 0x89:
                self._answer(page, PONG)
            elif opcode == 0x88:
                self._counts[str(int.from_bytes(data[begin : begin + 2]))] += 1
                self._answer(page, CLOSE)
                self._lose(page)
                return
            elif not page.live or data.startswith(b'{"type":"go', begin):
                self._note(page, data[begin:at])
        page.buffer = data[at:]

    def _answer(self, page: Page, frame: bytes) -> None:
        with contextlib.suppress(OSError):
            assert page.socket
            page.socket.send(frame)

    def _note(self, page: Page, message: bytes) -> None:
        found = _KIND.match(message)
        kind = found.group(1) if found else b"?"
        self._counts[kind.decode()] += 1
        if kind == b"goaway" and (go_away := _GO_AWAY.search(message)):
            after_s, spread_s = map(float, go_away.groups())
            page.asked_to_wait = after_s + random.random() * spread_s
        if kind in (b"snapshot", b"resumed"):
            page.live, page.live_since = True, time.monotonic()
            self._live += 1
        if kind == b"snapshot" and (epoch := _EPOCH.search(message)) and (positions := _POSITIONS.search(message)):
            page.epoch, page.positions = epoch.group(1), positions.group(1)

    def _lose(self, page: Page) -> None:
        assert page.socket
        self._by_descriptor.pop(page.socket.fileno(), None)
        page.socket.close()
        page.socket = None
        page.spell += 1
        now = time.monotonic()
        if page.live:
            self._live -= 1
            page.live = False
            if now - page.live_since >= GOOD_AFTER_S:
                page.attempt = 0
        delay_s = self._delay_s(page)
        heapq.heappush(self._timers, (now + delay_s, page.number, page.spell))

    @staticmethod
    def _delay_s(page: Page) -> float:
        if page.asked_to_wait is not None:
            return page.asked_to_wait
        page.attempt += 1
        longest_s = FIRST_DELAY_S if page.attempt == 1 else min(LONGEST_DELAY_S, 2.0 ** (page.attempt - 1))
        return random.uniform(0, longest_s)


def main() -> None:
    port, cookies, arrivals_per_s = sys.argv[1:]
    Crowd(int(port), Path(cookies).read_text().splitlines(), float(arrivals_per_s)).run()


if __name__ == "__main__":
    main()
