"""The `irc` library (PyPI irc): SimpleIRCClient, SingleServerIRCBot, their asyncio kin, or a bare Reactor.

All that arrives passes through `reactor._handle_event`, once as the raw line and once or more as events, and all that
is sent through `connection.send_raw`; both are wrapped on the objects. The library knows no commands. A message that
begins like one (`!ping`) counts as a command for as long as the bot's handlers work on it, whether or not they know it.

Beats come from `reactor.process_timeout`, which the reactor calls each time its loop comes round, or from the asyncio
loop. Not from the reactor's scheduler: that goes by the wall clock, which may be set back.
"""

from __future__ import annotations

import re

from botdeck.integrations import irc_chat
from botdeck.integrations.around import around
from botdeck.integrations.typed import command_name
from botdeck.sdk.client import emit, error, guard, is_reported
from botdeck.sdk.commands import Command, command
from botdeck.sdk.heartbeat import Heart

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_LINE = re.compile(r"(?:@(?P<tags>\S*) +)?:(?P<source>\S+) +PRIVMSG +(?P<target>\S+) +:?(?P<text>.*)", re.S)


def version() -> str:
    from importlib.metadata import version as version_of

    return version_of("irc")


def identity(bot: Any) -> Any:
    """A client and its reactor are one bot."""
    return getattr(bot, "reactor", bot)


def instrument(bot: Any) -> None:
    reactor = identity(bot)
    ready = {id(connection) for connection in reactor.connections if _is_welcome(connection)}
    heart = Heart(lambda: any(id(each) in ready and each.is_connected() for each in reactor.connections))
    _watch_events(reactor, ready, heart)
    _beat(reactor, heart)
    for connection in reactor.connections:
        _watch_sending(connection)
    make = reactor.server

    def server(*args: Any, **kwargs: Any) -> Any:
        connection = make(*args, **kwargs)
        _watch_sending(connection)
        return connection

    reactor.server = server


def _beat(reactor: Any, heart: Heart) -> None:
    if hasattr(reactor, "loop"):  # the asyncio kin, which has no loop of its own
        heart.beat_from(reactor.loop)
        return
    process_timeout = reactor.process_timeout

    def process_timeout_and_beat() -> Any:
        heart.turn()
        return process_timeout()

    reactor.process_timeout = process_timeout_and_beat
    heart.beat()


def _watch_events(reactor: Any, ready: set[int], heart: Heart) -> None:
    """`ready` is kept: the connections that the server has welcomed."""

    @guard
    def observe(connection: Any, event: Any) -> None:
        if event.type == "all_raw_messages":
            _received(connection, event.arguments[0])
        elif event.type == "welcome":
            ready.add(id(connection))
            emit("gateway.ready", **{"chat.platform": "irc", "chat.server.id": _network(connection)})
            heart.beat()
        elif event.type == "disconnect" and id(connection) in ready:
            ready.discard(id(connection))
            emit("gateway.disconnect", **{"chat.platform": "irc", "chat.server.id": _network(connection)})
            heart.beat()

    begin = guard(_begin)

    def before(connection: Any, event: Any) -> tuple[Command | None, Any]:
        observe(connection, event)
        return begin(connection, event), event

    def after(begun: tuple[Command | None, Any], _result: Any, exc: BaseException | None) -> None:
        _end(*begun, exc)

    reactor._handle_event = around(reactor._handle_event, before=before, after=after)


def _received(connection: Any, line: str) -> None:
    message = _LINE.match(line)
    if message is None:
        return
    nick = message["source"].partition("!")[0]
    if nick.lower() == connection.get_nickname().lower():
        return  # the server echoes
    is_bot = "bot" in (message["tags"] or "").split(";")
    irc_chat.received(_network(connection), nick, message["target"], message["text"], is_bot=is_bot)


def _begin(connection: Any, event: Any) -> Command | None:
    if event.type not in ("pubmsg", "privmsg"):
        return None
    name = command_name(event.arguments[0])
    if name is None:
        return None
    network, nick = _network(connection), event.source.nick
    where = irc_chat.place(network, nick, event.target)
    return command(name, user_id=irc_chat.user_id(network, nick), kind="prefix", **where).__enter__()


def _end(begun: Command | None, event: Any, exc: BaseException | None) -> None:
    if begun is not None:
        begun.finish(exc)
    elif isinstance(exc, Exception) and not is_reported(exc):
        error(exc, where=f"on_{event.type}")


def _watch_sending(connection: Any) -> None:
    send = getattr(connection, "send_raw", None)
    if send is None:  # a DCC connection
        return

    def send_raw(line: str) -> Any:
        result = send(line)
        told(line)
        return result

    @guard
    def told(line: str) -> None:
        if connection.is_connected():
            irc_chat.sent(_network(connection), line)

    connection.send_raw = send_raw


def _is_welcome(connection: Any) -> bool:
    """As well as that can be told of a connection that we did not see begin: the server has said its name."""
    return bool(getattr(connection, "real_server_name", "")) and connection.is_connected()


def _network(connection: Any) -> str:
    return str(getattr(connection.features, "network", None) or connection.server)
