"""What the adapters of Telegram libraries have in common.

A person is `telegram:ID`; messages have ids, and chats are the channels. What is edited is no second message.
Telegram has no connection that stands. A bot that polls is connected from its first getUpdates on (libraries ask who
the bot is before that, so the token is good) for as long as the last one that came to an end was answered. Of a bot
with a webhook, nobody can tell.
"""

from __future__ import annotations

import contextvars
import time

from botdeck.integrations.people import seen
from botdeck.sdk import api
from botdeck.sdk.client import emit, guard
from botdeck.sdk.heartbeat import Heart

TYPE_CHECKING = False
if TYPE_CHECKING:
    from asyncio import AbstractEventLoop
    from typing import Any

_PLATFORM: dict[str, object] = {"chat.platform": "telegram"}
_STATUS = {"RetryAfter": 429, "Conflict": 409, "Forbidden": 403, "InvalidToken": 401, "Unauthorized": 401}
_STATUS |= {"BadRequest": 400, "NotFound": 404}
"""Both libraries name their exceptions by what the server said; aiogram puts `Telegram` before and sometimes `Error`
after it."""

taken: contextvars.ContextVar[list[object] | None] = contextvars.ContextVar("botdeck_taken", default=None)
"""The handlers that took the update in work. What is put among the data of an update, handlers may come to see."""


class Polling:
    """Whether updates come in, and the bot's heart."""

    def __init__(self) -> None:
        self.connected: bool | None = None
        self._heart = Heart(lambda: self.connected)
        self._loop: AbstractEventLoop | None = None

    @guard
    def beat_from(self, loop: AbstractEventLoop) -> None:
        if loop is not self._loop:
            self._loop = loop
            self._heart.beat_from(loop)

    @guard
    def asked(self) -> None:
        if self.connected is None:
            self._is(connected=True)

    @guard
    def ended(self, exc: BaseException | None) -> None:
        """A getUpdates was answered, or was not."""
        if self.connected is not (exc is None):
            self._is(connected=exc is None)

    def _is(self, *, connected: bool) -> None:
        self.connected = connected
        emit("gateway.ready" if connected else "gateway.disconnect", **_PLATFORM)
        self._heart.beat()


def place(chat_id: object, message_id: object) -> dict[str, object]:
    return {**_PLATFORM, "chat.channel.id": str(chat_id), "chat.message.id": str(message_id)}


def user_id(user: Any) -> str | None:
    return None if user is None else f"telegram:{user.id}"


def message_of(update: Any) -> Any:
    """Updates may be anything that a bot puts into the library's queue."""
    for kind in ("message", "channel_post", "business_message"):
        if (message := getattr(update, kind, None)) is not None:
            return message
    return None


@guard
def came_in(update: Any) -> None:
    """Posts of a channel have no user."""
    message = message_of(update)
    if message is None:
        return
    user, who = message.from_user, dict[str, object]()
    if user is not None:
        seen(f"telegram:{user.id}", user.full_name, is_bot=user.is_bot)
        who = {"user.id": user_id(user)} | ({"user.bot": True} if user.is_bot else {})
    emit("message.received", **who, **place(message.chat.id, message.message_id), size=size_of(message))


def size_of(message: Any) -> int:
    """In bytes of text, of a photo's caption, say, too."""
    return len((message.text or message.caption or "").encode("utf-8", "replace"))


def command_in(message: Any) -> str | None:
    """What a message calls: `/Ping@some_bot now` is `ping`."""
    first = (message.entities or (None,))[0]
    if first is None or first.type != "bot_command" or first.offset != 0 or not message.text:
        return None
    return str(message.text[1 : first.length]).partition("@")[0].lower()


def is_for(message: Any, username: str | None) -> bool:
    """In a group, a command may name the bot that it is for."""
    named = str(message.text[1 : message.entities[0].length]).partition("@")[2]
    return not named or named.lower() == (username or "").lower()


def take(handler: object) -> None:
    if (handlers := taken.get()) is not None:
        handlers.append(handler)


def sends(method: str) -> bool:
    """Whether a method of the API makes a message that people see."""
    return method.startswith(("send", "copy", "forward")) and method != "sendChatAction"


def called(method: str, began: float, exc: BaseException | None) -> None:
    """Any method but getUpdates came to its end. `began` is of `time.perf_counter`."""
    status, retry_after_s = _status(exc), _retry_after_s(exc)
    limited = status == 429
    api.called((time.perf_counter() - began) * 1000, failed=exc is not None and not limited, rate_limited=limited)
    if exc is None:
        return
    fields: dict[str, object] = {"url.template": f"/bot{{token}}/{method}", "error.type": type(exc).__name__}
    if status is not None:
        fields["http.response.status_code"] = status
    if retry_after_s is not None:
        fields["retry_after_ms"] = round(retry_after_s * 1000)
    emit("api.error", **{"http.request.method": "POST"}, **fields)


def _status(exc: BaseException | None) -> int | None:
    return _STATUS.get(type(exc).__name__.removeprefix("Telegram").removesuffix("Error"))


def _retry_after_s(exc: BaseException | None) -> float | None:
    """python-telegram-bot has a timedelta beside a property that may warn."""
    after = getattr(exc, "_retry_after", None)
    if after is None:
        after = getattr(exc, "retry_after", None)
    return None if after is None else float(after.total_seconds() if hasattr(after, "total_seconds") else after)
