"""One browser on the live channel: what it is subscribed to, what waits for it, and the task that writes to it."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from botdeck.deck.envelopes import Envelope
from botdeck.deck.outbox import Outbox
from botdeck.models import LogLine, Operator

STALLED_AFTER_S = 15.0
TOO_SLOW = 4008


@dataclass(frozen=True, slots=True)
class Farewell:
    """Why the deck ends a connection."""

    code: int
    reason: str


class Wire(Protocol):
    """The connection as the writer needs it."""

    async def send(self, text: str) -> None:
        """Returns when the connection took it, which may be never."""


class LiveClient:
    def __init__(
        self,
        wire: Wire,
        *,
        operator: Operator,
        session: str | None,
        encode_log: Callable[[str, Sequence[LogLine], int], Envelope],
    ) -> None:
        self.wire = wire
        self.operator = operator
        self.session = session
        self.topic: str | None = None
        """The bot whose figures and lines it gets."""
        self.follows_default = True
        self.resubscribe = asyncio.Event()
        self.ended: asyncio.Future[Farewell] = asyncio.get_running_loop().create_future()
        self._encode_log = encode_log
        self._outbox = Outbox()
        self._held: Outbox | None = Outbox()
        self._seen_to = 0
        self._seq = 0
        self._wake = asyncio.Event()

    def hold(self, topic: str | None) -> None:
        """From here on everything of the topic is kept back until `release`: nothing is lost while the snapshot is
        being read."""
        self.topic = topic
        self._held = Outbox()

    def release(self, snapshot: Envelope, *, seen_to: int) -> None:
        """Send the snapshot, then what was held and is not in it: lines after id `seen_to`, and the latest figures."""
        held, self._held, self._seen_to = self._held, None, seen_to
        self.put(snapshot)
        for envelope, dropped in held.take() if held else ():
            if envelope.topic == self.topic and envelope.kind == "log":
                self.put(replace(envelope, dropped=(envelope.dropped or 0) + dropped))
            elif envelope.topic == self.topic and envelope.kind == "dashboard_stats":
                self.put(envelope)

    def put(self, envelope: Envelope) -> None:
        """Never waits."""
        if self._held is not None:
            self._held.put(envelope)
            return
        fresh = self._unseen(envelope)
        if fresh is not None:
            self._outbox.put(fresh)
            self._wake.set()

    def end(self, code: int, reason: str) -> None:
        if not self.ended.done():
            self.ended.set_result(Farewell(code, reason))

    async def write(self) -> Farewell | None:
        """The writer: runs until the connection breaks (it raises then) or stands still for too long."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            for envelope, dropped in self._outbox.take():
                self._seq += 1
                try:
                    async with asyncio.timeout(STALLED_AFTER_S):
                        await self.wire.send(envelope.text(self._seq, dropped))
                except TimeoutError:
                    return Farewell(TOO_SLOW, f"This page took nothing for {STALLED_AFTER_S:g} s.")

    def _unseen(self, envelope: Envelope) -> Envelope | None:
        """Lines that were in the snapshot can still be on their way here."""
        if envelope.kind != "log" or not envelope.lines or envelope.lines[0].id > self._seen_to:
            return envelope
        lines = [line for line in envelope.lines if line.id > self._seen_to]
        return self._encode_log(envelope.topic, lines, 0) if lines else None
