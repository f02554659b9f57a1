"""A thousand pages in a process of their own, which note how long each of them heard nothing."""

import contextlib
import multiprocessing
import random
import re
import select
import signal
import socket
import time
from dataclasses import dataclass, field
from multiprocessing.connection import Connection

from tests.unit.live_wire import CLOSE, PING, TEXT, Frames

from bench.stall.pace import PACE_S, SENT_AT

READ_BYTES = 128 * 1024
STALLED_RECEIVE_BYTES = 16 * 1024
"""Of the kernel, for those who will stop: so the deck's own buffers fill."""
ARRIVALS_PER_S = 150.0
_PONG = b"\x8a\x84\0\0\0\0deck"
_CLOSE = b"\x88\x80\0\0\0\0"
_SENT_AT = re.compile(SENT_AT.encode() + rb"([0-9.]+)")
_GO_AWAY = re.compile(rb'"after_s":([0-9.]+),"spread_s":([0-9.]+)')


class Reader:
    __slots__ = ("frames", "heard_at", "sent_at", "socket")

    def __init__(self, port: int, handshake: bytes, receives: int | None) -> None:
        self.frames = Frames()
        self.heard_at: float | None = None
        self.sent_at = 0.0
        while (wait_s := self._open(port, handshake, receives)) is not None:
            time.sleep(wait_s)
        self.socket.setblocking(False)

    def _open(self, port: int, handshake: bytes, receives: int | None) -> float | None:
        """Returns how long to wait when it was sent away."""
        self.socket = socket.socket()
        self.socket.settimeout(30)
        if receives:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receives)
        self.socket.connect(("127.0.0.1", port))
        self.socket.sendall(handshake)
        answer = b""
        while b"\r\n\r\n" not in answer:
            answer += self._some()
        head, _, rest = answer.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 101"), head
        while True:
            for kind, payload in self.frames.feed(rest):
                if kind == TEXT and (away := _GO_AWAY.search(payload)):
                    self.socket.close()
                    self.frames = Frames()
                    return float(away[1]) + random.random() * float(away[2])
                if kind == TEXT:
                    return None
            rest = self._some()

    def _some(self) -> bytes:
        data = self.socket.recv(READ_BYTES)
        assert data, "the deck let nobody in"
        return data


@dataclass
class Silence:
    """Of all who read: by how many seconds two messages came further apart than they were sent."""

    beyond: list[float] = field(default_factory=list)
    readers: int = 0
    lost: int = 0


class Readers:
    """The process. Use `Crowd`."""

    def __init__(self, port: int, handshake: bytes, orders: Connection) -> None:
        self._port = port
        self._handshake = handshake
        self._orders = orders
        self._epoll = select.epoll()
        self._epoll.register(orders.fileno(), select.EPOLLIN)
        self._reading: dict[int, Reader] = {}
        self._stalled: list[Reader] = []
        self._will_stall: list[Reader] = []
        self._silence = Silence()

    def run(self) -> None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        while True:
            ready = self._epoll.poll()
            now = time.monotonic()
            for descriptor, _ in ready:
                if descriptor in self._reading:
                    self._read(self._reading[descriptor], now)
            if any(descriptor == self._orders.fileno() for descriptor, _ in ready):
                order, *arguments = self._orders.recv()
                if order == "end":
                    return
                self._orders.send(getattr(self, order)(*arguments))

    # Orders.

    def open(self, count: int, will_stall: int) -> int:
        for number in range(count):
            stalls = number < will_stall
            reader = Reader(self._port, self._handshake, STALLED_RECEIVE_BYTES if stalls else None)
            self._reading[reader.socket.fileno()] = reader
            if stalls:
                self._will_stall.append(reader)
            self._epoll.register(reader.socket.fileno(), select.EPOLLIN)
            time.sleep(1 / ARRIVALS_PER_S)
            if number % 100 == 99:
                self._answer_all()
        return len(self._reading)

    def _answer_all(self) -> None:
        for descriptor, _ in self._epoll.poll(0):
            if descriptor in self._reading:
                self._read(self._reading[descriptor], time.monotonic())

    def stall(self, count: int) -> list[int]:
        """So many read no more. Returns their ports."""
        gone, self._will_stall = self._will_stall[:count], self._will_stall[count:]
        for reader in gone:
            self._epoll.unregister(reader.socket.fileno())
            del self._reading[reader.socket.fileno()]
        self._stalled += gone
        return [reader.socket.getsockname()[1] for reader in gone]

    def begin(self) -> None:
        self._silence = Silence()
        for reader in self._reading.values():
            reader.heard_at = None

    def silence(self) -> Silence:
        self._silence.readers = len(self._reading)
        now = time.monotonic()
        # Those who hear nothing at all any more must not be left out.
        heard = [one.heard_at for one in self._reading.values() if one.heard_at is not None]
        self._silence.beyond += [max(0.0, now - at - PACE_S) for at in heard]
        return self._silence

    def _read(self, reader: Reader, now: float) -> None:
        try:
            data = reader.socket.recv(READ_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._lose(reader)
            return
        for kind, payload in reader.frames.feed(data):
            if kind == PING:
                self._say(reader, _PONG)
            elif kind == CLOSE:
                self._say(reader, _CLOSE)
                self._lose(reader)
                return
            elif payload.startswith(b'{"type":"bot_status"') and (sent := _SENT_AT.search(payload)):
                self._note(reader, now, float(sent[1]))

    def _note(self, reader: Reader, now: float, sent_at: float) -> None:
        if reader.heard_at is not None:
            self._silence.beyond.append(max(0.0, now - reader.heard_at - (sent_at - reader.sent_at)))
        reader.heard_at, reader.sent_at = now, sent_at

    def _say(self, reader: Reader, frame: bytes) -> None:
        with contextlib.suppress(OSError):
            reader.socket.send(frame)

    def _lose(self, reader: Reader) -> None:
        self._silence.lost += 1
        self._epoll.unregister(reader.socket.fileno())
        del self._reading[reader.socket.fileno()]
        reader.socket.close()


def _run(port: int, handshake: bytes, orders: Connection) -> None:
    Readers(port, handshake, orders).run()


class Crowd:
    """Those pages, seen from here. Use: `with Crowd(port, handshake) as crowd`."""

    def __init__(self, port: int, handshake: bytes) -> None:
        context = multiprocessing.get_context("spawn")
        self._orders, theirs = context.Pipe()
        self._process = context.Process(target=_run, args=(port, handshake, theirs), daemon=True)

    def __enter__(self) -> "Crowd":
        self._process.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.join()

    def open(self, count: int, *, will_stall: int) -> int:
        opened: int = self._ask("open", count, will_stall)
        return opened

    def stall(self, count: int) -> list[int]:
        ports: list[int] = self._ask("stall", count)
        return ports

    def begin(self) -> None:
        self._ask("begin")

    def silence(self) -> Silence:
        silence: Silence = self._ask("silence")
        return silence

    def _ask(self, *order: object) -> object:  # type: ignore[explicit-any]
        self._orders.send(order)
        return self._orders.recv()
