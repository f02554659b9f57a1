"""`[bots.NAME]` tables as text, to be appended: what stands in botdeck.toml already is not touched."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from botdeck.cli.importers.draft import Draft, ImportRefused

HIDDEN = "(hidden)"
_ORDER = ("description", "command", "cwd", "env_file", "user", "autostart")
"""These first, and the rest as the importer gave them."""


def bot_table(draft: Draft, folder: Path, *, hide_env: bool = False) -> str:
    """`folder` is that of botdeck.toml: paths within it are written relative to it."""
    settings = {key: draft.settings[key] for key in _ORDER if key in draft.settings} | draft.settings
    env: Mapping[str, str] = settings.pop("env", {})
    if settings.get("cwd") == folder:
        del settings["cwd"]
    lines = [f"# From {_one_line(draft.where)}.", f"[bots.{_key(draft.name)}]"]
    lines += [f"{key} = {_value(_placed(value, folder), draft)}" for key, value in settings.items()]
    if env:
        lines += ["", f"[bots.{_key(draft.name)}.env]"]
        lines += [f"{_key(name)} = {_value(HIDDEN if hide_env else value, draft)}" for name, value in env.items()]
    return "\n".join(lines) + "\n"


def _one_line(text: str) -> str:
    return "".join(char if char.isprintable() else "?" for char in text)


def _placed(value: Any, folder: Path) -> Any:
    if not isinstance(value, Path):
        return value
    return str(value.relative_to(folder)) if value.is_relative_to(folder) else str(value)


def _key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else _string(name)


def _value(value: Any, draft: Draft) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return f"{value:g}" if float(f"{value:g}") == value else repr(value)
    if isinstance(value, list):
        return f"[{', '.join(_value(item, draft) for item in value)}]"
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ImportRefused(f"{draft.where}: {draft.name}: {value!r} is not Unicode, and TOML is.") from None
    return _string(value)


def _string(text: str) -> str:
    # JSON's escapes are TOML's, but for DEL, which TOML wants escaped, too.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
