"""discord.py and what came from it: py-cord, disnake, nextcord. Wrapped on the bot: `dispatch` (each event, at the
moment it happens) and `on_error` (what a listener raised). Calls of the API are seen by aiohttp's tracing.

No listener is registered: one for `command_error` would silence the library's own message, and listeners are tasks,
which know nothing of when things were.

The libraries differ in the names of events, which the tables below bring together. A command is known by the id of its
message or interaction: nextcord hands copies of contexts out, and discord.py tells the end of hybrid commands twice.
The end of a slash command that fails is no event in discord.py, so there its command tree is wrapped as well.
"""

from __future__ import annotations

from botdeck.integrations import discord_chat
from botdeck.integrations.discord_chat import Running, Shards, latency_ms
from botdeck.integrations.people import seen
from botdeck.sdk.client import emit, error, guard
from botdeck.sdk.commands import command

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_BEGIN = ("command", "application_command", "slash_command", "user_command", "message_command")
_COMPLETION = (*(f"{name}_completion" for name in _BEGIN), "app_command_completion")
_ERROR = tuple(f"{name}_error" for name in _BEGIN)

_APPLICATION_COMMAND = 2
_SUBCOMMANDS = (1, 2)

_UNKNOWN = "CommandNotFound"
_REJECTIONS = {
    *("CheckFailure", "ApplicationCheckFailure", "UserInputError", "TransformerError"),
    *("CommandOnCooldown", "DisabledCommand", "MaxConcurrencyReached"),
}
"""Exceptions by which the bot says that the user may not, or not like this: no faults of the bot."""


def framework(bot: Any) -> tuple[str, str]:
    """py-cord goes by the package name of discord.py."""
    import sys

    module = sys.modules[_package(bot)]
    return {"discord": "discord.py", "pycord": "py-cord"}.get(module.__title__, module.__name__), module.__version__


def _package(bot: Any) -> str:
    roots = (cls.__module__.partition(".")[0] for cls in type(bot).__mro__)
    return next(root for root in roots if root in ("discord", "disnake", "nextcord"))


def identity(bot: Any) -> Any:
    return bot


def instrument(bot: Any) -> None:
    observers: dict[str, Callable[..., None]] = {
        "message": guard(_Messages(bot).message),
        **_watch_connection(bot),
        **_Commands(bot).observers(),
    }
    dispatch = bot.dispatch

    def wrapped_dispatch(*args: Any, **kwargs: Any) -> Any:  # bots have events of their own, by whatever names
        if args and (observe := observers.get(args[0])) is not None:
            observe(*args[1:])
        return dispatch(*args, **kwargs)

    bot.dispatch = wrapped_dispatch
    bot._connection.dispatch = wrapped_dispatch  # it has the method from when it was made
    _watch_errors(bot)


class _Messages:
    def __init__(self, bot: Any) -> None:
        self._bot = bot

    def message(self, message: Any) -> None:
        """Of people, of other bots, and of this one, whose own are told it as well. Ephemeral replies are not."""
        author, me = message.author, self._bot.user
        fields = {**_place(message), "chat.message.id": str(message.id), "size": len(message.content.encode())}
        if me is not None and author.id == me.id:
            emit("message.sent", **fields)
        elif not message.is_system():  # "ann joined the server"
            is_bot = author.bot or message.webhook_id is not None
            user: dict[str, object] = {"user.id": _who(author, is_bot=is_bot)}
            emit("message.received", **user, **({"user.bot": True} if is_bot else {}), **fields)


class _Commands:
    """Those that run, by the id of what began them."""

    def __init__(self, bot: Any) -> None:
        self._bot = bot
        self._package = _package(bot)
        self._running = Running()

    def observers(self) -> dict[str, Callable[..., None]]:
        begin = {name: guard(self.begin) for name in _BEGIN}
        if self._package == "disnake":  # says so of those that it does not know as well, and then `slash_command`
            del begin["application_command"]
        return {
            **begin,
            **dict.fromkeys(_COMPLETION, guard(self.complete)),
            **dict.fromkeys(_ERROR, guard(self.fail)),
            "interaction": guard(self.interaction),
            "unknown_application_command": guard(lambda interaction: _unknown(_name(interaction.data))),
        }

    def interaction(self, interaction: Any) -> None:
        """Where a slash command begins, or is found to be unknown, in libraries that have no event for that."""
        if getattr(interaction.type, "value", interaction.type) != _APPLICATION_COMMAND:
            return
        tree = getattr(self._bot._connection, "_command_tree", None)
        if tree is not None:  # discord.py, whose tree has made a task of it that did not run yet
            _watch_tree(tree, self)
        knows = _tree_knows(tree, interaction) if tree is not None else _knows(self._package, self._bot, interaction)
        if knows is False:
            _unknown(_name(interaction.data))
        elif knows and self._package != "disnake":
            self.begin(interaction)

    def begin(self, context: Any) -> None:
        interaction = _interaction(context)
        key = (interaction or context.message).id
        if key in self._running:
            return
        user_id = _who(getattr(context, "author", None) or context.user)
        name = _name(interaction.data) if interaction else _typed_name(context)
        kind = discord_chat.KINDS.get(interaction.data.get("type", 1), "slash") if interaction else "prefix"
        self._running.begin(key, command(name, user_id=user_id, kind=kind, **_place(context)))

    def complete(self, context: Any, *_: Any) -> None:
        self._finish(context, None)

    def fail(self, context: Any, exc: BaseException, *_: Any) -> None:
        names = {cls.__name__ for cls in type(exc).__mro__}
        outcome = "rejected" if names & _REJECTIONS or _UNKNOWN in names else None
        if self._finish(context, _cause(exc), outcome):
            return
        if _UNKNOWN in names:
            _unknown(getattr(context, "invoked_with", ""))
        else:
            error(_cause(exc), where="command")

    def fail_in_tree(self, interaction: Any, exc: BaseException) -> None:
        """What a command raised comes by here once or twice."""
        if interaction.id in self._running:
            self.fail(interaction, exc)

    def reject(self, context: Any) -> None:
        self._finish(context, None, "rejected")

    def _finish(self, context: Any, exc: BaseException | None, outcome: str | None = None) -> bool:
        return self._running.finish((_interaction(context) or context.message).id, exc, outcome=outcome)


def _watch_tree(tree: Any, commands: _Commands) -> None:
    """These hand the library's own coroutines on, so that no line of ours stands in a bot's tracebacks."""
    if hasattr(tree, "__botdeck__"):
        return
    tree.__botdeck__ = True
    call = tree._call

    def wrapped_call(interaction: Any) -> Any:
        guard(_watch_tree_errors)(tree, commands)
        guard(_tell_when_over)(interaction, commands)
        return call(interaction)

    tree._call = wrapped_call


def _watch_tree_errors(tree: Any, commands: _Commands) -> None:
    """`on_error` is looked up anew each time, since `@tree.error` may replace it whenever it likes."""
    on_error = tree.on_error
    if hasattr(on_error, "__botdeck__"):
        return

    def wrapped_on_error(interaction: Any, exc: BaseException) -> Any:
        guard(commands.fail_in_tree)(interaction, exc)
        return on_error(interaction, exc)

    wrapped_on_error.__botdeck__ = True  # type: ignore[attr-defined]
    tree.on_error = wrapped_on_error


def _tell_when_over(interaction: Any, commands: _Commands) -> None:
    """Each call has a task of its own. Most commands have been told of by its end; the rest was refused by the tree's
    own check, or its error handler failed."""
    import asyncio

    @guard
    def over(task: Any) -> None:
        exc = getattr(task, "_exception", None)  # to ask for it aloud would silence asyncio's word of it
        if exc is not None:
            commands.fail_in_tree(interaction, exc)
        elif interaction.command_failed:
            commands.reject(interaction)
        else:
            commands.complete(interaction)

    task = asyncio.current_task()
    if task is not None:
        task.add_done_callback(over)


def _watch_connection(bot: Any) -> dict[str, Callable[..., None]]:
    sharded = hasattr(bot, "shards")
    shards = Shards(lambda: _about(bot, sharded=sharded))
    shards.begin_to_beat()

    @guard
    def came(shard: int | None = None, *, resumed: bool = False) -> None:
        shards.came(shard, resumed=resumed)
        # The session is made anew at times. Replies to interactions go through it as well.
        discord_chat.watch_calls(getattr(bot.http, "_HTTPClient__session", None))

    prefix = "shard_" if sharded else ""
    return {
        f"{prefix}connect": came,
        f"{prefix}resumed": lambda shard=None: came(shard, resumed=True),
        f"{prefix}disconnect": guard(lambda shard=None: shards.went(shard)),
    }


def _about(bot: Any, *, sharded: bool) -> dict[str, object]:
    about: dict[str, object] = {"servers": len(bot.guilds)}
    about["members"] = sum(guild.member_count or 0 for guild in bot.guilds)
    latency = latency_ms(bot.latency)
    if latency is not None:
        about["gateway.latency_ms"] = latency
    if sharded:
        about["gateway.shards"] = {str(shard): latency_ms(latency_s) for shard, latency_s in bot.latencies}
    return about


def _watch_errors(bot: Any) -> None:
    """The library calls it while it handles the exception."""
    import sys

    on_error = bot.on_error

    def wrapped_on_error(*args: Any, **kwargs: Any) -> Any:
        exc = sys.exc_info()[1]
        if exc is not None:
            error(exc, where=str(args[0]) if args else "listener")
        return on_error(*args, **kwargs)

    bot.on_error = wrapped_on_error


def _interaction(context: Any) -> Any:
    """The interaction behind a context, or that this is one."""
    behind = getattr(context, "interaction", None)
    if behind is not None:
        return behind
    return context if hasattr(context, "token") and hasattr(context, "data") else None


def _name(data: Any) -> str:
    """With the names of subcommands: "settings set"."""
    names = [data["name"]]
    options = data.get("options") or []
    while options and options[0].get("type") in _SUBCOMMANDS:
        names.append(options[0]["name"])
        options = options[0].get("options") or []
    return " ".join(names)


def _typed_name(context: Any) -> str:
    """The library looks for a subcommand ("!settings set") only when its group is at work, so it is looked up here."""
    found, view = context.command, context.view
    for word in view.buffer[view.index :].split():
        inner = getattr(found, "all_commands", {}).get(word)
        if inner is None:
            break
        found = inner
    return str(found.qualified_name)


def _tree_knows(tree: Any, interaction: Any) -> bool:
    data = interaction.data
    if discord_chat.KINDS.get(data.get("type", 1)) != "slash":
        return True  # menus: nobody can type the name of one
    everywhere = tree.get_command(data["name"])
    return bool(everywhere or (interaction.guild and tree.get_command(data["name"], guild=interaction.guild)))


def _knows(package: str, bot: Any, interaction: Any) -> bool | None:
    """Whether the bot has this command; None where the library tells by itself, or has no commands at all."""
    data = interaction.data
    if package == "disnake" and hasattr(bot, "all_slash_commands"):
        return any(
            data["name"] in of for of in (bot.all_slash_commands, bot.all_user_commands, bot.all_message_commands)
        )
    if package == "nextcord":
        by_id = bot.get_application_command(int(data["id"]))
        # It goes by names itself until it has learnt the id.
        return by_id is not None or any(data["name"] == each.name for each in bot.get_all_application_commands())
    return None


def _unknown(name: str) -> None:
    emit("command.unknown", **{"command.name": name})


def _cause(exc: BaseException) -> BaseException:
    """What the command raised, out of what the library made of it."""
    while isinstance(original := getattr(exc, "original", None), BaseException):
        exc = original
    return exc


def _who(user: Any, *, is_bot: bool | None = None) -> str:
    """The user's id, once it is told who that is."""
    user_id = f"discord:{user.id}"
    seen(user_id, getattr(user, "global_name", None) or user.name, is_bot=user.bot if is_bot is None else is_bot)
    return user_id


def _place(context: Any) -> dict[str, object]:
    server, channel = context.guild, context.channel
    return discord_chat.place(server and server.id, channel and channel.id)
