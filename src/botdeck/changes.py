"""What a runner runs with, and how a configuration differs from it: by digests, so that no secret is written down.

The runner keeps `applied.json`; `botdeck reload` reads it, for there may be no deck to ask.
"""

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from botdeck.errors import BotdeckError, ConfigError, ProtocolError
from botdeck.protocol.codec import from_json, to_json
from botdeck.settings import BotSettings, DeckSettings, RunnerSettings, Settings, parse_env_file

VERSION = 1
Prints = dict[str, str]
"""Digest of each setting that is not as by default; of variables as `env.NAME`, wherever they come from."""
_NEW_PROCESS = frozenset({"command", "cwd", "env_file", "user", "instrument"})


class NotApplied(BotdeckError):
    """What a runner applied cannot be told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """What the runner of a data directory runs with. Of what counts only at a process's start, `bots` has that with
    which the bot's present process was started."""

    version: int
    config: str
    key: str
    """Of the digests, so that nobody recognises those of another installation."""
    generation: int = 0
    """Grows with each reading of the file, whatever came of it."""
    trouble: str = ""
    """Why the last reading changed nothing."""
    bots: dict[str, Prints] = field(default_factory=dict)
    programs: Prints = field(default_factory=dict)
    """Of [deck] and [runner], when the runner started."""


def applied_path(data_dir: Path) -> Path:
    return data_dir / "runner" / "applied.json"


def read_applied(data_dir: Path) -> Applied:
    """Raises NotApplied, PermissionError."""
    path = applied_path(data_dir)
    try:
        applied = from_json(Applied, json.loads(path.read_text("utf-8")))
    except PermissionError:
        raise
    except (OSError, ValueError, ProtocolError) as error:
        raise NotApplied(f"{path} cannot be used: {error}") from None
    if applied.version > VERSION:
        raise NotApplied(f"{path} is of version {applied.version}, and this Botdeck reads {VERSION}")
    return applied


def applied_text(applied: Applied) -> str:
    return json.dumps(to_json(applied)) + "\n"


def prints_of_bot(bot: BotSettings, key: str) -> Prints:
    """Reads its env_file."""
    prints = _prints(bot, key, leave_out=("name", "env", "env_file"))
    variables: dict[str, str] = {}
    if bot.env_file is not None:
        try:
            if not bot.env_file.is_file():
                raise ConfigError(f"{bot.env_file} is no file")  # a FIFO would be waited for for ever
            variables = parse_env_file(bot.env_file)
        except (ConfigError, OSError):
            prints["env_file"] = _digest(f"unreadable: {bot.env_file}", key)
    variables |= bot.env
    return prints | {f"env.{name}": _digest(value, key) for name, value in variables.items()}


def prints_of_programs(settings: Settings, key: str) -> Prints:
    sections = (("deck", settings.deck), ("runner", settings.runner))
    return {f"{name}.{one}": value for name, section in sections for one, value in _prints(section, key).items()}


def needs_new_process(setting: str) -> bool:
    """A running process cannot be told of it."""
    return setting in _NEW_PROCESS or setting.startswith("env.")


def of_process(prints: Prints, *, it: bool = True) -> Prints:
    """Those that need a new process; with `it` False the others."""
    return {setting: digest for setting, digest in prints.items() if needs_new_process(setting) is it}


def differing(before: Mapping[str, str], after: Mapping[str, str]) -> list[str]:
    """Names of the settings whose values are not the same."""
    return [name for name in {**after, **before} if before.get(name) != after.get(name)]


def _prints(
    section: BotSettings | DeckSettings | RunnerSettings, key: str, *, leave_out: tuple[str, ...] = ()
) -> Prints:
    values = {one.name: (getattr(section, one.name), one.default) for one in dataclasses.fields(section)}
    return {
        name: _digest(value, key)
        for name, (value, default) in values.items()
        if name not in leave_out and value != default
    }


def _digest(value: Any, key: str) -> str:
    return hashlib.blake2b(f"{key} {value!r}".encode("utf-8", "surrogatepass"), digest_size=12).hexdigest()
