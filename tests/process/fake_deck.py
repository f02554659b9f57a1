"""A small deck that owns offsets, on a real WebSocket: what the tests of the runner talk to."""

import asyncio
import json
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from botdeck.models import Action, BotStatus, HostLoad, Run, Sample
from botdeck.protocol.frames import (
    PROTOCOL_VERSION,
    Ack,
    Data,
    Fleet,
    Hello,
    Order,
    OrderResult,
    RunReport,
    RunStored,
    Samples,
    StatusReport,
    Troubles,
    Welcome,
    decode,
    decode_data,
    encode,
)

TOKEN = "a-token-of-the-tests"


@dataclass
class Stored:
    """What a database would hold of one stream."""

    data: bytearray = field(default_factory=bytearray)
    final: bool = False
    dropped: int = 0
    gaps: list[tuple[int, int]] = field(default_factory=list)
    """Offset and length of what will never come; `data` holds zeros there."""
    notices: list[str] = field(default_factory=list)
    frames: list[tuple[int, int, datetime]] = field(default_factory=list)
    """Offset, length and time of each frame applied."""


class FakeDeck:
    """Keeps the bytes of every stream, applied where the cursor stands and nowhere else. Use `async with`."""

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir
        self.port = 0
        self.streams: defaultdict[str, Stored] = defaultdict(Stored)
        self.runs: dict[str, Run] = {}
        self.statuses: list[BotStatus] = []
        self.samples: list[Sample] = []
        self.loads: list[HostLoad] = []
        self.troubles: list[list[str]] = []
        """All that was said to be wrong, each time it was said."""
        self.fleets: list[Fleet] = []
        self.refused = 0
        self.hellos: list[Hello] = []
        self.acknowledging = True
        self.deaf_to_final = False
        """Final frames are lost, and what came before them is acknowledged once more."""
        self.finals_lost = 0
        self.apply_limit: int | None = None
        """Frames to apply before the link is cut."""
        self._results: dict[int, OrderResult] = {}
        self._order_id = 0
        self._link: ServerConnection | None = None
        self._server: Server | None = None
        self._changed = asyncio.Event()

    async def __aenter__(self) -> "FakeDeck":
        await self.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def open(self) -> None:
        self._server = await serve(self._serve, "127.0.0.1", self.port, compression=None, max_size=1 << 20)
        self.port = self._server.sockets[0].getsockname()[1]
        (self._data_dir / "runner-token").write_text(TOKEN + "\n")
        (self._data_dir / "deck.json").write_text(json.dumps({"url": f"http://127.0.0.1:{self.port}/", "pid": 1}))

    async def close(self) -> None:
        """Go away rudely: nobody is told goodbye."""
        if self._server is not None:
            self.cut()
            self._server.close()
            await self._server.wait_closed()
            self._server = None

    def cut(self) -> None:
        if self._link is not None:
            self._link.transport.abort()

    # What tests ask.

    async def until(self, condition: Callable[[], object], timeout: float = 20.0) -> None:
        """Wait until the condition holds; it is looked at after every frame."""
        async with asyncio.timeout(timeout):
            while not condition():
                self._changed.clear()
                await self._changed.wait()

    async def order(self, bot: str, action: Action, operator: str = "ann") -> OrderResult:
        self._order_id += 1
        number = self._order_id
        await self.until(lambda: self._link is not None)
        assert self._link is not None
        await self._link.send(encode(Order(id=number, bot=bot, action=action, operator=operator)))
        await self.until(lambda: number in self._results)
        return self._results[number]

    def status(self, bot: str) -> BotStatus | None:
        return next((status for status in reversed(self.statuses) if status.bot == bot), None)

    def states(self, bot: str) -> list[str]:
        """Each state that was reported, repetitions left out."""
        states: list[str] = []
        for status in self.statuses:
            if status.bot == bot and (not states or states[-1] != status.state):
                states.append(status.state)
        return states

    def is_(self, bot: str, state: str) -> bool:
        status = self.status(bot)
        return status is not None and status.state == state and (state != "running" or status.pid is not None)

    def runs_of(self, bot: str) -> list[Run]:
        return sorted((run for run in self.runs.values() if run.bot == bot), key=lambda run: run.id)

    def all_bytes(self, bot: str, kind: str = "out") -> bytes:
        """Of all runs, in order."""
        names = sorted(name for name in self.streams if name.startswith(f"{bot}/") and name.endswith(f"/{kind}"))
        return b"".join(bytes(self.streams[name].data) for name in names)

    # The link.

    async def _serve(self, link: ServerConnection) -> None:
        assert link.request is not None
        if link.request.headers.get("Authorization") != f"Bearer {TOKEN}" or link.request.path != "/api/runner/link":
            await link.close(4401, "sign in")
            return
        try:
            hello = decode(str(await link.recv()))
            assert isinstance(hello, Hello)
            self.hellos.append(hello)
            cursors = {name: len(stream.data) for name, stream in self.streams.items() if not stream.final}
            await link.send(encode(Welcome(version=PROTOCOL_VERSION, cursors=cursors)))
            self._link = link
            self._changed.set()
            async for message in link:
                await self._take(link, message)
                self._changed.set()
        except ConnectionClosed:
            pass
        finally:
            if self._link is link:
                self._link = None
            self._changed.set()

    async def _take(self, link: ServerConnection, message: str | bytes) -> None:
        if isinstance(message, bytes):
            await self._apply(link, decode_data(message))
            return
        match decode(message):
            case Fleet() as fleet:
                self.fleets.append(fleet)
                self.statuses += [member.status for member in fleet.members]
            case StatusReport(status=status):
                self.statuses.append(status)
            case RunReport(run=run):
                self.runs[run.id] = run
                await link.send(encode(RunStored(run=run.id, ended=run.ended_at is not None)))
            case Samples(samples=samples, load=load):
                self.samples += samples
                self.loads.append(load)
            case Troubles(sentences=sentences):
                self.troubles.append(sentences)
            case OrderResult() as result:
                self._results[result.id] = result
            case other:
                raise AssertionError(f"a runner does not send {other}")

    async def _apply(self, link: ServerConnection, data: Data) -> None:
        stream = self.streams[data.stream]
        if data.final and self.deaf_to_final:
            self.finals_lost += 1
            await link.send(encode(Ack(stream=data.stream, offset=len(stream.data))))
            return
        if data.offset == len(stream.data):
            stream.data += bytes(data.gap) + data.payload
            stream.dropped += data.gap
            if data.gap:
                stream.gaps.append((data.offset, data.gap))
            if data.notice:
                stream.notices.append(data.notice)
            stream.final = stream.final or data.final
            stream.frames.append((data.offset, len(data.payload), data.time))
        else:
            self.refused += 1
        if self.apply_limit is not None:
            self.apply_limit -= 1
            if self.apply_limit <= 0:
                # Stored, and the acknowledgement is lost with the link.
                self.apply_limit = None
                link.transport.abort()
                return
        if self.acknowledging:
            await link.send(encode(Ack(stream=data.stream, offset=len(stream.data), final=stream.final)))
