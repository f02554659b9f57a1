"""Commands in libraries that know none: what people type as one.

`!ping`, `.ping`, `~ping` and `$ping` count as commands for as long as the bot's handlers work on the message, whether
or not they know it.
"""

from __future__ import annotations

import re

_COMMAND = re.compile(r"[!.~$]([A-Za-z][\w-]{0,31})")


def command_name(text: str) -> str | None:
    found = _COMMAND.match(text)
    return found[1].lower() if found else None
