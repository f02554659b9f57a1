"""The fake Discord's gateway: sessions that outlive their connections. A thread for each connection."""

from __future__ import annotations

import json
import logging
import threading
import time
import zlib
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from websockets.exceptions import ConnectionClosed
from websockets.sync.server import Server, ServerConnection, serve

from botdeck.testing import discord_shapes as shapes

if TYPE_CHECKING:
    from collections.abc import Callable

    from botdeck.testing.discord_shapes import Json

DISPATCH, HEARTBEAT, IDENTIFY, RESUME, REQUEST_MEMBERS, INVALID_SESSION, HELLO, ACK = 0, 1, 2, 6, 8, 9, 10, 11
GUILD_MESSAGES, MESSAGE_CONTENT = 1 << 9, 1 << 15
WRONG_TOKEN = 4004
HEARTBEAT_INTERVAL_MS = 5000
ACK_AFTER_S = 0.04
"""At once would be too soon for discord.py, whose keep-alive thread notes the time of sending after it has sent."""


class Connection:
    def __init__(self, socket: ServerConnection) -> None:
        query = parse_qs(urlsplit(socket.request.path if socket.request else "").query)
        self.socket = socket
        self._zlib = zlib.compressobj() if query.get("compress") == ["zlib-stream"] else None
        self._lock = threading.Lock()  # a compressed stream has an order

    def send(self, op: int, data: Any = None, *, seq: int | None = None, event: str | None = None) -> None:
        text = json.dumps({"op": op, "d": data, "s": seq, "t": event})
        with self._lock, suppress(ConnectionClosed):
            if self._zlib is None:
                self.socket.send(text)
            else:
                self.socket.send(self._zlib.compress(text.encode()) + self._zlib.flush(zlib.Z_SYNC_FLUSH))


class Session:
    """One shard that has identified itself. Events are kept, and sent again to a connection that resumes."""

    def __init__(self, asked: Json) -> None:
        self.id = shapes.snowflake()
        self.intents = int(asked.get("intents") or 0)
        self.shard: list[int] = list(asked.get("shard") or (0, 1))
        self._sent: list[tuple[int, str, Json]] = []
        self._connection: Connection | None = None
        self._lock = threading.Lock()

    @property
    def is_connected(self) -> bool:
        return self._connection is not None

    @property
    def keeps_our_server(self) -> bool:
        return (int(shapes.SERVER_ID) >> 22) % self.shard[1] == self.shard[0]

    def dispatch(self, event: str, data: Json) -> None:
        with self._lock:
            self._sent.append((len(self._sent) + 1, event, data))
            self._send(self._sent[-1:])

    def attach(self, connection: Connection, *, after_seq: int | None = None) -> None:
        with self._lock:
            self._connection = connection
            if after_seq is not None:
                self._send(self._sent[after_seq:])

    def detach(self, connection: Connection) -> None:
        with self._lock:
            if self._connection is connection:
                self._connection = None

    def _send(self, events: list[tuple[int, str, Json]]) -> None:
        for seq, event, data in events:
            if self._connection is not None:
                self._connection.send(DISPATCH, data, seq=seq, event=event)


class Gateway:
    """`server` makes what GUILD_CREATE tells; `changed` is called when a bot came or went."""

    def __init__(self, bot: Json, server: Callable[[], Json], changed: Callable[[], None]) -> None:
        self.logins = self.resumes = self.heartbeats = 0
        self._bot, self._guild, self._changed = bot, server, changed
        self._sessions: list[Session] = []
        self._connections: set[Connection] = set()
        quiet = logging.Logger("botdeck.testing.discord", logging.CRITICAL)  # bots that are killed say no goodbye
        self._listener: Server = serve(self._converse, "127.0.0.1", 0, logger=quiet, max_size=None)
        self._thread = threading.Thread(target=self._listener.serve_forever, daemon=True)
        self._thread.start()
        self.url = f"ws://127.0.0.1:{self._listener.socket.getsockname()[1]}/gateway"

    @property
    def is_complete(self) -> bool:
        """The newest login's shards are all connected."""
        live = {session.shard[0] for session in self._sessions if session.is_connected}
        return bool(self._sessions) and live >= set(range(self._sessions[-1].shard[1]))

    def dispatch(self, event: str, data: Json | Callable[[Session], Json | None]) -> None:
        """To every session that keeps the server; a function says what each gets."""
        for session in list(self._sessions):
            told = data(session) if callable(data) else data
            if session.keeps_our_server and told is not None:
                session.dispatch(event, told)

    def ask_for_heartbeat(self) -> None:
        for connection in list(self._connections):
            connection.send(HEARTBEAT)

    def drop(self, code: int) -> None:
        for connection in list(self._connections):
            for session in self._sessions:
                session.detach(connection)
            connection.socket.close(code)

    def close(self) -> None:
        self.drop(1001)
        self._listener.shutdown()
        self._thread.join()

    def _converse(self, socket: ServerConnection) -> None:
        connection = Connection(socket)
        self._connections.add(connection)
        connection.send(HELLO, {"heartbeat_interval": HEARTBEAT_INTERVAL_MS})
        with suppress(ConnectionClosed):
            for text in socket:
                frame = json.loads(text)
                self._obey(connection, frame["op"], frame.get("d"))
        self._connections.discard(connection)
        for session in self._sessions:
            session.detach(connection)
        self._changed()

    def _obey(self, connection: Connection, op: int, asked: Any) -> None:
        if op == HEARTBEAT:
            self.heartbeats += 1
            self._changed()
            time.sleep(ACK_AFTER_S)
            connection.send(ACK)
        elif op == IDENTIFY:
            self._identify(connection, asked)
        elif op == RESUME:
            self._resume(connection, asked)
        elif op == REQUEST_MEMBERS:
            self._members(connection, asked)

    def _identify(self, connection: Connection, asked: Json) -> None:
        if asked.get("token") == "bad":
            connection.socket.close(WRONG_TOKEN)
            return
        session = Session(asked)
        # A new login of a shard puts an end to the sessions that it had.
        self._sessions = [each for each in self._sessions if each.shard != session.shard or each.is_connected]
        self._sessions.append(session)
        session.attach(connection)
        session.dispatch("READY", self._ready(session))
        if session.keeps_our_server:
            session.dispatch("GUILD_CREATE", self._guild())
        self.logins += 1
        self._changed()

    def _ready(self, session: Session) -> Json:
        guilds = [{"id": shapes.SERVER_ID, "unavailable": True}] if session.keeps_our_server else []
        application = shapes.application(self._bot["username"])
        about = {"application": {"id": application["id"], "flags": application["flags"]}, "session_type": "normal"}
        resuming = {"session_id": session.id, "resume_gateway_url": self.url, "shard": session.shard}
        lists: Json = {"private_channels": [], "relationships": [], "_trace": []}
        return {"v": 10, "user": self._bot, "guilds": guilds, **about, **resuming, **lists}

    def _resume(self, connection: Connection, asked: Json) -> None:
        session = next((each for each in self._sessions if each.id == asked.get("session_id")), None)
        if session is None:
            connection.send(INVALID_SESSION, False)
            return
        session.attach(connection, after_seq=int(asked.get("seq") or 0))
        session.dispatch("RESUMED", {"_trace": []})
        self.resumes += 1
        self._changed()

    def _members(self, connection: Connection, asked: Json) -> None:
        chunk = {"guild_id": shapes.SERVER_ID, "chunk_index": 0, "chunk_count": 1, "not_found": [], "presences": []}
        members = self._guild()["members"]
        for session in self._sessions:
            if session.is_connected and session.keeps_our_server:
                session.dispatch("GUILD_MEMBERS_CHUNK", {**chunk, "members": members, "nonce": asked.get("nonce")})
