"""A real deck on a free port with a real database, browsers that speak HTTP and WebSocket, and a scripted runner that
speaks real frames."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar
from urllib.parse import urlencode, urljoin, urlsplit

import httpx2
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from botdeck.deck.clock import SYSTEM_CLOCK, Clock
from botdeck.deck.main import create_app
from botdeck.deck.server import DeckServer, listen, only_deck_of, url_of
from botdeck.deck.sockets import DeckWebSocketProtocol
from botdeck.models import Action, Bot, BotStatus, HostLoad, LogLine, Sample, State, Wanted
from botdeck.protocol import frames
from botdeck.settings import DeckSettings, RunnerSettings, Settings
from botdeck.storage import open_storage
from botdeck.storage.port import Storage

from .live_page import LivePage

PASSWORD = "correct horse battery"
DEADLINE_S = 20.0
F = TypeVar("F")


class House:
    """One deck, in the test's own event loop."""

    def __init__(self, data_dir: Path, storage: Storage, settings: Settings, clock: Clock) -> None:
        self.data_dir = data_dir
        self.storage = storage
        self.app: Any = create_app(settings, storage, clock=clock)
        self.deck: Any = self.app._api.state.deck
        self._listener = listen(settings.deck)
        self.url = url_of(settings.deck, self._listener)
        self.server = DeckServer(settings, self.app)

    async def __aenter__(self) -> Self:
        self._serving = asyncio.create_task(self.server.serve(sockets=[self._listener]))
        listening = asyncio.create_task(self.server.listening.wait())
        await asyncio.wait({self._serving, listening}, return_when=asyncio.FIRST_COMPLETED)
        if self._serving.done():
            listening.cancel()
            self._serving.result()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.server.should_exit = True
        await self._serving
        self._listener.close()
        await self.storage.close()

    async def stopped(self) -> None:
        await asyncio.wait({self._serving})

    def open_websockets(self) -> list[DeckWebSocketProtocol]:
        return [one for one in self.server.server_state.connections if isinstance(one, DeckWebSocketProtocol)]

    @property
    def origin(self) -> str:
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc}"

    def token(self, name: str = "cli-token") -> str:
        return (self.data_dir / name).read_text().strip()

    @property
    def setup_code(self) -> str:
        return (self.data_dir / "setup-code").read_text().strip()

    def http(self, **headers: str) -> httpx2.AsyncClient:
        """As a page of the deck itself asks: with its Origin."""
        return httpx2.AsyncClient(base_url=self.url, headers={"Origin": self.origin, **headers}, timeout=DEADLINE_S)

    def cli(self) -> httpx2.AsyncClient:
        headers = {"Authorization": f"Bearer {self.token()}", "X-Botdeck-User": "root"}
        return httpx2.AsyncClient(base_url=self.url, headers=headers, timeout=DEADLINE_S)

    @contextlib.asynccontextmanager
    async def set_up(self, name: str = "ann") -> AsyncIterator[httpx2.AsyncClient]:
        """The browser of the first admin, signed in."""
        async with self.http() as page:
            form = {"code": self.setup_code, "name": name, "password": PASSWORD}
            answer = await page.post("api/setup", json=form)
            assert answer.status_code == 200, answer.text
            yield page

    @contextlib.asynccontextmanager
    async def signed_in(self, name: str) -> AsyncIterator[httpx2.AsyncClient]:
        async with self.http() as page:
            answer = await page.post("api/auth/login", json={"name": name, "password": PASSWORD})
            assert answer.status_code == 200, answer.text
            yield page

    def websocket_url(self, path: str) -> str:
        return urljoin(self.url, path).replace("http", "ws", 1)

    @contextlib.asynccontextmanager
    async def browser(
        self,
        page: httpx2.AsyncClient,
        *,
        user_id: str = "1",
        bot: str | None = None,
        resume: Any = None,
        live: LivePage | None = None,
        **options: Any,
    ) -> AsyncIterator["LiveBrowser"]:
        """`live` is what it had before; it says so itself in `resume`, or a test says something else."""
        cookies = "; ".join(f"{cookie.name}={cookie.value}" for cookie in page.cookies.jar)
        headers = {"Cookie": cookies} if cookies else {}
        options = {"origin": self.origin, "additional_headers": headers, "compression": None, **options}
        async with connect(self.websocket_url(f"ws/{user_id}{live_query(bot, resume)}"), **options) as socket:
            yield LiveBrowser(socket, live)

    @contextlib.asynccontextmanager
    async def runner(self, name: str = "local", *bots: str, obeys: bool = True) -> AsyncIterator["ScriptedRunner"]:
        """Said hello, was welcomed, and told its bots."""
        headers = {"Authorization": f"Bearer {self.token('runner-token')}"}
        async with connect(self.websocket_url("api/runner/link"), additional_headers=headers) as socket:
            runner = ScriptedRunner(socket, name)
            await runner.greet()
            if bots:
                await runner.tell_fleet(*bots)
                await eventually(lambda: all(bot in self.deck.fleet.bots_of(name) for bot in bots))
            async with asyncio.TaskGroup() as group:
                listening = group.create_task(runner.listen(obeys=obeys))
                try:
                    yield runner
                finally:
                    listening.cancel()


@contextlib.asynccontextmanager
async def a_deck(data_dir: Path, *, clock: Clock = SYSTEM_CLOCK, **deck: Any) -> AsyncIterator[House]:
    settings = Settings(
        path=data_dir / "botdeck.toml",
        data_dir=data_dir,
        deck=DeckSettings(**{"port": 0, **deck}),
        runner=RunnerSettings(),
        bots=(),
    )
    with only_deck_of(data_dir):
        storage = await open_storage(data_dir / "deck.db")
        async with House(data_dir, storage, settings, clock) as house:
            yield house


def live_query(bot: str | None, resume: Any) -> str:
    """`resume` as it is, if it is a text."""
    said = resume if isinstance(resume, str) or resume is None else json.dumps(resume)
    query = {key: value for key, value in {"bot": bot, "resume": said}.items() if value is not None}
    return f"?{urlencode(query)}" if query else ""


class LiveBrowser:
    """A page on the live channel. All that it receives is checked, and folded as a page does, by `page`."""

    def __init__(self, socket: ClientConnection, page: LivePage | None = None) -> None:
        self.socket = socket
        self.messages: list[dict[str, Any]] = []
        self.page = page or LivePage()
        self.page.connected()

    async def receive(self) -> dict[str, Any]:
        async with asyncio.timeout(DEADLINE_S):
            return self._heard(await self.socket.recv())

    def _heard(self, text: str | bytes) -> dict[str, Any]:
        message: dict[str, Any] = json.loads(text)
        self.messages.append(message)
        self.page.hear(message)
        return message

    async def until(self, fits: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """The next message that fits."""
        async with asyncio.timeout(DEADLINE_S):
            while not fits(message := await self.receive()):
                pass
        return message

    async def until_shown(self, fits: Callable[[LivePage], bool]) -> None:
        """Until what the page shows fits, at once or by what comes."""
        async with asyncio.timeout(DEADLINE_S):
            while not fits(self.page):
                await self.receive()

    async def next_of(self, kind: str) -> dict[str, Any]:
        data: dict[str, Any] = (await self.until(lambda message: message["type"] == kind))["data"]
        return data

    async def subscribe(self, bot: str | None) -> dict[str, Any]:
        """The snapshot that answers, not the one that every connection begins with."""
        if not self.messages:
            await self.next_of("snapshot")
        await self.socket.send(json.dumps({"type": "subscribe", "bot": bot}))
        return await self.next_of("snapshot")

    async def closed(self) -> tuple[int, str]:
        """Code and reason, once the deck has closed it."""
        async with asyncio.timeout(DEADLINE_S):
            with contextlib.suppress(ConnectionClosed):
                while True:
                    self._heard(await self.socket.recv())
        return self.socket.close_code or 0, self.socket.close_reason or ""


class ScriptedRunner:
    """Speaks frames as a runner does; its bots are names only."""

    def __init__(self, socket: ClientConnection, name: str) -> None:
        self.socket = socket
        self.name = name
        self.orders: list[frames.Order] = []
        self.acks: dict[str, int] = {}
        self.finals: set[str] = set()
        self.stored: list[frames.RunStored] = []
        self.sent: dict[str, int] = {}
        self.welcome: frames.Welcome | None = None
        self._changed = asyncio.Condition()

    async def greet(self) -> None:
        hello = frames.Hello(version=frames.PROTOCOL_VERSION, runner=self.name, host="here", now=datetime.now(UTC))
        await self.socket.send(frames.encode(hello))
        async with asyncio.timeout(DEADLINE_S):
            welcome = frames.decode(str(await self.socket.recv()))
        assert isinstance(welcome, frames.Welcome)
        self.welcome = welcome

    async def tell_fleet(self, *bots: str, **status: Any) -> None:
        members = [frames.Member(bot=Bot(name=bot), status=a_status(bot, **status)) for bot in bots]
        await self.socket.send(frames.encode(frames.Fleet(members=members)))

    async def tell(self, status: BotStatus) -> None:
        await self.socket.send(frames.encode(frames.StatusReport(status=status)))

    async def tell_samples(self, *samples: Sample, **load: Any) -> None:
        await self.socket.send(frames.encode(frames.Samples(samples=list(samples), load=a_load(**load))))

    async def tell_troubles(self, *sentences: str) -> None:
        await self.socket.send(frames.encode(frames.Troubles(sentences=list(sentences))))

    async def send_data(self, stream: str, payload: bytes, *, offset: int | None = None, final: bool = False) -> int:
        """Returns the offset behind it, without waiting for the ack."""
        at = self.sent.get(stream, 0) if offset is None else offset
        data = frames.Data(stream=stream, offset=at, time=datetime.now(UTC), final=final, payload=payload)
        self.sent[stream] = at + len(payload)
        await self.socket.send(frames.encode_data(data))
        return at + len(payload)

    async def say(self, bot: str, *lines: str, run: str = "r1") -> None:
        """The bot writes lines; returns when they are committed."""
        stream = frames.stream_name(bot, run, "out")
        await self.acknowledged(stream, await self.send_data(stream, "".join(f"{line}\n" for line in lines).encode()))

    async def emit(self, bot: str, event: str, *, run: str = "r1", **fields: Any) -> None:
        stream = frames.stream_name(bot, run, "events")
        line = {"v": 1, "event": event, "time": datetime.now(UTC).isoformat(), "run": run, **fields}
        await self.acknowledged(stream, await self.send_data(stream, json.dumps(line).encode() + b"\n"))

    async def acknowledged(self, stream: str, offset: int) -> None:
        await self.until(lambda: self.acks.get(stream) == offset)

    async def until(self, true: Callable[[], bool]) -> None:
        async with asyncio.timeout(DEADLINE_S), self._changed:
            await self._changed.wait_for(true)

    async def listen(self, *, obeys: bool) -> None:
        with contextlib.suppress(ConnectionClosed):
            async for text in self.socket:
                frame = frames.decode(str(text))
                match frame:
                    case frames.Ack():
                        self.acks[frame.stream] = frame.offset
                        if frame.final:
                            self.finals.add(frame.stream)
                    case frames.RunStored():
                        self.stored.append(frame)
                    case frames.Order():
                        self.orders.append(frame)
                        if obeys:
                            await self.obey(frame)
                async with self._changed:
                    self._changed.notify_all()

    async def obey(self, order: frames.Order) -> None:
        running = order.action in (Action.START, Action.RESTART)
        status = a_status(order.bot, State.RUNNING if running else State.STOPPED)
        await self.tell(status)
        await self.socket.send(frames.encode(frames.OrderResult(id=order.id)))


def a_status(bot: str, state: State = State.RUNNING, **more: Any) -> BotStatus:
    alive = state in (State.RUNNING, State.STARTING, State.STOPPING)
    values: dict[str, Any] = {
        "wanted": Wanted.RUNNING if state is State.RUNNING else Wanted.STOPPED,
        "since": datetime.now(UTC),
        "run": "r1",
        "pid": 4711 if alive else None,
        "started_at": datetime.now(UTC) if alive else None,
        "uptime_s": 100.0 if alive else None,
    }
    return BotStatus(bot=bot, state=state, **{**values, **more})


def a_sample(bot: str, cpu_percent: float = 1.5) -> Sample:
    return Sample(
        bot=bot, run="r1", cpu_percent=cpu_percent, memory_bytes=20 << 20, threads=3, open_files=11, children=1
    )


def a_load(**more: Any) -> HostLoad:
    values: dict[str, Any] = {
        "cpus": 4,
        "cpu_percent": 12.5,
        "load_1m": 0.5,
        "memory_total_bytes": 8 << 30,
        "memory_available_bytes": 4 << 30,
        "disk_total_bytes": 100 << 30,
        "disk_free_bytes": 50 << 30,
    }
    return HostLoad(**{**values, **more})


def a_line(number: int, text: str = "", bot: str = "helper") -> LogLine:
    return LogLine(
        id=number,
        bot=bot,
        run="r1",
        time=datetime(2026, 11, 22, tzinfo=UTC),
        stream="out",
        level=None,
        text=text or f"line {number}",
    )


async def eventually(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while not true():
            await asyncio.sleep(0.005)
