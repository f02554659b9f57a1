"""TwitchIO 3: Client, Bot and their kin. Wrapped on the bot: `dispatch` (each event, at the moment it happens) and
`event_error` (what a listener raised); on its HTTP client: `post_chat_message` and `request`.

EventSub is what connects it; a bot that takes events by webhook has no connection to tell of.
"""

from __future__ import annotations

import asyncio
import time

from botdeck.integrations.around import around
from botdeck.integrations.people import seen
from botdeck.sdk import api
from botdeck.sdk.client import emit, error, guard
from botdeck.sdk.commands import Command, command
from botdeck.sdk.heartbeat import Heart

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_REJECTIONS = {"GuardFailure", "InputError"}
"""Exceptions by which the bot says that the user may not (yet), or not like this: no faults of the bot."""
_MOST_RUNNING = 10_000
"""Commands whose end we wait for. Some never end: a component may keep an error to itself."""


def version() -> str:
    from importlib.metadata import version as version_of

    return version_of("twitchio")


def identity(bot: Any) -> Any:
    return bot


def instrument(bot: Any) -> None:
    sockets = _Sockets()
    commands = _Commands()
    observers: dict[str, Callable[[Any], None]] = {
        "message": guard(lambda message: _received(bot, message)),
        "websocket_welcome": guard(sockets.opened),
        "websocket_closed": guard(sockets.closed),
        "command_invoked": guard(commands.begin),
        "command_completed": guard(commands.end),
        "command_error": guard(commands.failed),
    }
    dispatch = bot.dispatch

    def wrapped_dispatch(event: str, payload: Any = None) -> Any:
        if (observe := observers.get(event)) is not None:
            observe(payload)
        return dispatch(event, payload)

    bot.dispatch = wrapped_dispatch
    bot.event_error = around(bot.event_error, before=_listener_failed)
    _watch_http(bot._http)
    _beat(sockets.heart)


def _beat(heart: Heart) -> None:
    try:
        heart.beat_from(asyncio.get_running_loop())
    except RuntimeError:  # instrumented before its loop runs: from its first request on
        heart.beat()


def _listener_failed(payload: Any) -> None:
    error(payload.error, where=getattr(payload.listener, "__name__", "listener"))


class _Sockets:
    """The EventSub sessions that are open. When Twitch asks for a change, the new one opens first."""

    def __init__(self) -> None:
        self._open: set[str] = set()
        self._had_any = False
        self.heart = Heart(lambda: bool(self._open) if self._had_any else None)

    def opened(self, session: Any) -> None:
        self._had_any = True
        self._open.add(session.id)
        if len(self._open) == 1:
            emit("gateway.ready", **{"chat.platform": "twitch"})
            self.heart.beat()

    def closed(self, payload: Any) -> None:
        if payload.socket.session_id in self._open:
            self._open.remove(payload.socket.session_id)
            if not self._open:
                emit("gateway.disconnect", **{"chat.platform": "twitch"})
                self.heart.beat()


def _place(broadcaster: Any, chatter: Any) -> dict[str, Any]:
    return {"user.id": f"twitch:{chatter.id}", "chat.platform": "twitch", "chat.channel.id": broadcaster.id}


def _received(bot: Any, message: Any) -> None:
    """Not the bot's own; nor those of another channel in a shared chat, which belong there."""
    chatter = message.chatter
    if str(chatter.id) == str(bot.bot_id) or message.source_broadcaster is not None:
        return
    seen(f"twitch:{chatter.id}", chatter.display_name or chatter.name)
    size = len((message.text or "").encode("utf-8", "replace"))
    emit("message.received", **_place(message.broadcaster, chatter), **{"chat.message.id": message.id}, size=size)


class _Commands:
    """Known by their context, which lives as long as the command does."""

    def __init__(self) -> None:
        self._running: dict[int, tuple[Any, Command]] = {}

    def begin(self, context: Any) -> None:
        if len(self._running) >= _MOST_RUNNING:
            self._running.pop(next(iter(self._running)))
        name = context.command.qualified_name
        kind = "prefix" if context.prefix else "reward"
        begun = command(name, kind=kind, **_place(context.broadcaster, context.chatter)).__enter__()
        self._running[id(context)] = context, begun  # the context is kept, so that no other gets its id

    def end(self, context: Any, exc: BaseException | None = None) -> None:
        """The first one counts: after an error TwitchIO tells a completion as well."""
        _, begun = self._running.pop(id(context), (None, None))
        if begun is not None:
            begun.outcome = "rejected" if exc is not None and _is_rejection(exc) else None
            begun.finish(getattr(exc, "original", None) or exc)

    def failed(self, payload: Any) -> None:
        context, exc = payload.context, payload.exception
        if type(exc).__name__ == "CommandNotFound":
            where = _place(context.broadcaster, context.chatter)
            emit("command.unknown", **where, **{"command.name": context.invoked_with or ""})
        elif id(context) in self._running:
            self.end(context, exc)
        elif not _is_rejection(exc):
            error(getattr(exc, "original", None) or exc, where="command")


def _is_rejection(exc: BaseException) -> bool:
    return any(cls.__name__ in _REJECTIONS for cls in type(exc).__mro__)


def _watch_http(http: Any) -> None:
    def before_post(broadcaster_id: Any, sender_id: Any, message: str, *_args: Any, **_kwargs: Any) -> tuple[Any, str]:
        return broadcaster_id, message

    def after_post(said: tuple[Any, str], answer: Any, exc: BaseException | None) -> None:
        if exc is None and (sent := answer["data"][0])["is_sent"]:
            where = {"chat.platform": "twitch", "chat.channel.id": str(said[0]), "chat.message.id": sent["message_id"]}
            emit("message.sent", **where, size=len(said[1].encode("utf-8", "replace")))

    def after_request(begun: tuple[Any, float], _answer: Any, exc: BaseException | None) -> None:
        route, began = begun
        status = getattr(exc, "status", None)
        api.called((time.perf_counter() - began) * 1000, failed=exc is not None, rate_limited=status == 429)
        if isinstance(exc, Exception):
            kind = type(exc).__name__ if status is None else str(status)
            about = {"error.type": kind, **({"http.response.status_code": status} if status else {})}
            emit("api.error", **{"http.request.method": route.method, "url.template": route.path, **about})

    http.post_chat_message = around(http.post_chat_message, before=before_post, after=after_post)
    http.request = around(http.request, before=lambda route: (route, time.perf_counter()), after=after_request)
