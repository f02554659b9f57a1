"""hikari's GatewayBot, and arc's commands on top of it.

hikari's objects have slots, so nothing can be put in the place of a method. Messages and shards come by listeners that
we subscribe, which the library does not mind (but one for ExceptionEvent would quieten its log). What listeners raise
is seen as hikari logs it.

arc's objects have slots as well, and its hooks do not say why a command failed, so some methods of its command classes
are wrapped, for all clients in the process; they act for bots that are instrumented.
"""

from __future__ import annotations

from botdeck.integrations import discord_chat
from botdeck.integrations.discord_chat import Running, Shards, latency_ms
from botdeck.integrations.people import seen
from botdeck.sdk.client import emit, error, guard, is_reported
from botdeck.sdk.commands import command

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_WRITTEN_BY_SOMEBODY = {0, 19, 20, 23}
"""Types of messages: plain, reply, slash command, context menu. All others are Discord's own, "ann joined" and such."""
_TOO_MANY_AT_ONCE = "MaxConcurrencyReachedError"
_REJECTIONS = {"HookAbortError", "UnderCooldownError", "OptionConverterFailureError", _TOO_MANY_AT_ONCE}


def version() -> str:
    from importlib.metadata import version as version_of

    return version_of("hikari")


def identity(bot: Any) -> Any:
    """An arc client and its bot are one."""
    return getattr(bot, "app", bot)


def instrument(bot: Any) -> None:
    import sys

    bot = identity(bot)
    hikari = sys.modules["hikari"]
    if bot.intents & (hikari.Intents.GUILD_MESSAGES | hikari.Intents.DM_MESSAGES):  # it would warn of us otherwise
        _subscribe(bot, hikari.MessageCreateEvent, lambda event: _message(bot, event))
    _watch_shards(bot, hikari)
    _watch_listeners()
    if "arc" in sys.modules:
        _watch_arc(bot)


def _subscribe(bot: Any, event_type: Any, observe: Callable[[Any], None]) -> None:
    guarded = guard(observe)

    async def listener(event: Any) -> None:
        guarded(event)

    bot.event_manager.subscribe(event_type, listener)


def _message(bot: Any, event: Any) -> None:
    message, me = event.message, bot.get_me()
    fields = discord_chat.place(message.guild_id, message.channel_id)
    fields |= {"chat.message.id": str(message.id), "size": len((message.content or "").encode())}
    if me is not None and event.author_id == me.id:
        emit("message.sent", **fields)
    elif message.type in _WRITTEN_BY_SOMEBODY:
        is_bot = event.is_bot or event.is_webhook
        user: dict[str, object] = {"user.id": _who(event.author, is_bot=is_bot)}
        emit("message.received", **user, **({"user.bot": True} if is_bot else {}), **fields)


def _who(user: Any, *, is_bot: bool) -> str:
    user_id = f"discord:{user.id}"
    seen(user_id, user.global_name or user.username, is_bot=is_bot)
    return user_id


def _watch_shards(bot: Any, hikari: Any) -> None:
    shards = Shards(lambda: _about(bot))
    shards.begin_to_beat()

    def came(event: Any, *, resumed: bool = False) -> None:
        shards.came(_shard(event), resumed=resumed)
        discord_chat.watch_calls(getattr(bot.rest, "_client_session", None))

    _subscribe(bot, hikari.StartingEvent, lambda _: shards.begin_to_beat())
    _subscribe(bot, hikari.ShardReadyEvent, came)
    _subscribe(bot, hikari.ShardResumedEvent, lambda event: came(event, resumed=True))
    _subscribe(bot, hikari.ShardDisconnectedEvent, lambda event: shards.went(_shard(event)))


def _shard(event: Any) -> int | None:
    return None if event.shard.shard_count == 1 else int(event.shard.id)


def _about(bot: Any) -> dict[str, object]:
    servers = bot.cache.get_guilds_view().values()
    about: dict[str, object] = {"servers": len(servers)}
    about["members"] = sum(server.member_count or 0 for server in servers)
    latency = latency_ms(bot.heartbeat_latency)
    if latency is not None:
        about["gateway.latency_ms"] = latency
    if bot.shard_count > 1:
        about["gateway.shards"] = {str(key): latency_ms(shard.heartbeat_latency) for key, shard in bot.shards.items()}
    return about


def _watch_listeners() -> None:
    """A filter sees each record of its logger, whatever handlers there are, and lets all of them pass."""
    import logging

    logger = logging.getLogger("hikari.event_manager")
    if _tell_of_record not in logger.filters:
        logger.addFilter(_tell_of_record)


def _tell_of_record(record: Any) -> bool:
    guard(_tell_of_exception)(record.exc_info)
    return True


def _tell_of_exception(exc_info: Any) -> None:
    exc = exc_info[1] if isinstance(exc_info, tuple) else exc_info
    if isinstance(exc, Exception) and not is_reported(exc):
        error(exc, where="listener")


_arc_bots: dict[int, Any] = {}
"""Bots whose arc commands are told, by `id`. Nothing can refer to them weakly."""


def _watch_arc(bot: Any) -> None:
    if not _arc_bots:
        _wrap_arc(_ArcCommands())
    _arc_bots[id(bot)] = bot


class _ArcCommands:
    def __init__(self) -> None:
        self._running = Running()
        self._raised: dict[int, BaseException] = {}
        """By interaction. A command's exception is handed on from handler to handler, each of which may raise another;
        the first is the command's."""

    def asked(self, client: Any, interaction: Any) -> None:
        known = {1: client._slash_commands, 2: client._user_commands, 3: client._message_commands}
        if _is_ours(client) and interaction.command_name not in known.get(int(interaction.command_type), ()):
            emit("command.unknown", **{"command.name": interaction.command_name})

    def begin(self, called: Any, context: Any) -> None:
        if not _is_ours(context.client):
            return
        place = discord_chat.place(context.guild_id, context.channel_id)
        user_id = _who(context.user, is_bot=context.user.is_bot)
        kind = discord_chat.KINDS.get(int(called.command_type), "slash")
        begun = command(" ".join(called.qualified_name), user_id=user_id, kind=kind, **place)
        self._running.begin(context.interaction.id, begun)

    def fail(self, context: Any, exc: BaseException) -> None:
        if context.interaction.id in self._running:
            self._raised.setdefault(context.interaction.id, exc)
        if type(exc).__name__ == _TOO_MANY_AT_ONCE:  # after which arc does not go on to its post hooks
            self.end(context)

    def refuse(self, context: Any) -> None:
        """A hook said that the command is not to run, and perhaps why."""
        self._running.finish(context.interaction.id, self._raised.pop(context.interaction.id, None), outcome="rejected")

    def end(self, context: Any) -> None:
        exc = self._raised.pop(context.interaction.id, None)
        names = {cls.__name__ for cls in type(exc).__mro__}
        self._running.finish(context.interaction.id, exc, outcome="rejected" if names & _REJECTIONS else None)


def _is_ours(client: Any) -> bool:
    return id(client.app) in _arc_bots


def _wrap_arc(commands: _ArcCommands) -> None:
    """The library's own coroutines are handed on, so that no line of ours stands in a bot's tracebacks."""
    from arc.abc.client import Client
    from arc.abc.command import CommandBase
    from arc.command.slash import SlashSubCommand

    _observe_calls(Client, "on_command_interaction", guard(commands.asked))
    _observe_calls(
        CommandBase, "_handle_callback", guard(lambda _, called, context, *args: commands.begin(called, context))
    )
    _observe_calls(CommandBase, "_handle_post_hooks", guard(lambda _, called, context: commands.end(context)))
    for kind in (CommandBase, SlashSubCommand):
        _observe_calls(kind, "_handle_exception", guard(lambda _, context, exc: commands.fail(context, exc)))
    handle_pre_hooks = CommandBase._handle_pre_hooks

    async def wrapped_handle_pre_hooks(self: Any, called: Any, context: Any) -> Any:
        aborted = await handle_pre_hooks(self, called, context)  # which catches what hooks raise
        if aborted:
            guard(commands.refuse)(context)
        return aborted

    CommandBase._handle_pre_hooks = wrapped_handle_pre_hooks


def _observe_calls(cls: Any, name: str, observe: Callable[..., None]) -> None:
    import functools

    method = getattr(cls, name)

    @functools.wraps(method)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        observe(*args)
        return method(*args, **kwargs)

    setattr(cls, name, wrapped)
