"""aiogram 3: a Dispatcher. Middlewares, which are made for looking on: around each update, each handler whose filters
matched, and each call of the API; and `feed_webhook_update`, since a handler's answer to a webhook is no such call.

Commands are handlers with the filter `Command`, and those that answer buttons. Handlers that listen to what people say
are not. A message that begins like a command and that no handler takes is `command.unknown`, also when one without
filters takes what is left.
"""

from __future__ import annotations

import asyncio
import contextvars
import time
import weakref

from botdeck.integrations import telegram_chat as chat
from botdeck.integrations.frames import without_ours
from botdeck.integrations.telegram_chat import Polling
from botdeck.sdk.client import emit, error, guard, is_reported
from botdeck.sdk.commands import Command, command

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_ANSWERS_FOR_S = 55.0
"""For so long aiogram waits for a handler by default before it answers the webhook without it."""
_answers_until: contextvars.ContextVar[float] = contextvars.ContextVar("botdeck_answers_until", default=0.0)
"""Until when (of `time.monotonic`) what a handler returns for this update goes into the answer to the webhook."""


def version() -> str:
    from importlib.metadata import version as version_of

    return version_of("aiogram")


def identity(bot: Any) -> Any:
    return bot


def instrument(bot: Any) -> None:
    from aiogram import Dispatcher

    if not isinstance(bot, Dispatcher):
        raise TypeError(f"Of aiogram, botdeck.instrument takes the Dispatcher, not {type(bot).__name__}.")
    calls = _Calls()
    _watch_start(bot, calls)
    _watch_updates(bot, calls)
    _watch_handlers(bot)
    _watch_answers_to_webhooks(bot)


class _Calls:
    """What the bots of a Dispatcher ask of the API."""

    def __init__(self) -> None:
        self.polling = Polling()
        self._sessions: weakref.WeakSet[Any] = weakref.WeakSet()

    @guard
    def attach(self, *bots: Any) -> None:
        """Bots may come while the Dispatcher runs."""
        for bot in bots:
            if bot is not None and bot.session not in self._sessions:
                self._sessions.add(bot.session)
                bot.session.middleware(self.observe)
        self.polling.beat_from(asyncio.get_running_loop())

    async def observe(self, make_request: Any, bot: Any, method: Any) -> Any:
        began = time.perf_counter()
        self._begin(method)
        try:
            result = await make_request(bot, method)
        except Exception as exc:
            self._end(method, began, None, exc)
            raise
        self._end(method, began, result, None)
        return result

    @guard
    def _begin(self, method: Any) -> None:
        if method.__api_method__ == "getUpdates":
            self.polling.asked()

    @guard
    def _end(self, method: Any, began: float, result: Any, exc: Exception | None) -> None:
        if method.__api_method__ == "getUpdates":
            self.polling.ended(exc)
            return
        chat.called(method.__api_method__, began, exc)
        if exc is None and chat.sends(method.__api_method__):
            _sent(method, result)


def _sent(method: Any, result: Any) -> None:
    """Several photos are several messages; of a copy, the answer has the id only."""
    for message in result if isinstance(result, list) else [result]:
        chat_id = message.chat.id if hasattr(message, "chat") else method.chat_id
        size = chat.size_of(message) if hasattr(message, "chat") else 0
        emit("message.sent", **chat.place(chat_id, message.message_id), size=size)


def _watch_start(dispatcher: Any, calls: _Calls) -> None:
    """Before the bot's own handlers of the start, which may send something already."""
    trigger = dispatcher.startup.trigger

    async def wrapped_trigger(*args: Any, **named: Any) -> Any:
        calls.attach(*(named.get("bots") or (named.get("bot"),)))
        return await trigger(*args, **named)

    dispatcher.startup.trigger = wrapped_trigger


def _watch_updates(dispatcher: Any, calls: _Calls) -> None:
    async def observe(handler: Any, update: Any, data: dict[str, Any]) -> Any:
        taken: list[object] = []
        chat.taken.set(taken)
        calls.attach(data.get("bot"))
        chat.came_in(update)
        result = await handler(update, data)
        _answered(result)
        _dealt_with(update, data, taken)
        return result

    async def look_at_errors(handler: Any, failed: Any, data: Any) -> Any:
        _failed(failed.exception)
        return await handler(failed, data)

    dispatcher.update.outer_middleware(observe)
    dispatcher.errors.outer_middleware(look_at_errors)


@guard
def _dealt_with(update: Any, data: dict[str, Any], taken: list[object]) -> None:
    message = chat.message_of(update)
    name = None if message is None else chat.command_in(message)
    # Who the bot is was asked at the start; it is not asked for here.
    me = getattr(data.get("bot"), "_me", None)
    if name is not None and not taken and chat.is_for(message, getattr(me, "username", None)):
        emit("command.unknown", **{"command.name": name, **chat.place(message.chat.id, message.message_id)})


@guard
def _failed(exc: Exception) -> None:
    if not is_reported(exc):
        error(exc, where="handler")
    without_ours(exc)


def _watch_handlers(dispatcher: Any) -> None:
    async def observe(handler: Any, event: Any, data: dict[str, Any]) -> Any:
        begun = _begin(event, data)
        try:
            result = await handler(event, data)
        except BaseException as exc:
            _end(begun, exc)
            raise
        _end(begun, None)
        return result

    for name, observer in dispatcher.observers.items():
        if name not in ("update", "error"):
            observer.middleware(observe)


@guard
def _begin(event: Any, data: dict[str, Any]) -> Command | None:
    handler = data["handler"]
    if handler.filters:
        chat.take(handler)
    named = _name_of(event, data)
    if named is None:
        return None
    message = getattr(event, "message", event)
    has_place = hasattr(message, "message_id")
    where = chat.place(message.chat.id, message.message_id) if has_place else {"chat.platform": "telegram"}
    return command(named[0], user_id=chat.user_id(event.from_user), kind=named[1], **where).__enter__()


@guard
def _end(begun: Command | None, exc: BaseException | None) -> None:
    if begun is None:
        return
    if type(exc).__name__ in ("SkipHandler", "CancelHandler"):  # the bot says so in order to leave it to others
        begun.outcome, exc = "rejected" if type(exc).__name__ == "SkipHandler" else "ok", None
    begun.finish(exc)


def _name_of(event: Any, data: dict[str, Any]) -> tuple[str, str] | None:
    called = data.get("command")
    if called is not None and hasattr(called, "prefix"):
        return str(called.command).lower(), "slash" if called.prefix == "/" else "prefix"
    if type(event).__name__ == "CallbackQuery":
        callback = data["handler"].callback
        return getattr(callback, "__name__", type(callback).__name__), "handler"
    return None


def _watch_answers_to_webhooks(dispatcher: Any) -> None:
    """A coroutine of ours around it would show in the traceback that the web server prints."""
    feed_webhook_update = dispatcher.feed_webhook_update

    def wrapped_feed_webhook_update(*args: Any, **named: Any) -> Any:
        _answers_until.set(time.monotonic() + named.get("_timeout", _ANSWERS_FOR_S))
        return feed_webhook_update(*args, **named)

    dispatcher.feed_webhook_update = wrapped_feed_webhook_update


@guard
def _answered(answer: Any) -> None:
    """Telegram tells nobody the message's id. An answer that comes too late for the webhook is a call as any other."""
    method = getattr(answer, "__api_method__", "")
    if not chat.sends(method) or time.monotonic() > _answers_until.get():
        return
    text = getattr(answer, "text", None) or getattr(answer, "caption", None) or ""
    size = len(str(text).encode("utf-8", "replace"))
    emit("message.sent", **{"chat.platform": "telegram", "chat.channel.id": str(answer.chat_id), "size": size})
