"""Many hostile clients at a time on one deck, and what was wrong with how it took them."""

import asyncio
import contextlib
import itertools
import socket
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random

from bench.hostile import Attack, frames, heads

DEADLINE_S = 20.0
AT_ONCE = 20
LINGER_S = 0.02
"""A client that leaves by itself stays for the answer, but no longer than this."""


@dataclass(frozen=True, slots=True)
class Door:
    """Where WebSockets are opened, and what is shown there."""

    name: str
    path: str
    headers: dict[str, str]


@dataclass(slots=True)
class Outcome:
    seed: int
    attacks: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)


class Siege:
    """Of one deck, by clients that follow from the seed."""

    def __init__(self, host: str, port: int, doors: Sequence[Door], seed: int) -> None:
        self._host, self._port = host, port
        self._doors = doors
        self._numbers = itertools.count()
        self.outcome = Outcome(seed)

    async def lay(self, going_on: Callable[[], bool]) -> None:
        """Until `going_on` says no, which is asked before each attack."""
        async with asyncio.TaskGroup() as group:
            for _ in range(AT_ONCE):
                group.create_task(self._one_after_the_other(going_on))

    async def _one_after_the_other(self, going_on: Callable[[], bool]) -> None:
        while going_on():
            number = next(self._numbers)
            random = Random(f"{self.outcome.seed}/{number}")
            door = random.choice(self._doors) if random.random() < 0.7 else None
            attack = random.choice(frames.KINDS)(random) if door else self._head(random)
            name = f"{attack.name} at {door.name}" if door else attack.name
            self.outcome.attacks[attack.name] += 1
            fault = await self._go(attack, door)
            if fault:
                self.outcome.faults.append(f"seed {self.outcome.seed}, attack {number}, {name}: {fault}")

    def _head(self, random: Random) -> Attack:
        return random.choice(heads.KINDS)(random, self._address)

    @property
    def _address(self) -> str:
        return f"{self._host}:{self._port}"

    async def _go(self, attack: Attack, door: Door | None) -> str | None:
        client = await _Client.dial(self._host, self._port, little=not attack.reads)
        try:
            async with asyncio.timeout(DEADLINE_S):
                if door:
                    await client.write(heads.handshake(door.path, self._address, door.headers))
                    await client.answered.wait()
                await self._attack(attack, client)
        except TimeoutError:
            return f"still open after {DEADLINE_S:g} s"
        except ConnectionError:
            pass  # it was cut off while it spoke
        finally:
            client.transport.abort()
        return f"answered {client.begin!r}" if client.begin.startswith(b"HTTP/1.1 5") else None

    async def _attack(self, attack: Attack, client: "_Client") -> None:
        if not attack.reads:
            client.transport.pause_reading()
        client.answered.clear()
        for piece in attack.sent:
            await client.write(piece)
        if attack.must_end:
            await client.ended.wait()
        elif attack.reads:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(client.answered.wait(), LINGER_S)


class _Client(asyncio.Protocol):
    """Keeps the beginning of what it reads."""

    transport: asyncio.Transport

    def __init__(self) -> None:
        self.begin = b""
        self.answered = asyncio.Event()
        self.ended = asyncio.Event()
        self._writable = asyncio.Event()
        self._writable.set()

    @classmethod
    async def dial(cls, host: str, port: int, *, little: bool) -> "_Client":
        """With `little` room for what it has not read."""
        dialling = socket.socket()
        dialling.setblocking(False)
        if little:
            dialling.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        loop = asyncio.get_running_loop()
        await loop.sock_connect(dialling, (host, port))
        _, client = await loop.create_connection(cls, sock=dialling)
        return client

    async def write(self, data: bytes) -> None:
        """Returns when the kernel has most of it. Raises ConnectionResetError when the deck has ended it."""
        if self.transport.is_closing():
            raise ConnectionResetError
        self.transport.write(data)
        await asyncio.sleep(0)
        await self._writable.wait()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.begin = self.begin or data[:100]
        self.answered.set()

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    def connection_lost(self, exc: Exception | None) -> None:
        self.ended.set()
        self.answered.set()
        self._writable.set()
