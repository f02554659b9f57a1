"""Which manager a file is of, by its name and, where that says nothing, by what stands in it."""

import json
import re
from pathlib import Path
from typing import Any

from botdeck.cli.importers.draft import Imported, ImportRefused, Source
from botdeck.cli.importers.javascript import evaluate
from botdeck.cli.importers.pm2 import read_pm2
from botdeck.cli.importers.procfile import read_procfile
from botdeck.cli.importers.supervisord import read_supervisord
from botdeck.cli.importers.systemd import SUFFIX, find_unit, read_unit

KNOWN = "PM2's ecosystem.config.js or .json, supervisord.conf, a Procfile and a systemd .service"
_OTHERS = {
    ".timer": "a timer is no program. Import the .service that it starts, and say restart_at or let cron start it",
    ".socket": "a socket is no program. Import the .service; the bot opens its sockets itself",
    ".target": "a target is no program. Import its .service files",
    ".yml": "YAML is not read. PM2 tells the same as JSON, once it runs them: pm2 jlist > pm2.json, and import that",
}
_OTHERS[".yaml"] = _OTHERS[".yml"]


def read(path: Path) -> Imported:
    """Raises ImportRefused."""
    if path.suffix in _OTHERS:
        raise ImportRefused(f"{path}: {_OTHERS[path.suffix]}.")
    spoken_of, file = find_unit(path) if path.name.endswith(SUFFIX) else (path, path)
    try:
        source = Source(spoken_of, file.read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ImportRefused(f"{path}: cannot be read: {error}.") from None
    if "\0" in source.text:
        raise ImportRefused(f"{path}: this is no text.")
    try:
        return _read(source)
    except (ValueError, OSError) as error:  # a path in it that no system call takes, such as one with a NUL
        raise ImportRefused(f"{path}: something in it cannot be used: {error}.") from None


def _read(source: Source) -> Imported:
    name, text = source.path.name, source.text
    if name.endswith(SUFFIX):
        return read_unit(source)
    if name.startswith("Procfile"):
        return read_procfile(source)
    if source.path.suffix in (".js", ".cjs", ".mjs"):
        return read_pm2(source, evaluate(source, "module"))
    if source.path.suffix in (".json", ".pm2") or text.lstrip()[:1] in ("{", "[{"):
        return read_pm2(source, _json(source))
    if re.search(r"^\[(program:|supervisord\]|include\])", text, re.MULTILINE):
        return read_supervisord(source)
    if text.lstrip().startswith("[") and text.rstrip().endswith("]"):
        return read_pm2(source, _json(source))
    raise ImportRefused(f"{source.at()}: it is not clear whose file this is. Known are {KNOWN}.")


def _json(source: Source) -> Any:
    try:
        return json.loads(source.text)
    except RecursionError:
        raise ImportRefused(f"{source.at(1)}: this is nested too deeply.") from None
    except ValueError as error:
        if source.path.suffix == ".json":
            return evaluate(source, "expression")  # to PM2 a .json is JavaScript, with comments and all
        line = getattr(error, "lineno", None)
        raise ImportRefused(f"{source.at(line)}: this is not JSON: {error}.") from None
