"""Botdeck, as a bot sees it: say what the bot does, and the deck shows it. docs/sdk.md tells each function.

    import botdeck
    botdeck.instrument(bot)

Only the standard library is loaded, nothing happens at import, no call raises into the bot, and without
BOTDECK_EVENTS or BOTDECK_URL in the environment every call does nothing.
"""

from __future__ import annotations

__version__ = "0.1.0"

from botdeck.integrations import instrument
from botdeck.sdk.client import emit, error, flush
from botdeck.sdk.commands import command
from botdeck.sdk.heartbeat import beat_from, heartbeat
from botdeck.sdk.samples import sampler

TYPE_CHECKING = False  # the real one would load `typing` into every bot
if TYPE_CHECKING:
    from botdeck.sdk.handler import BotdeckHandler

__all__ = [
    "BotdeckHandler",
    "__version__",
    "beat_from",
    "command",
    "emit",
    "error",
    "flush",
    "heartbeat",
    "instrument",
    "sampler",
]


def __getattr__(name: str) -> object:
    """BotdeckHandler on demand, so that a bot that does not log does not load `logging`."""
    if name == "BotdeckHandler":
        from botdeck.sdk.handler import BotdeckHandler

        return BotdeckHandler
    raise AttributeError(f"module 'botdeck' has no attribute {name!r}")
