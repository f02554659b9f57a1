"""python-telegram-bot (20 to 22): an Application.

Neither its parts nor the bot can be given attributes, so five methods of the library's classes are wrapped, which act
for the Applications that were passed to `instrument` alone: `process_update` (each update), `handle_update` of handlers
(a command from its start to its end), `process_error` (what a handler or a job raised) and the bot's `_do_post` (each
call of the API). No handler is added: a handler for errors would silence the library's own report, and one for updates
would have them marked for persistence.

Commands are CommandHandlers and PrefixHandlers, and buttons that a CallbackQueryHandler answers. Handlers that listen
to what people say are not. A message that begins like a command and that no handler but one for any command takes is
`command.unknown`.
"""

from __future__ import annotations

import asyncio
import threading
import time
import weakref

from botdeck.integrations import telegram_chat as chat
from botdeck.integrations.frames import without_ours
from botdeck.integrations.telegram_chat import Polling
from botdeck.sdk.client import emit, error, guard, is_reported, mark_reported
from botdeck.sdk.commands import Command, command

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_lock = threading.Lock()
_watches: list[_Watch] = []
_patched = False


class _Watch:
    """An Application that is watched, and its bot."""

    def __init__(self, application: Any) -> None:
        self.application = weakref.ref(application)
        self.bot = weakref.ref(application.bot)
        self.polling = Polling()


def version() -> str:
    from importlib.metadata import version as version_of

    return version_of("python-telegram-bot")


def identity(bot: Any) -> Any:
    return bot


def instrument(bot: Any) -> None:
    import telegram
    from telegram import ext

    if not isinstance(bot, ext.Application):
        raise TypeError(f"Of python-telegram-bot, botdeck.instrument takes an Application, not {type(bot).__name__}.")
    global _patched
    with _lock:
        _watches[:] = [watch for watch in _watches if watch.application() is not None]
        _watches.append(_Watch(bot))
        if not _patched:
            _patched = True
            _watch_updates(ext)
            _watch_handlers(ext)
            _watch_errors(ext)
            _watch_calls(telegram)


def _of_application(application: object) -> _Watch | None:
    return next((watch for watch in _watches if watch.application() is application), None)


def _of_bot(bot: object) -> _Watch | None:
    return next((watch for watch in _watches if watch.bot() is bot), None)


def _watch_updates(ext: Any) -> None:
    original = ext.Application.process_update

    async def process_update(self: Any, update: Any) -> Any:
        if _of_application(self) is None:
            return await original(self, update)
        taken: list[object] = []
        chat.taken.set(taken)
        chat.came_in(update)
        result = await original(self, update)
        _dealt_with(ext, self, update, taken)
        return result

    ext.Application.process_update = process_update


@guard
def _dealt_with(ext: Any, application: Any, update: Any, taken: list[object]) -> None:
    message = chat.message_of(update)
    name = None if message is None else chat.command_in(message)
    if name is None or not chat.is_for(message, application.bot.username):
        return
    if not any(_is_for_some_commands(ext, handler) for handler in taken):
        emit("command.unknown", **{"command.name": name, **chat.place(message.chat.id, message.message_id)})


def _is_for_some_commands(ext: Any, handler: Any) -> bool:
    """Not so are handlers for whatever is left, which tell people that there is no such command."""
    if isinstance(handler, ext.MessageHandler):
        return handler.filters not in (ext.filters.COMMAND, ext.filters.ALL, ext.filters.TEXT)
    return not isinstance(handler, ext.TypeHandler)


def _watch_handlers(ext: Any) -> None:
    original, conversation = ext.BaseHandler.handle_update, ext.ConversationHandler.handle_update

    def handle_update(self: Any, update: Any, application: Any, *rest: Any, **named: Any) -> Any:
        if _of_application(application) is None:
            return original(self, update, application, *rest, **named)
        chat.take(self)  # at once, though it may be set to work later
        return _observed(ext, self, update, lambda: original(self, update, application, *rest, **named))

    def handle_in_conversation(self: Any, *rest: Any, **named: Any) -> Any:
        chat.take(self)  # its own handler may begin only when the update has been dealt with
        return conversation(self, *rest, **named)

    ext.BaseHandler.handle_update = handle_update
    ext.ConversationHandler.handle_update = handle_in_conversation


async def _observed(ext: Any, handler: Any, update: Any, work: Callable[[], Any]) -> Any:
    begun = _begin(ext, handler, update)
    try:
        result = await work()
    except BaseException as exc:
        _end(begun, None if isinstance(exc, ext.ApplicationHandlerStop) else exc)
        raise
    _end(begun, None)
    return result


@guard
def _begin(ext: Any, handler: Any, update: Any) -> Command | None:
    named = _name_of(ext, handler, update)
    if named is None:
        return None
    name, kind = named
    message = update.effective_message
    where = {"chat.platform": "telegram"} if message is None else chat.place(message.chat.id, message.message_id)
    return command(name, user_id=chat.user_id(update.effective_user), kind=kind, **where).__enter__()


@guard
def _end(begun: Command | None, exc: BaseException | None) -> None:
    if begun is not None:
        begun.finish(exc)


def _name_of(ext: Any, handler: Any, update: Any) -> tuple[str, str] | None:
    if isinstance(handler, ext.CommandHandler):
        return chat.command_in(update.effective_message) or "?", "slash"
    if isinstance(handler, ext.PrefixHandler):
        return update.effective_message.text.split()[0].lower(), "prefix"
    if isinstance(handler, ext.CallbackQueryHandler):
        return getattr(handler.callback, "__name__", type(handler.callback).__name__), "handler"
    return None


def _watch_errors(ext: Any) -> None:
    original = ext.Application.process_error

    def process_error(self: Any, update: Any, error: Exception, *rest: Any, **named: Any) -> Any:
        if _of_application(self) is not None:
            _failed(update, error)
        return original(self, update, error, *rest, **named)

    ext.Application.process_error = process_error


@guard
def _failed(update: object, exc: Exception) -> None:
    if not is_reported(exc):
        error(exc, where="job" if update is None else "handler")
    without_ours(exc)


def _watch_calls(telegram: Any) -> None:
    original = telegram.Bot._do_post

    def do_post(self: Any, endpoint: str, data: Any, **named: Any) -> Any:
        working = original(self, endpoint, data, **named)
        watch = _of_bot(self)
        task = None if watch is None else _observed_call(watch, endpoint, data, working)
        return working if task is None else task

    telegram.Bot._do_post = do_post


@guard
def _observed_call(watch: _Watch, endpoint: str, data: Any, working: Any) -> asyncio.Task[Any]:
    """As a task, which tells us its end: what a call raises is printed by the library before anybody who has let it
    pass can take his frame out."""
    loop = asyncio.get_running_loop()
    watch.polling.beat_from(loop)
    if endpoint == "getUpdates":
        watch.polling.asked()
    began = time.perf_counter()
    task = loop.create_task(working)
    task.add_done_callback(lambda done: _call_ended(watch, endpoint, data, began, done))
    return task


@guard
def _call_ended(watch: _Watch, endpoint: str, data: Any, began: float, done: asyncio.Task[Any]) -> None:
    if done.cancelled():
        return
    exc = done.exception()
    if endpoint == "getUpdates":
        if exc is not None:
            mark_reported(exc)
        watch.polling.ended(exc)
        return
    chat.called(endpoint, began, exc)
    if exc is None and chat.sends(endpoint):
        _sent(done.result(), data)


def _sent(result: Any, data: Any) -> None:
    """Several photos are several messages; of a copy, the answer has the id only."""
    for message in result if isinstance(result, list) else [result]:
        if isinstance(message, dict):
            where = chat.place(message.get("chat", {}).get("id", data.get("chat_id")), message.get("message_id"))
            text = str(message.get("text") or message.get("caption") or "")
            emit("message.sent", **where, size=len(text.encode("utf-8", "replace")))
