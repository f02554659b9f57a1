"""slixmpp: clients and components. Wrapped on the stream: `recv_stanza` (each stanza that comes in, and all handlers
that it sets off), `send_raw` (what really leaves), `event` (the session) and `exception`.

XMPP bots have no commands of their own; see `typed.py`. A command lasts until the last handler of its message is done,
coroutines included. A room tells a bot its own messages, too; and after a join, old ones.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from xml.etree import ElementTree

from botdeck.integrations.people import seen
from botdeck.integrations.typed import command_name
from botdeck.sdk.client import emit, error, guard, is_reported, mark_reported
from botdeck.sdk.commands import Command, command
from botdeck.sdk.heartbeat import Heart

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_KINDS = ("chat", "normal", "groupchat")
"""Of messages that people write; the others are headlines and errors."""
_DELAY = "{urn:xmpp:delay}delay"
_STANZA_ID = "{urn:xmpp:sid:0}stanza-id"
_REPLACE = "{urn:xmpp:message-correct:0}replace"
_MOST_ECHOES = 10_000
"""Remembered messages to rooms whose echo has not come; above it the oldest are forgotten."""


def version() -> str:
    from importlib.metadata import version as version_of

    return version_of("slixmpp")


def identity(bot: Any) -> Any:
    return bot


def instrument(bot: Any) -> None:
    session: dict[str, bool] = {}
    heart = Heart(lambda: bool(session) and bot.is_connected())
    echoes = _Echoes()
    _watch_session(bot, session, heart)
    _watch_sending(bot, echoes)
    _watch_receiving(bot, echoes)
    heart.beat_from(bot.loop)


def _watch_session(bot: Any, session: dict[str, bool], heart: Heart) -> None:
    """`session` is kept: empty while there is none."""
    event, exception = bot.event, bot.exception

    @guard
    def observe(name: str) -> None:
        if name in ("session_start", "session_resumed") and not session:
            session["on"] = True
            _tell_gateway("gateway.ready" if name == "session_start" else "gateway.resumed", bot, heart)
        elif name == "disconnected" and session:
            session.clear()
            _tell_gateway("gateway.disconnect", bot, heart)

    @guard
    def failed(exc: BaseException) -> None:
        if not is_reported(exc):
            error(exc, where="slixmpp")

    def wrapped_event(name: str, *args: Any, **kwargs: Any) -> Any:
        observe(name)
        return event(name, *args, **kwargs)

    def wrapped_exception(exc: Exception) -> Any:
        failed(exc)
        return exception(exc)

    bot.event, bot.exception = wrapped_event, wrapped_exception


def _tell_gateway(event: str, bot: Any, heart: Heart) -> None:
    emit(event, **{"chat.platform": "xmpp", "chat.server.id": bot.boundjid.domain})
    heart.beat()


class _Echoes:
    """The messages to rooms that come back from there."""

    def __init__(self) -> None:
        self._waited_for: OrderedDict[tuple[str, str], None] = OrderedDict()

    def expect(self, room: str, stanza_id: str) -> None:
        self._waited_for[room, stanza_id] = None
        if len(self._waited_for) > _MOST_ECHOES:
            self._waited_for.popitem(last=False)

    def is_one(self, room: str, stanza_id: str) -> bool:
        return self._waited_for.pop((room, stanza_id), True) is None


def _watch_sending(bot: Any, echoes: _Echoes) -> None:
    send_raw = bot.send_raw

    @guard
    def sent(data: str | bytes) -> None:
        text = data.decode("utf-8", "replace") if isinstance(data, bytes) else data
        if not text.startswith("<message"):
            return
        message = ElementTree.fromstring(text)  # noqa: S314  the bot's own
        body, to = message.findtext("body"), message.get("to", "").lower()
        if body is None or message.get("type", "normal") not in _KINDS or message.find(_REPLACE) is not None:
            return
        if message.get("type") == "groupchat":
            echoes.expect(to, message.get("id", ""))
        emit("message.sent", **{"chat.platform": "xmpp", "chat.channel.id": to, "size": len(body.encode())})

    def wrapped_send_raw(data: str | bytes) -> Any:
        result = send_raw(data)
        sent(data)
        return result

    bot.send_raw = wrapped_send_raw


def _watch_receiving(bot: Any, echoes: _Echoes) -> None:
    recv_stanza = bot.recv_stanza

    def wrapped_recv_stanza(stanza: Any) -> Any:
        handling = begin(stanza)
        try:
            return recv_stanza(stanza)
        finally:
            if handling is not None:
                guard(handling.wait_for_tasks)()

    @guard
    def begin(stanza: Any) -> _Handling | None:
        return _begin(bot, echoes, stanza)

    bot.recv_stanza = wrapped_recv_stanza


def _begin(bot: Any, echoes: _Echoes, stanza: Any) -> _Handling | None:
    body = stanza.xml.findtext(f"{{{stanza.namespace}}}body") if stanza.name == "message" else None
    if body is None or not _is_from_a_person(stanza, echoes):
        return None
    who = _tell_received(bot, stanza, body)
    name = command_name(body)
    begun = command(name, kind="prefix", **who).__enter__() if name else None
    return _Handling(bot.loop, stanza, begun)


def _is_from_a_person(stanza: Any, echoes: _Echoes) -> bool:
    xml, sender = stanza.xml, stanza.get_from()
    if xml.get("type", "normal") not in _KINDS or not sender or xml.find(_REPLACE) is not None:
        return False
    if xml.get("type") != "groupchat":
        return True
    is_history = xml.find(_DELAY) is not None
    return bool(sender.resource) and not is_history and not echoes.is_one(sender.bare, xml.get("id", ""))


def _tell_received(bot: Any, stanza: Any, body: str) -> dict[str, Any]:
    sender = stanza.get_from()
    in_room = stanza.xml.get("type") == "groupchat"
    person = _person(bot, sender)
    known: dict[str, Any] = {"user.id": f"xmpp:{person}", "chat.platform": "xmpp"}
    known["chat.channel.id"] = sender.bare if in_room or person == sender.bare else sender.full
    ids = {} if (given := _id_of(stanza, sender.bare)) is None else {"chat.message.id": given}
    seen(f"xmpp:{person}", sender.user if person == sender.bare else sender.resource)
    emit("message.received", **known, **ids, size=len(body.encode("utf-8", "replace")))
    return known


def _person(bot: Any, sender: Any) -> str:
    """A person's address; in rooms that hide addresses, the nick there."""
    rooms = bot.plugin["xep_0045"] if "xep_0045" in bot.plugin else None  # noqa: SIM401  it has no `get`
    if rooms is None or rooms.multi_from or sender.bare not in rooms.get_joined_rooms():
        return str(sender.bare)
    address = rooms.get_jid_property(sender.bare, sender.resource, "jid")
    return str(address.bare if address else sender.full)


def _id_of(stanza: Any, room: str) -> str | None:
    """The one that the room gave it. Those that senders give need not be unique."""
    for given in stanza.xml.iter(_STANZA_ID):
        if given.get("by") == room and stanza.xml.get("type") == "groupchat":
            return str(given.get("id"))
    return None


class _Handling:
    """What the bot's handlers do about one message. slixmpp catches what they raise and hands it to the stanza."""

    def __init__(self, loop: asyncio.AbstractEventLoop, stanza: Any, begun: Command | None) -> None:
        self._loop = loop
        self._begun = begun
        self._exception: BaseException | None = None
        self._before = asyncio.all_tasks(loop) if begun else set()
        self._unfinished = 0
        stanza.exception = self._and_note(stanza.exception)

    def _and_note(self, exception: Callable[[BaseException], Any]) -> Callable[[BaseException], Any]:
        def wrapped_exception(exc: BaseException) -> Any:
            guard(self._failed)(exc)
            return exception(exc)

        return wrapped_exception

    def _failed(self, exc: BaseException) -> None:
        if self._begun is None:
            if not _is_an_answer(exc):
                error(exc, where="message")
            return
        self._exception = exc
        mark_reported(exc)  # at the end of the command; the stream is handed it as well, before that
        if _is_an_answer(exc):
            self._begun.outcome = "rejected"

    def wait_for_tasks(self) -> None:
        """The handlers have been called; those that are coroutines run as tasks that are new."""
        if self._begun is None:
            return
        tasks = asyncio.all_tasks(self._loop) - self._before
        self._before = set()
        self._unfinished = len(tasks)
        for task in tasks:
            task.add_done_callback(self._task_done)
        if not tasks:
            self._begun.finish(self._exception)

    def _task_done(self, task: asyncio.Task[Any]) -> None:
        self._unfinished -= 1
        if self._unfinished == 0 and self._begun is not None:
            guard(self._begun.finish)(self._exception)


def _is_an_answer(exc: BaseException) -> bool:
    """An XMPPError that a handler raises is its way to refuse; one of an Iq that failed is an error like any other."""
    from slixmpp.exceptions import IqError, IqTimeout, XMPPError

    return isinstance(exc, XMPPError) and not isinstance(exc, (IqError, IqTimeout))
