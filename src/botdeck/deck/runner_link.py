"""The deck's end of the link that each runner dials: takes in what runners report, and sends them orders."""

import asyncio
import itertools
import json
import logging
import re
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any, TypeVar

from botdeck import __version__
from botdeck.deck.audit import Audit
from botdeck.deck.clock import Clock
from botdeck.deck.dashboard import Dashboard
from botdeck.deck.fleet import ELSEWHERE, Fleet
from botdeck.deck.fleet_memory import FleetMemory
from botdeck.deck.host_feed import HostFeed
from botdeck.deck.intake import Intake
from botdeck.deck.log_feed import LogFeed
from botdeck.deck.patience import PatientStorage
from botdeck.deck.post_mortems import PostMortems
from botdeck.deck.websocket_manager import ConnectionManager
from botdeck.errors import ActionRefused, ProtocolError, RunnerAway, StorageError
from botdeck.models import Action, ActionResult, Run
from botdeck.protocol.events import whole
from botdeck.protocol.frames import (
    PROTOCOL_VERSION,
    Ack,
    Data,
    Frame,
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
from botdeck.protocol.frames import (
    Fleet as FleetFrame,
)
from botdeck.storage.port import Storage, Unstorable

ORDER_TIMEOUT_S = 10.0
HELLO_TIMEOUT_S = 10.0
AT_ONCE = 16
"""Data and runs of one runner that wait for their commit: enough to share commits, at most 4 MiB."""
CLOCKS_APART_S = 5.0
LAST_COMMITS_S = 5.0
BAD_FRAME = 4400
FORBIDDEN = 4403
REPLACED = 4409
TRY_AGAIN = 1013
F = TypeVar("F")
_HALF = re.compile(r"\\u[dD][89a-fA-F]")
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkServices:
    """What the links report to."""

    storage: Storage
    patient: PatientStorage
    fleet: Fleet
    memory: FleetMemory
    hub: ConnectionManager
    dashboard: Dashboard
    logs: LogFeed
    hosts: HostFeed
    intake: Intake
    post_mortems: PostMortems
    audit: Audit
    clock: Clock


class LinkClosed(Exception):
    """The deck ends the link: close code and a sentence."""

    def __init__(self, code: int, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code


class RunnerLinks:
    """All links, and orders to the runners behind them."""

    def __init__(self, services: LinkServices) -> None:
        self._services = services
        self._links: dict[str, RunnerLink] = {}
        self._order_ids = itertools.count(secrets.randbelow(1 << 31))

    async def order(self, bot: str, action: Action, operator: str) -> ActionResult:
        """Returns when the runner took the order. Raises UnknownBot, RunnerAway, ActionRefused."""
        fleet = self._services.fleet
        runner = fleet.runner_of(bot)
        outcome = "taken"
        try:
            if runner == ELSEWHERE:
                raise ActionRefused(
                    f"Bot {bot} runs elsewhere: no runner keeps it, so it can be watched here, and only be told to "
                    f"{action} where it runs."
                )
            link = self._links.get(runner)
            if link is None:
                raise RunnerAway(
                    f"Runner {runner}, which keeps {bot}, is not connected, so nobody can {action} it now. "
                    f"The bot itself may well be running."
                )
            order = Order(id=next(self._order_ids), bot=bot, action=action, operator=operator)
            result = await link.order(order)
            if result.error is not None:
                raise ActionRefused(result.error)
        except (RunnerAway, ActionRefused) as error:
            outcome = str(error)
            raise
        finally:
            await self._services.audit.record(action.value, operator, bot=bot, outcome=outcome)
        return ActionResult(bot=bot, action=action, status=fleet.status(bot))

    async def dismiss(self, runner: str, *, by: str) -> None:
        """End the link of a runner whose access was taken away, if it has one, and list it no more; returns when its
        bots are unknown."""
        link = self._links.get(runner)
        if link is not None:
            link.end(LinkClosed(FORBIDDEN, f"{by} took the access of runner {runner} away."))
            await link.gone.wait()
        hosts = self._services.fleet.hosts
        hosts.forget(runner)
        self._services.hosts.runners_changed()
        await hosts.remember()

    async def serve(
        self,
        frames: AsyncIterator[str | bytes],
        send: Callable[[str], Awaitable[None]],
        *,
        joined_as: str | None = None,
    ) -> None:
        """One connection, until the runner goes; `joined_as` is whose token it showed, None for the deck's own. Raises
        LinkClosed when it is the deck that ends it, and what `send` raises when the runner went: ConnectionError."""
        link = RunnerLink(self._services, send)
        try:
            hello = await link.receive_hello(frames)
            self._check_name(hello, joined_as)
            await link.welcome(hello)
            self._check_name(hello, joined_as)  # again: another one may have come meanwhile, or its access gone
            older = self._links.get(link.runner)
            self._links[link.runner] = link
            link.came()
            if older:
                older.end(LinkClosed(REPLACED, f"Another connection of runner {link.runner} took over."))
            await link.run(frames)
        finally:
            link.let_go()
            await self._part(link)

    async def _part(self, link: "RunnerLink") -> None:
        try:
            if self._links.get(link.runner) is link:
                del self._links[link.runner]
                _log.warning("Runner %s is away.", link.runner)
                link.lost()
        finally:
            link.gone.set()

    def _check_name(self, hello: Hello, joined_as: str | None) -> None:
        """Raises LinkClosed when this runner may not be called what it says."""
        name, joined = hello.runner, self._services.fleet.joined
        if joined_as is not None and joined_as not in joined:
            raise LinkClosed(FORBIDDEN, f"The access of runner {joined_as} was taken away.")
        if joined_as not in (None, name):
            raise LinkClosed(FORBIDDEN, f"It joined as {joined_as}, and cannot be called {name}. Leave --name out.")
        if joined_as is None and name in joined:
            raise LinkClosed(FORBIDDEN, f"A runner of another host joined as {name}. Choose another --name.")
        present = self._links.get(name)
        if present is not None and present.instance != hello.instance:
            raise LinkClosed(
                REPLACED, f"Another runner {name} is connected, from {present.host}. Choose another --name."
            )


class RunnerLink:
    """One connection of one runner."""

    def __init__(self, services: LinkServices, send: Callable[[str], Awaitable[None]]) -> None:
        self.runner = ""
        self.host = ""
        self.instance = ""
        self.gone = asyncio.Event()
        """Set when nothing of it is left, and everyone was told."""
        self._services = services
        self._send_text = send
        self._orders: dict[int, asyncio.Future[OrderResult]] = {}
        self._ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._applying: set[asyncio.Task[None]] = set()
        self._starting_over: asyncio.Task[None] | None = None
        self._hello: Hello | None = None

    async def receive_hello(self, frames: AsyncIterator[str | bytes]) -> Hello:
        try:
            async with asyncio.timeout(HELLO_TIMEOUT_S):
                hello = _decode(await anext(frames))
        except (TimeoutError, StopAsyncIteration):
            raise LinkClosed(BAD_FRAME, "No hello came.") from None
        if not isinstance(hello, Hello):
            raise LinkClosed(BAD_FRAME, "The first frame should be a hello.")
        if hello.version != PROTOCOL_VERSION:
            raise LinkClosed(
                BAD_FRAME, f"The runner speaks version {hello.version} of the protocol, this deck {PROTOCOL_VERSION}."
            )
        return hello

    async def welcome(self, hello: Hello) -> None:
        self.runner, self.host, self.instance = hello.runner, hello.host, hello.instance
        self._hello = hello
        apart = (hello.now - self._services.clock.now()).total_seconds()
        if abs(apart) > CLOCKS_APART_S:
            _log.warning("The clock of runner %s (%s) is %+.1f s from the deck's.", hello.runner, hello.host, apart)
        try:
            cursors = await self._services.storage.offsets(self._services.fleet.bots_of(self.runner))
        except StorageError:
            cursors = {}  # the runner asks for each, and is answered when the database works again
        await self._send(Welcome(version=PROTOCOL_VERSION, cursors=cursors, botdeck_version=__version__))
        _log.info("Runner %s (%s, Botdeck %s) is here.", hello.runner, hello.host, hello.botdeck_version or "?")

    def came(self) -> None:
        """It is the link of its runner from now on."""
        assert self._hello is not None
        version = self._hello.botdeck_version
        self._services.fleet.hosts.came(self.runner, host=self._hello.host, version=version)
        self._services.hosts.runners_changed()

    async def run(self, frames: AsyncIterator[str | bytes]) -> None:
        reader = asyncio.create_task(self._read(frames))
        try:
            await asyncio.wait({reader, self._ended}, return_when=asyncio.FIRST_COMPLETED)
            if self._ended.done():
                self._ended.result()
            reader.result()
        finally:
            await self._finish(reader)

    def end(self, why: LinkClosed) -> None:
        if not self._ended.done():
            self._ended.set_exception(why)

    def let_go(self) -> None:
        """Nobody waits for this link any more."""
        for waiting in self._orders.values():
            if not waiting.done():
                waiting.set_exception(RunnerAway(f"Runner {self.runner} went away before it answered."))
        self._ended.cancel()

    async def order(self, order: Order) -> OrderResult:
        """Raises RunnerAway."""
        answer: asyncio.Future[OrderResult] = asyncio.get_running_loop().create_future()
        self._orders[order.id] = answer
        try:
            async with asyncio.timeout(ORDER_TIMEOUT_S):
                await self._send(order)
                return await answer
        except ConnectionError:
            raise RunnerAway(f"Runner {self.runner} went away before it answered.") from None
        except TimeoutError:
            raise RunnerAway(f"Runner {self.runner} did not answer within {ORDER_TIMEOUT_S:g} s.") from None
        finally:
            del self._orders[order.id]

    def lost(self) -> None:
        """Tell everyone that nobody knows what its bots do."""
        self._publish(self._services.fleet.lost(self.runner), listed=True)

    async def _finish(self, reader: asyncio.Task[None]) -> None:
        """What is being committed is let through, so that browsers see what the database has."""
        reader.cancel()
        if self._starting_over:
            self._starting_over.cancel()
        try:
            patience_s = 0.0 if self._services.patient.failing.is_set() else LAST_COMMITS_S
            await asyncio.wait({reader, *self._applying}, timeout=patience_s)
        finally:
            for task in self._applying:
                task.cancel()

    async def _read(self, frames: AsyncIterator[str | bytes]) -> None:
        async for frame in frames:
            if isinstance(frame, bytes):
                await self._take_data(frame)
            else:
                await self._take(_decode(frame))

    async def _take(self, frame: Frame) -> None:
        fleet = self._services.fleet
        match frame:
            case FleetFrame(members=members):
                self._publish(fleet.told_fleet(self.runner, members), listed=True)
            case StatusReport(status=status):
                if fleet.told_status(self.runner, status):
                    self._publish([status.bot])
            case Samples(samples=samples, load=load):
                fleet.told_samples(self.runner, samples)
                fleet.hosts.told_load(self.runner, load)
                self._services.hosts.sampled(self.runner)
            case Troubles(sentences=sentences):
                if fleet.hosts.told_troubles(self.runner, sentences):
                    self._services.hosts.runners_changed()
                    self._publish([])
            case RunReport(run=run):
                # Of two runners with a bot of the same name one has it, and the other keeps its link and its others.
                if fleet.may_send(self.runner, run.bot):
                    await self._begin(self._store_run, run)
            case OrderResult():
                answer = self._orders.get(frame.id)
                if answer and not answer.done():
                    answer.set_result(frame)
            case _:
                raise LinkClosed(BAD_FRAME, f"A runner does not send {type(frame).__name__}.")

    def _publish(self, names: list[str], *, listed: bool = False) -> None:
        services = self._services
        for name in names:
            if name in services.fleet:
                services.hub.broadcast_bot_status(services.fleet.status(name))
                services.dashboard.changed(name)
        if listed:
            services.hub.broadcast_bot_list(services.fleet.bot_list())
            services.hosts.runners_changed()
        services.memory.changed(names)

    # Data and runs: side by side, so that they share commits; the intake keeps each stream in order.

    async def _take_data(self, frame: bytes) -> None:
        try:
            data = decode_data(frame)
        except ProtocolError as error:
            raise LinkClosed(BAD_FRAME, str(error)) from None
        if self._services.fleet.may_send(self.runner, data.stream.split("/")[0]):
            await self._begin(self._apply, data)

    async def _begin(self, work: Callable[[F], Coroutine[Any, Any, None]], frame: F) -> None:
        """Wait for room, but not for the database: while that takes nothing, what there is no room for is dropped, so
        that statuses and orders behind it get through. The runner has it still and is made to send it again."""
        patient = self._services.patient
        while len(self._applying) >= AT_ONCE:
            if patient.failing.is_set():
                self._starting_over = self._starting_over or asyncio.create_task(self._start_over())
                return
            failing = asyncio.create_task(patient.failing.wait())
            try:
                await asyncio.wait({failing, *self._applying}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                failing.cancel()
        task = asyncio.create_task(work(frame))
        self._applying.add(task)
        task.add_done_callback(self._applied)

    async def _start_over(self) -> None:
        await self._services.patient.working.wait()
        self.end(LinkClosed(TRY_AGAIN, "The database works again; send what was not acknowledged once more."))

    def _applied(self, task: asyncio.Task[None]) -> None:
        self._applying.discard(task)
        if not task.cancelled() and (error := task.exception()):
            if isinstance(error, ConnectionError):
                return  # committed, but the runner went before the ack; the reader notices
            if not isinstance(error, LinkClosed):
                _log.error("A frame of runner %s could not be applied", self.runner, exc_info=error)
                error = LinkClosed(1011, "The deck made a mistake with a frame; its log says more.")
            self.end(error)

    async def _apply(self, data: Data) -> None:
        services = self._services
        try:
            applied = await services.intake.apply(self.runner, data, sender=self)
        except ProtocolError as error:
            raise LinkClosed(BAD_FRAME, str(error)) from None
        if applied.along:
            return  # all that is to be told of it is told with the frame that it was committed with
        # Committed. Browsers first: this does not wait, and a link that breaks in the ack must not cost them lines.
        services.logs.add(applied.bot, applied.lines)
        if applied.changed:
            services.dashboard.changed(applied.bot)
        bot, run, kind = data.stream.split("/")
        if applied.applied and applied.final and kind == "events":
            await services.post_mortems.complete(bot, run)
        await self._send(Ack(stream=data.stream, offset=applied.cursor, final=applied.final))

    async def _store_run(self, run: Run) -> None:
        try:
            await self._services.patient.put_run(run)
        except Unstorable as error:
            raise LinkClosed(BAD_FRAME, str(error)) from None
        self._services.dashboard.changed(run.bot)
        if run.ended_at is not None:
            await self._services.post_mortems.complete(run.bot, run.id)
        await self._send(RunStored(run=run.id, ended=run.ended_at is not None))

    async def _send(self, frame: Frame) -> None:
        await self._send_text(encode(frame))


def _decode(frame: str | bytes) -> Frame:
    if isinstance(frame, bytes):
        raise LinkClosed(BAD_FRAME, "The first frame should be a hello.")
    try:
        # A path in a reason may hold what is no UTF-8, and no browser or database could be told of it then.
        return decode(json.dumps(whole(json.loads(frame))) if _HALF.search(frame) else frame)
    except ValueError as error:
        raise LinkClosed(BAD_FRAME, f"A frame should be JSON: {error}.") from None
    except ProtocolError as error:
        raise LinkClosed(BAD_FRAME, str(error)) from None
