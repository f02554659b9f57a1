"""One small file per bot library, and the table that finds it. Nothing here imports a bot library.

An adapter is a module with three functions: `version()` of the library, or `framework(bot)`, name and version, where it
serves several or the library is not called as its package is; `identity(bot)`, the object that two calls for the same
bot have in common; and `instrument(bot)`. It wraps what the library calls on the bot object itself, and registers no
listeners or error handlers where these change what the library does.
"""

from __future__ import annotations

import threading

from botdeck.sdk.client import current, guard, report_own_error

TYPE_CHECKING = False
if TYPE_CHECKING:
    import weakref
    from types import ModuleType
    from typing import TypeVar

    T = TypeVar("T")

ADAPTERS = {
    "aiogram": "botdeck.integrations.aiogram",
    "arc": "botdeck.integrations.hikari",
    "discord": "botdeck.integrations.discord",
    "disnake": "botdeck.integrations.discord",
    "hikari": "botdeck.integrations.hikari",
    "irc": "botdeck.integrations.irc",
    "nextcord": "botdeck.integrations.discord",
    "nio": "botdeck.integrations.nio",
    "slack_bolt": "botdeck.integrations.slack_bolt",
    "slixmpp": "botdeck.integrations.slixmpp",
    "sopel": "botdeck.integrations.sopel",
    "telegram": "botdeck.integrations.telegram",
    "twitchio": "botdeck.integrations.twitchio",
}
"""A library's package, and its adapter. `autoload/botdeck_late.py` lists where bots that are not changed come by."""

_lock = threading.Lock()
_instrumented: weakref.WeakValueDictionary[int, object] | None = None
_kept: dict[int, object] = {}
"""Those that nothing can refer to weakly (hikari's have slots): they live from here on as long as the process."""


def instrument(bot: T) -> T:
    """Report what the bot does. Returns the bot; twice is the same as once; never raises; does nothing when Botdeck is
    not configured, and says `telemetry.error` when the library is not known."""
    client = current()
    if client is None:
        return bot
    try:
        library, adapter = _adapter(type(bot))
        if _first_time(adapter.identity(bot)):
            name, version = _framework(library, adapter, bot)
            client.announce({"framework": name, "framework.version": version})
            adapter.instrument(bot)
    except Exception as exc:
        report_own_error("instrument", exc)
    return bot


def _first_time(bot: object) -> bool:
    """By id, because a bot may not be hashable."""
    import weakref

    global _instrumented
    with _lock:
        if _instrumented is None:
            _instrumented = weakref.WeakValueDictionary()
        if _instrumented.get(id(bot)) is bot or _kept.get(id(bot)) is bot:
            return False
        try:
            _instrumented[id(bot)] = bot
        except TypeError:
            _kept[id(bot)] = bot
        return True


def _adapter(kind: type) -> tuple[str, ModuleType]:
    import importlib

    for cls in kind.__mro__:
        library = cls.__module__.partition(".")[0]
        if library in ADAPTERS:
            return library, importlib.import_module(ADAPTERS[library])
    raise LookupError(f"Botdeck has no adapter for {kind.__module__}.{kind.__qualname__}.")


def _framework(library: str, adapter: ModuleType, bot: object) -> tuple[str, object]:
    if hasattr(adapter, "framework"):
        return guard(adapter.framework)(bot) or (library, None)
    return library, guard(adapter.version)()
