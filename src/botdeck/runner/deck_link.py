"""The runner's end of the link: dials the deck, says what bots do, ships what they wrote, hands orders on.

The deck owns the offsets. Each connection begins where the deck stands, so a frame that was lost, an acknowledgement
that was lost and a deck that was killed are all the same case: ship again from there.
"""

import asyncio
import logging
import random
import socket
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Protocol

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

from botdeck import __version__
from botdeck.errors import BotdeckError, ProtocolError
from botdeck.models import Action, BotStatus, Sample
from botdeck.protocol.frames import (
    MAX_FRAME_BYTES,
    PROTOCOL_VERSION,
    Ack,
    Fleet,
    Frame,
    Hello,
    Member,
    Order,
    OrderResult,
    RunReport,
    RunStored,
    Samples,
    StatusReport,
    Troubles,
    Welcome,
    decode,
    encode,
    encode_data,
)
from botdeck.runner.deck_address import DeckAddress
from botdeck.runner.link_troubles import LinkEnded, in_words, is_refusal, is_said_by_deck
from botdeck.runner.process import boot_clock
from botdeck.runner.run_dir import RunDirectory
from botdeck.runner.shipment import Shipment
from botdeck.runner.stream import Stream
from botdeck.runner.telling import Tell, tell_nobody

log = logging.getLogger(__name__)

FIRST_REDIAL_S = 0.1
STEADY_S = 10.0
"""A link that held this long is dialled anew at once when it breaks."""
LONGEST_REDIAL_S = 30.0
LONGEST_LOCAL_REDIAL_S = 1.0
"""To a deck on this machine, which is back within seconds."""
REFUSED_REDIAL_S = 60.0
"""A deck that took this runner's access away may give it back, but that takes somebody's hand."""
OPEN_TIMEOUT_S = 10.0
KEEPALIVE_S = 20.0
FIRST_PATIENCE_S = 3.0
"""Deck and runner are often started together; a deck that is not there yet is not worth a line."""
STALLED_S = 600.0
"""A deck that acknowledges nothing for this long, while frames wait, is dialled anew. Long, for a deck whose database
takes nothing acknowledges nothing either, and its bots would be unknown for a moment each time."""
SAMPLES_OLD_S = 8.0
"""After which samples are told again even if they are the same: less than two readings."""
READ_AGAIN_S = 2.0
"""Between attempts to read what could not be read (too many open files)."""
MOST_REPORTS = 2000
"""Reports that wait to be sent. A deck that cannot take these is dialled anew, and told everything from the start."""


class Owner(Protocol):
    """Whom the link acts for."""

    def fleet(self) -> list[Member]: ...

    def obey(self, bot: str, action: Action, operator: str) -> "asyncio.Future[None]":
        """Raises BotdeckError, now or in the future's place, when the order is refused."""
        ...

    def shipped(self, run: RunDirectory) -> None:
        """The run is over, and the deck has all of it."""
        ...

    def troubles(self) -> list[str]:
        """All that is wrong on this host, in sentences."""
        ...


@dataclass(frozen=True, slots=True)
class _Taken:
    """A status and when it was taken, so that its uptime is right when it is sent."""

    status: BotStatus
    at: float

    def now(self) -> BotStatus:
        if self.status.uptime_s is None:
            return self.status
        return replace(self.status, uptime_s=self.status.uptime_s + boot_clock() - self.at)


class DeckLink:
    def __init__(
        self,
        name: str,
        owner: Owner,
        find_deck: Callable[[], DeckAddress],
        *,
        instance: str = "",
        trouble: Tell = tell_nobody,
    ) -> None:
        self._name = name
        self._instance = instance
        self._owner = owner
        self._find_deck = find_deck
        self._shipment = Shipment(owner.shipped, trouble)
        self._cursors: dict[str, int] = {}
        self._connected = False
        self._overflowed = False
        self._reports: deque[Frame | _Taken] = deque()
        self._untold: deque[RunDirectory] = deque()
        """Runs whose records this connection was not told yet; there may be thousands, and each has its last words."""
        self._samples: Samples | None = None
        self._told_samples: list[Sample] = []
        self._told_samples_at = 0.0
        self._work = asyncio.Event()
        self._progress_at = 0.0
        self._away: str | None = None
        """Why there is no link, as it was logged; refusals count as one, however the deck words them."""
        self._warned = False
        self._patient_until = 0.0

    # What the runner tells.

    def keep(self, run: RunDirectory) -> None:
        """Ship this run's files from now on, and its record."""
        self._shipment.add(run)
        if self._connected:
            self._shipment.begin(run.streams, self._cursors)
            self._work.set()
        self.report_run(run)

    def grown(self, stream: Stream) -> None:
        if self._connected:
            self._shipment.grown(stream)
            self._work.set()
        elif stream.over:
            stream.rest()  # without a deck there may be thousands, and each is opened again when its turn comes

    def report_status(self, status: BotStatus) -> None:
        if self._connected:
            self._report(_Taken(status, boot_clock()))

    def report_run(self, run: RunDirectory) -> None:
        if self._connected:
            self._report(RunReport(run=run.run))

    def report_fleet(self) -> None:
        if self._connected:
            self._report(Fleet(members=self._owner.fleet()))

    def report_troubles(self) -> None:
        if self._connected:
            self._report(Troubles(sentences=self._owner.troubles()))

    def report_samples(self, samples: Samples) -> None:
        """Only the last ones count: they take the place of others that were not sent yet, and when bots use just what
        they used before, every other reading is enough."""
        if not self._connected:
            return
        now = boot_clock()
        if samples.samples == self._told_samples and now - self._told_samples_at < SAMPLES_OLD_S:
            return
        self._samples = samples
        self._work.set()

    @property
    def unreadable(self) -> OSError | None:
        """Why something that bots wrote cannot be shipped now."""
        return self._shipment.unreadable

    @property
    def caught_up(self) -> bool:
        """The deck has all of the runs that are over, or nobody is there to take it."""
        return not self._connected or not any(run.over for run in self._shipment.runs)

    # Dialling.

    async def run(self) -> None:
        """Until cancelled."""
        delay = FIRST_REDIAL_S
        self._patient_until = boot_clock() + FIRST_PATIENCE_S
        while True:
            began = boot_clock()
            address, refused = None, False
            try:
                address = self._find_deck()
                await self._connection(address)
            except (OSError, TimeoutError, WebSocketException, BotdeckError) as error:
                self._say_away(error)
                refused = is_refusal(error)
            finally:
                self._disconnected()
            if boot_clock() - began > STEADY_S:
                delay = FIRST_REDIAL_S
            pause_s = REFUSED_REDIAL_S if refused and _may_be_slow(address) else delay
            await asyncio.sleep(pause_s * random.uniform(0.5, 1.5))  # noqa: S311 - no secret
            delay = min(LONGEST_LOCAL_REDIAL_S if address is None or address.local else LONGEST_REDIAL_S, delay * 2)

    async def _connection(self, address: DeckAddress) -> None:
        async with connect(
            address.link,
            additional_headers={"Authorization": f"Bearer {address.token}"},
            compression=None,
            max_size=MAX_FRAME_BYTES,
            open_timeout=OPEN_TIMEOUT_S,
            ping_interval=KEEPALIVE_S,
            ping_timeout=KEEPALIVE_S,
            close_timeout=1,
            # A proxy is for decks elsewhere; a bot host often has one set that does not know this machine.
            proxy=None if address.local else True,
        ) as websocket:
            await self._greet(websocket, address.runner or self._name)
            log.info("Linked to the deck at %s.", address.shown)
            if address.warning and not self._warned:
                log.warning("%s", address.warning)
                self._warned = True
            self._away, self._patient_until = None, 0.0
            await self._both_ways(websocket)

    async def _greet(self, websocket: ClientConnection, name: str) -> None:
        hello = Hello(
            version=PROTOCOL_VERSION,
            runner=name,
            host=socket.gethostname(),
            now=datetime.now(UTC),
            botdeck_version=__version__,
            instance=self._instance,
        )
        await websocket.send(encode(hello))
        async with asyncio.timeout(OPEN_TIMEOUT_S):
            welcome = _decoded(await websocket.recv())
        if not isinstance(welcome, Welcome):
            raise LinkEnded(f"it should say welcome first, and said {type(welcome).__name__}")
        if welcome.version != PROTOCOL_VERSION:
            raise LinkEnded(f"it speaks version {welcome.version} of the protocol, and this runner {PROTOCOL_VERSION}")
        self._begin(welcome)

    def _begin(self, welcome: Welcome) -> None:
        """No await from here to the first report, so that nothing is told twice or left out."""
        self._connected = True
        self._overflowed = False
        self._cursors = welcome.cursors
        self._progress_at = boot_clock()
        self.report_fleet()
        self.report_troubles()
        self._untold.extend(self._shipment.runs)
        self._shipment.begin_all(welcome.cursors)
        self._work.set()

    async def _both_ways(self, websocket: ClientConnection) -> None:
        tasks = {asyncio.create_task(self._send(websocket)), asyncio.create_task(self._receive(websocket))}
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            results = await asyncio.gather(*tasks, return_exceptions=True)
        for result in results:
            if isinstance(result, Exception):
                raise result
        raise LinkEnded(f"it closed the link: {websocket.close_reason or websocket.close_code or 'no reason given'}")

    def _disconnected(self) -> None:
        self._connected = False
        self._reports.clear()
        self._untold.clear()
        self._samples, self._told_samples = None, []
        self._shipment.pause()

    def _say_away(self, error: Exception) -> None:
        """Once. Again only for what the deck itself says, for then something is to be done about it."""
        reason = in_words(error)
        kind = "refusal" if is_refusal(error) else reason
        said_by_deck = is_said_by_deck(error)
        if not said_by_deck and boot_clock() < self._patient_until:
            return
        if self._away is None or (said_by_deck and kind != self._away):
            log.warning("No link to the deck: %s. Bots go on; what they write is kept and shipped later.", reason)
            self._away = kind

    # Sending: reports first, then data of each stream in turn.

    async def _send(self, websocket: ClientConnection) -> None:
        while not self._overflowed:
            while self._reports:
                report = self._reports.popleft()
                told = StatusReport(status=report.now()) if isinstance(report, _Taken) else report
                await websocket.send(encode(told))
            if self._untold:
                await websocket.send(encode(RunReport(run=self._untold.popleft().run)))
                continue
            if self._samples is not None:
                samples, self._samples = self._samples, None
                self._told_samples, self._told_samples_at = samples.samples, boot_clock()
                await websocket.send(encode(samples))
            if self._shipment.ready:
                if frame := self._shipment.next_frame(datetime.now(UTC)):
                    await websocket.send(encode_data(frame))
                continue
            self._work.clear()
            await self._wait_for_work()
        raise LinkEnded("it does not take what it is told")

    async def _wait_for_work(self) -> None:
        waiting = self._shipment.waiting
        if not waiting:
            self._progress_at = boot_clock()
        patience_s = self._progress_at + STALLED_S - boot_clock()
        if patience_s <= 0:
            raise LinkEnded(f"it acknowledged nothing for {STALLED_S:g} s")
        unreadable = self._shipment.unreadable is not None
        try:
            async with asyncio.timeout(
                min(patience_s, READ_AGAIN_S) if unreadable else patience_s if waiting else None
            ):
                await self._work.wait()
        except TimeoutError:
            if unreadable:
                self._shipment.try_again()
        if not waiting:
            self._progress_at = boot_clock()

    def _report(self, report: Frame | _Taken) -> None:
        if len(self._reports) < MOST_REPORTS:
            self._reports.append(report)
        else:
            self._overflowed = True
        self._work.set()

    # Receiving.

    async def _receive(self, websocket: ClientConnection) -> None:
        async for message in websocket:
            match frame := _decoded(message):
                case Ack():
                    self._progress_at = boot_clock()
                    self._shipment.acknowledge(frame)
                    self._work.set()
                case RunStored():
                    if frame.ended:
                        self._shipment.end_stored(frame.run)
                case Order():
                    self._obey(frame)
                case _:
                    raise LinkEnded(f"a deck does not send {type(frame).__name__}")

    def _obey(self, order: Order) -> None:
        try:
            answer = self._owner.obey(order.bot, order.action, order.operator)
        except BotdeckError as error:
            self._report(OrderResult(id=order.id, error=str(error)))
            return
        answer.add_done_callback(lambda done: self._answer(order, done))

    def _answer(self, order: Order, answer: "asyncio.Future[None]") -> None:
        if answer.cancelled() or not self._connected:
            return
        error = answer.exception()
        if error is None:
            self._report(OrderResult(id=order.id))
        else:
            self._report(OrderResult(id=order.id, error=str(error)))


def _decoded(message: str | bytes) -> Frame:
    if isinstance(message, bytes):
        raise ProtocolError("a deck sends no data")
    return decode(message)


def _may_be_slow(address: DeckAddress | None) -> bool:
    """A deck of this machine that refuses its own runner is being set up anew, and will not do so for long."""
    return address is not None and (address.joined or not address.local)
