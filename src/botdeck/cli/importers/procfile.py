"""Procfile, as foreman, honcho and their kin run it, with the `.env` beside it."""

import re

from botdeck.cli.importers.draft import Draft, Imported, ImportRefused, Note, Source, distinct_names, new_draft
from botdeck.cli.importers.shell import shell_command
from botdeck.errors import ConfigError
from botdeck.settings import parse_env_file

_LINE = re.compile(r"([A-Za-z0-9_-]+)\s*:\s*(.+)")
FIRST_PORT = 5000
PORT_STEP = 100
ONCE = "release"
"""Not a process: Heroku runs it once for each deploy."""
GOODBYE = "end foreman or honcho (Ctrl-C, or the service that runs it)"


def read_procfile(source: Source) -> Imported:
    """Raises ImportRefused."""
    found = Imported([], GOODBYE)
    for number, raw in enumerate(source.text.splitlines(), 1):
        line = raw.strip()
        if not line or line.startswith("#"):
            continue
        match = _LINE.fullmatch(line)
        if match is None:
            found.notes.append(Note(source.at(number), f"{line!r} is left out: a process looks like `name: command`"))
        elif match[1] == ONCE:
            found.notes.append(Note(source.at(number), "release is left out: it runs once for a deploy, and is no bot"))
        else:
            found.bots.append(_draft(source, number, *match.groups()))
    _environment(source, found)
    distinct_names(found.bots)
    return found


def _draft(source: Source, number: int, name: str, line: str) -> Draft:
    draft = new_draft(name, source.at(number))
    try:
        command = shell_command(line)
    except ValueError as error:
        raise ImportRefused(f"{source.at(number)}: {name}: its words cannot be told apart: {error}.") from None
    draft.settings |= {"command": command.words, "cwd": source.folder}
    draft.add_env(command.env)
    if command.note:
        draft.say(draft.where, command.note)
    return draft


def _environment(source: Source, found: Imported) -> None:
    """`.env` for all, and a PORT for each, counted as foreman and honcho do."""
    file, first_port = source.folder / ".env", FIRST_PORT
    if file.is_file():
        try:
            first_port = int(parse_env_file(file).get("PORT", first_port))
        except ConfigError as error:
            found.notes.append(Note(str(file), f"bots will not start before this is put right: {error}"))
        except ValueError:
            found.notes.append(Note(str(file), f"its PORT is no number; ports are counted from {FIRST_PORT}"))
        if "\\n" in file.read_text("utf-8", "replace"):
            found.notes.append(
                Note(str(file), r"Botdeck takes \n in a value as it stands, and makes no line break of it")
            )
    for index, draft in enumerate(found.bots):
        if file.is_file():
            draft.settings["env_file"] = file
        # What the line itself sets wins, as in the shell.
        draft.settings["env"] = {"PORT": str(first_port + index * PORT_STEP)} | draft.settings.get("env", {})
    for name in (".foreman", ".honcho"):
        if (source.folder / name).exists():
            found.notes.append(Note(str(source.folder / name), "is not read; for more copies of a bot copy its table"))
