"""matrix-nio's AsyncClient. Wrapped on the client: `_on_event` (each event, and all callbacks that it sets off),
`receive_response` (which events of a sync are history), `room_send`, and `send` (each HTTP request).

Matrix bots have no commands of their own; see `typed.py`. What was said before the bot was there comes as well: with
the first sync of a client without a token, and with the first one after it joined a room. That is no news and not
counted, although bots that do not look at it answer it.

nio asks its server again and again for what is new. It is connected while it gets answers.
"""

from __future__ import annotations

import asyncio
import time

from botdeck.integrations.around import around
from botdeck.integrations.people import seen
from botdeck.integrations.typed import command_name
from botdeck.sdk import api
from botdeck.sdk.client import emit, error
from botdeck.sdk.commands import Command, command
from botdeck.sdk.heartbeat import Heart

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_LONGEST_WORD = 30
"""Of the words in the paths of Matrix' API."""


def framework(_bot: Any) -> tuple[str, str]:
    from importlib.metadata import version as version_of

    return "matrix-nio", version_of("matrix-nio")


def identity(bot: Any) -> Any:
    return bot


def instrument(bot: Any) -> None:
    history: set[str] = set()
    syncing = _Syncing(bot)
    _watch_requests(bot, syncing)
    _watch_history(bot, syncing, history)
    _watch_events(bot, history)
    _watch_sending(bot)


class _Syncing:
    """Whether the server answers, and whether the newest question named a point from which to go on."""

    def __init__(self, bot: Any) -> None:
        self.connected = False
        self.since_known = False
        self.heart = Heart(lambda: self.connected)
        self._bot = bot
        self._beats = False

    def asked(self, path: str) -> None:
        self.since_known = "since=" in path
        if not self._beats:
            self._beats = True
            self.heart.beat_from(asyncio.get_running_loop())

    def answered(self, well: bool) -> None:
        if well is self.connected:
            return
        self.connected = well
        where = {"chat.platform": "matrix", "chat.server.id": _server(self._bot)}
        emit("gateway.ready" if well else "gateway.disconnect", **where)
        self.heart.beat()


def _server(bot: Any) -> str:
    return str(bot.user_id or "").partition(":")[2] or str(bot.homeserver)


def _watch_requests(bot: Any, syncing: _Syncing) -> None:
    def before(method: str, path: str, *_args: Any, **_kwargs: Any) -> tuple[str, str, float]:
        if _is_sync(path):
            syncing.asked(path)
        return method, path, time.perf_counter()

    def after(begun: tuple[str, str, float], answer: Any, exc: BaseException | None) -> None:
        if isinstance(exc, asyncio.CancelledError):
            return  # the bot is done
        method, path, began = begun
        status = getattr(answer, "status", 0)
        if _is_sync(path):
            syncing.answered(exc is None and status == 200)
            return
        failed = exc is not None or status >= 400
        api.called((time.perf_counter() - began) * 1000, failed=failed, rate_limited=status == 429)
        if failed:
            kind = type(exc).__name__ if exc else str(status)
            about = {"error.type": kind, **({"http.response.status_code": status} if status else {})}
            emit("api.error", **{"http.request.method": method, "url.template": _without_ids(path), **about})

    bot.send = around(bot.send, before=before, after=after)


def _is_sync(path: str) -> bool:
    return path.partition("?")[0].endswith("/sync")


def _without_ids(path: str) -> str:
    """Ids have a sign before and a server behind them, which stand encoded in a path; those of sending are long."""
    parts = path.partition("?")[0].split("/")
    return "/".join("{id}" if "%" in part or len(part) > _LONGEST_WORD else part for part in parts)


def _watch_history(bot: Any, syncing: _Syncing, history: set[str]) -> None:
    def before(response: Any) -> bool:
        from nio import SyncResponse

        if not isinstance(response, SyncResponse):
            return False  # such as of a message that a callback sends, in the middle of a sync
        for room in response.rooms.join.values():
            history.update(_said_before(bot.user_id, room.timeline.events, all_of_it=not syncing.since_known))
        return True

    def after(is_sync: bool, _result: Any, _exc: BaseException | None) -> None:
        if is_sync:
            history.clear()

    bot.receive_response = around(bot.receive_response, before=before, after=after)


def _said_before(our_id: str, events: list[Any], *, all_of_it: bool) -> set[str]:
    """Ids of the events before we were in the room."""
    joined = [n for n, event in enumerate(events) if _is_our_arrival(our_id, event)]
    end = len(events) if all_of_it else joined[-1] if joined else 0
    return {event.event_id for event in events[:end]}


def _is_our_arrival(our_id: str, event: Any) -> bool:
    if getattr(event, "state_key", None) != our_id or getattr(event, "membership", None) != "join":
        return False
    return getattr(event, "prev_membership", None) != "join"  # that would be a new name or picture


def _watch_events(bot: Any, history: set[str]) -> None:
    def before(event: Any, room: Any) -> Command | None:
        if event.event_id in history or event.sender == bot.user_id or not _is_written(event):
            return None
        return _begin(event, room)

    def after(begun: Command | None, _result: Any, exc: BaseException | None) -> None:
        if begun is not None:
            begun.finish(exc)
        elif isinstance(exc, Exception):
            error(exc, where="callback")

    bot._on_event = around(bot._on_event, before=before, after=after)


def _is_written(event: Any) -> bool:
    """Text, pictures and the like, but no edits. What cannot be decrypted is of no kind that we know."""
    from nio import RoomMessage

    if not isinstance(event, RoomMessage):
        return False
    relation = (event.source.get("content") or {}).get("m.relates_to") or {}
    return relation.get("rel_type") != "m.replace"


def _begin(event: Any, room: Any) -> Command | None:
    from nio import RoomMessageNotice

    who = f"matrix:{event.sender}"
    is_bot = isinstance(event, RoomMessageNotice)  # by agreement only bots send notices
    text = getattr(event, "body", None) or ""
    where = {"user.id": who, "chat.platform": "matrix", "chat.channel.id": room.room_id}
    about = {"chat.message.id": event.event_id, "size": len(text.encode("utf-8", "replace"))}
    seen(who, room.user_name(event.sender) or event.sender)
    emit("message.received", **where, **about, **({"user.bot": True} if is_bot else {}))
    name = command_name(text)
    return command(name, kind="prefix", **where).__enter__() if name else None


def _watch_sending(bot: Any) -> None:
    def before(room_id: str, message_type: str, content: dict[str, Any], *_args: Any, **_kwargs: Any) -> Any:
        is_edit = (content.get("m.relates_to") or {}).get("rel_type") == "m.replace"
        return (room_id, str(content.get("body") or "")) if message_type == "m.room.message" and not is_edit else None

    def after(said: tuple[str, str] | None, answer: Any, exc: BaseException | None) -> None:
        if said is None or exc is not None or not getattr(answer, "event_id", None):
            return  # nio returns what went wrong
        room_id, text = said
        where = {"chat.platform": "matrix", "chat.channel.id": room_id, "chat.message.id": answer.event_id}
        emit("message.sent", **where, size=len(text.encode("utf-8", "replace")))

    bot.room_send = around(bot.room_send, before=before, after=after)
