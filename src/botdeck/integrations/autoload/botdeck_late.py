"""Instruments bots whose files are not changed. `sitecustomize.py` calls `start` in each Python that the runner starts,
before the bot's first line.

A finder waits for the modules of LATE. When the bot imports one, it is loaded as ever, and then the late method of its
class is wrapped. A Python that imports none of them (pip, a helper of the bot) is left as it is, and does not pay for
Botdeck either: this file imports the rest of it only then.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType
    from typing import Any


LATE = {
    "aiogram.dispatcher.dispatcher": [("Dispatcher", "emit_startup")],
    "discord.client": [("Client", "login")],
    "disnake.client": [("Client", "login")],
    "hikari.impl.gateway_bot": [("GatewayBot", "start")],
    "irc.bot": [("SingleServerIRCBot", "start")],
    "irc.client": [("SimpleIRCClient", "start"), ("Reactor", "process_forever")],
    "irc.client_aio": [("AioReactor", "process_forever")],
    "nextcord.client": [("Client", "login")],
    "nio.client.async_client": [("AsyncClient", "sync"), ("AsyncClient", "sync_forever")],
    "slack_bolt.adapter.socket_mode.async_base_handler": [("AsyncBaseSocketModeHandler", "connect_async")],
    "slack_bolt.adapter.socket_mode.base_handler": [("BaseSocketModeHandler", "connect")],
    "slack_bolt.app.app": [("App", "start")],
    "slack_bolt.app.async_app": [("AsyncApp", "server")],
    "slixmpp.xmlstream.xmlstream": [("XMLStream", "connect")],
    "sopel.bot": [("Sopel", "run")],
    "telegram.ext._application": [("Application", "initialize")],
    "twitchio.client": [("Client", "login"), ("Client", "login_dcf")],
    "twitchio.ext.commands.bot": [("Bot", "login"), ("Bot", "login_dcf")],
}
"""In which module, the method of which class is called once, on a bot that is complete by then."""


def start() -> None:
    if not os.environ.get("BOTDECK_EVENTS"):
        return
    _buffer_output_by_line()
    sys.meta_path.insert(0, _Finder())


def _buffer_output_by_line() -> None:
    """Output goes to a file, for which Python buffers 8 KiB: a bot that is killed would take its last lines with it."""
    if sys.stdout is not None and hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(line_buffering=True)


class _Finder:
    """Finds nothing itself: asks the finders after it, and has their loader tell when the module is complete."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name not in LATE:
            return None
        for finder in sys.meta_path:
            spec = None if finder is self else finder.find_spec(name, path, target)
            if spec is not None:
                _hook_when_loaded(spec)
                return spec
        return None


def _hook_when_loaded(spec: ModuleSpec) -> None:
    loader: Any = spec.loader
    load = getattr(loader, "exec_module", None)
    if load is None or not hasattr(loader, "__dict__"):
        return

    def exec_module(module: ModuleType) -> None:
        vars(loader).pop("exec_module", None)  # the loader is as it was before the module's own code runs
        load(module)
        for class_name, method in LATE[spec.name]:
            _wrap(getattr(module, class_name, None), method)

    loader.exec_module = exec_module


def _wrap(cls: Any, name: str) -> None:
    method = getattr(cls, name, None)
    if method is None:  # another release of the library
        return
    import functools

    @functools.wraps(method)
    def late(self: Any, *args: Any, **kwargs: Any) -> Any:
        _instrument(self)
        return method(self, *args, **kwargs)

    setattr(cls, name, late)


def _instrument(bot: object) -> None:
    try:
        import botdeck

        botdeck.instrument(bot)
    except Exception:  # a damaged Botdeck, or one that is too old: the bot comes first
        return
