"""What the adapters of Discord's libraries have in common: a bot is connected by shards, commands are known by the id
of what began them, and what a bot asks of the API goes through aiohttp."""

from __future__ import annotations

import re

from botdeck.integrations import aiohttp_calls
from botdeck.sdk.client import emit
from botdeck.sdk.heartbeat import Heart

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from botdeck.sdk.commands import Command

KINDS = {1: "slash", 2: "menu", 3: "menu"}
"""Of application commands, by Discord's numbers."""

_ID = re.compile(r"\d{15,}")
_SECRET = re.compile(r"((?:webhooks|interactions)/\{id\}/)[^/]+")
_MOST_RUNNING = 10_000


def place(server_id: object, channel_id: object) -> dict[str, object]:
    """Private messages have no server."""
    server = {} if server_id is None else {"chat.server.id": str(server_id)}
    channel = {} if channel_id is None else {"chat.channel.id": str(channel_id)}
    return {"chat.platform": "discord", **server, **channel}


def watch_calls(session: Any) -> None:
    """Of the library's aiohttp session, as far as it has one."""
    if hasattr(session, "_trace_configs"):
        aiohttp_calls.watch(session, template)


def template(path: str) -> str | None:
    """An API path without ids and without the tokens by which interactions and webhooks are answered."""
    return _SECRET.sub(r"\1{token}", _ID.sub("{id}", path)) if path.startswith("/api/") else None


def latency_ms(latency_s: float) -> float | None:
    """Infinite or no number before the gateway has answered a heartbeat."""
    return round(latency_s * 1000, 1) if 0 <= latency_s < float("inf") else None


class Shards:
    """Which of them are up; None is the one of a bot that has no shards."""

    def __init__(self, about: Callable[[], dict[str, object]]) -> None:
        self._up: set[int | None] = set()
        self._down: set[int | None] = set()
        self._about = about
        self._beats = False
        # Those that were never up do not count: many of them take long to come up, one after the other.
        self._heart = Heart(lambda: bool(self._up) and not self._down, self._about_when_up)

    def begin_to_beat(self) -> None:
        """From when the bot's loop runs: now, or at the first word of its connection."""
        import asyncio

        if self._beats:
            return
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return
        self._heart.beat_from(loop)
        self._beats = True

    def came(self, shard: int | None, *, resumed: bool = False) -> None:
        self.begin_to_beat()
        if shard not in self._up:
            self._up.add(shard)
            self._down.discard(shard)
            emit("gateway.ready", **_gateway(shard), **({"gateway.resumed": True} if resumed else {}))
            self._heart.beat()

    def went(self, shard: int | None) -> None:
        """Libraries say so at every vain try to come back as well."""
        self.begin_to_beat()
        if shard in self._up:
            self._up.discard(shard)
            self._down.add(shard)
            emit("gateway.disconnect", **_gateway(shard))
            self._heart.beat()

    def _about_when_up(self) -> dict[str, object]:
        return self._about() if self._up else {}


def _gateway(shard: int | None) -> dict[str, object]:
    return {"chat.platform": "discord", **({} if shard is None else {"gateway.shard": shard})}


class Running:
    """Commands whose end we wait for, by the id of the message or interaction that began them.

    Some never end, since a library may lose one without a word; the oldest are forgotten."""

    def __init__(self) -> None:
        self._commands: dict[int, Command] = {}

    def __contains__(self, key: int) -> bool:
        return key in self._commands

    def begin(self, key: int, begun: Command) -> None:
        if len(self._commands) >= _MOST_RUNNING:
            del self._commands[next(iter(self._commands))]
        self._commands[key] = begun.__enter__()

    def finish(self, key: int, exc: BaseException | None = None, *, outcome: str | None = None) -> bool:
        """False when it does not run (any more)."""
        begun = self._commands.pop(key, None)
        if begun is not None:
            begun.outcome = outcome
            begun.finish(exc)
        return begun is not None
