"""Sopel 8. Wrapped on the bot: `dispatch` (each line in, and Sopel's own copies of what it says), `on_message_sent`
(each line out), `call_rule` (each plugin callable that a line triggers), `error` and `on_close`.

Commands are what plugins declare as such; rules that merely listen to what people say are not.

Beats come from the asyncio loop of its connection, where Sopel reads what is said and deals with it. Most commands work
in threads of their own, and Sopel's scheduler does too: one of them that hangs keeps nobody else from being answered.
"""

from __future__ import annotations

import threading

from botdeck.integrations import irc_chat
from botdeck.integrations.around import around
from botdeck.sdk.client import emit, error, guard
from botdeck.sdk.commands import Command, command
from botdeck.sdk.heartbeat import Heart

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_KINDS = {"Command": "prefix", "NickCommand": "mention", "ActionCommand": "action"}
"""Sopel's classes of rules that are commands, and what we call them."""


def version() -> str:
    from importlib.metadata import version as version_of

    return version_of("sopel")


def identity(bot: Any) -> Any:
    return bot


def instrument(bot: Any) -> None:
    server: dict[str, object] = {"chat.platform": "irc"}
    if bot.connection_registered:
        server["chat.server.id"] = _network(bot)
    heart = Heart(lambda: "chat.server.id" in server and bot.backend.is_connected())
    _watch_lines(bot, server, heart)
    _watch_commands(bot)
    _beat(bot, heart)


def _beat(bot: Any, heart: Heart) -> None:
    get_irc_backend = bot.get_irc_backend

    def wrapped_get_irc_backend(*args: Any, **kwargs: Any) -> Any:
        backend = get_irc_backend(*args, **kwargs)
        guard(_beat_from_backend)(backend, heart)
        return backend

    bot.get_irc_backend = wrapped_get_irc_backend
    if (loop := getattr(bot.backend, "_loop", None)) is not None:  # it runs already
        heart.beat_from(loop)


def _beat_from_backend(backend: Any, heart: Heart) -> None:
    """All that the backend does it does in this coroutine, on a loop that is made for it."""
    run_forever = backend._run_forever

    async def wrapped_run_forever() -> Any:
        guard(_beat_from_running_loop)(heart)
        return await run_forever()

    backend._run_forever = wrapped_run_forever


def _beat_from_running_loop(heart: Heart) -> None:
    import asyncio

    heart.beat_from(asyncio.get_running_loop())


def _watch_lines(bot: Any, server: dict[str, object], heart: Heart) -> None:
    """`server` is kept: it has an id while the server welcomes us."""
    dispatch, on_message_sent, on_close = bot.dispatch, bot.on_message_sent, bot.on_close

    @guard
    def came_in(line: Any) -> None:
        if line.event == "001":
            server["chat.server.id"] = _network(bot)
            emit("gateway.ready", **server)
            heart.beat()
        elif line.event == "PRIVMSG" and line.nick != bot.nick and not _is_replay(bot, line):
            is_bot = "bot" in line.tags
            irc_chat.received(_network(bot), str(line.nick), str(line.sender), line.args[-1], is_bot=is_bot)

    @guard
    def went_out(line: str) -> None:
        irc_chat.sent(_network(bot), line)

    @guard
    def closed() -> None:
        if server.pop("chat.server.id", None):
            emit("gateway.disconnect", **{**server, "chat.server.id": _network(bot)})
            heart.beat()

    def wrapped_dispatch(line: Any) -> Any:
        came_in(line)
        return dispatch(line)

    def wrapped_on_message_sent(line: str) -> Any:
        went_out(line)
        return on_message_sent(line)

    def wrapped_on_close() -> Any:
        closed()
        return on_close()

    bot.dispatch, bot.on_message_sent, bot.on_close = wrapped_dispatch, wrapped_on_message_sent, wrapped_on_close


def _watch_commands(bot: Any) -> None:
    call_rule, sopels_error = bot.call_rule, bot.error
    running = _Running()

    def wrapped_call_rule(rule: Any, wrapper: Any, trigger: Any) -> Any:
        begun = begin(rule, trigger)
        try:
            return call_rule(rule, wrapper, trigger)
        finally:
            end(begun)

    @guard
    def begin(rule: Any, trigger: Any) -> Command | None:
        begun = _command(bot, rule, trigger)
        if begun is not None:
            _tell_when_executed(rule, running)
            running.begin(begun)
        return begun

    @guard
    def end(begun: Command | None) -> None:
        if begun is not None:
            running.end()

    @guard
    def failed(exception: BaseException | None) -> None:
        if exception is not None and not running.failed(exception):
            error(exception, where="sopel")

    def wrapped_error(trigger: Any = None, exception: BaseException | None = None) -> Any:
        failed(exception)
        return sopels_error(trigger, exception)

    bot.call_rule, bot.error = wrapped_call_rule, wrapped_error


class _Running(threading.local):
    """The commands that this thread is in, the innermost last. Sopel catches what a command raises and hands it to
    `error` in the same thread; and it looks at rate limits and channel settings before it executes one, if it does."""

    def __init__(self) -> None:
        self.commands: list[Command] = []
        self.exception: BaseException | None = None

    def begin(self, begun: Command) -> None:
        begun.outcome = "rejected"  # until it is executed
        self.commands.append(begun.__enter__())

    def executed(self) -> None:
        if self.commands:
            self.commands[-1].outcome = None

    def failed(self, exception: BaseException) -> bool:
        if self.commands:
            self.exception = exception
        return bool(self.commands)

    def end(self) -> None:
        exception, self.exception = self.exception, None
        self.commands.pop().finish(exception)


def _command(bot: Any, rule: Any, trigger: Any) -> Command | None:
    kind = next((_KINDS[cls.__name__] for cls in type(rule).__mro__ if cls.__name__ in _KINDS), None)
    if kind is None or trigger.event not in ("PRIVMSG", "NOTICE"):
        return None
    typed = str(trigger.group(1) or "").lower()
    # Commands may be declared as patterns; what was typed is a name only where it is one of the declared ones.
    name = typed if typed in (rule.name, *rule.aliases) else rule.get_rule_label()
    network, nick = _network(bot), str(trigger.nick)
    where = irc_chat.place(network, nick, str(trigger.sender))
    return command(name, user_id=irc_chat.user_id(network, nick), kind=kind, **where)


def _tell_when_executed(rule: Any, running: _Running) -> None:
    execute = rule.execute
    if hasattr(execute, "__botdeck__"):
        return

    rule.execute = around(execute, before=lambda *_args, **_kwargs: running.executed())
    rule.execute.__botdeck__ = True


def _is_replay(bot: Any, line: Any) -> bool:
    """History that a bouncer tells after a join. Sopel itself does not act on it."""
    if "time" not in line.tags or line.sender not in bot.channels:
        return False
    joined = bot.channels[line.sender].join_time
    return joined is not None and line.time < joined


def _network(bot: Any) -> str:
    return str(bot.isupport.get("NETWORK") or bot.settings.core.host)
