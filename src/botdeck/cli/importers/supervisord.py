"""supervisord.conf, with what it includes."""

import configparser
import glob
import os
import platform
import re
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path

from botdeck.cli.importers.draft import (
    Draft,
    Imported,
    ImportRefused,
    Note,
    Source,
    distinct_names,
    listed,
    new_draft,
    user_name,
)
from botdeck.cli.importers.shell import under_umask

GOODBYE = (
    "`supervisorctl stop NAME` for each, and take its section out of the file (or say autostart=false there), so that "
    "supervisord does not start it at the next boot"
)
_PROGRAM = "program:"
_PAIR = re.compile(r"""\s*([^=\s,]+)\s*=\s*("[^"]*"|'[^']*'|[^,]*?)\s*(?:,|\Z)""")
_TAKEN = frozenset([
    "command", "process_name", "numprocs", "numprocs_start", "autostart", "startsecs", "startretries",
    "autorestart", "exitcodes", "stopsignal", "stopwaitsecs", "killasgroup", "user", "redirect_stderr",
    "environment", "directory", "umask",
])  # fmt: skip
_NO_EQUIVALENT = {
    "priority": "Botdeck starts all bots at once, in no order",
    "stopasgroup": "the stop signal goes to the bot's main process; what else it started is ended after that",
    "serverurl": "a bot finds Botdeck by itself",
}
_RESTART = {"true": "always", "false": "never", "unexpected": "on-failure"}
_FLAGS = {"true": "true", "yes": "true", "on": "true", "1": "true", "false": "false", "no": "false", "off": "false",
          "0": "false"}  # fmt: skip
_SIGNALS = ("TERM", "INT", "HUP", "QUIT", "USR1", "USR2")
_LINE = re.compile(r"\[(?P<section>[^\]]+)\]|(?P<key>[^\s\[;#][^=:]*?)\s*[=:]")


def read_supervisord(source: Source) -> Imported:
    """Raises ImportRefused."""
    sections = [section for file in _with_included(source) for section in _sections(file)]
    found = Imported([], GOODBYE)
    shared = next((section for section in sections if section.name == "supervisord"), None)
    for section in sections:
        if section.name.startswith(_PROGRAM):
            found.bots += _drafts(section, shared)
        else:
            found.notes += _other_section(section)
    if not found.bots:
        raise ImportRefused(f"{source.at()}: there is no [program:NAME] section here.")
    distinct_names(found.bots)
    return found


class _Section:
    """One section of one file, with the lines of its keys."""

    def __init__(self, source: Source, name: str, values: dict[str, str], lines: dict[str, int]) -> None:
        self.source = source
        self.name = name
        self.values = values
        self.lines = lines

    def at(self, key: str = "") -> str:
        return self.source.at(self.lines.get(key) or self.lines.get(""))

    def expanded(self, key: str, more: Mapping[str, object], default: str = "") -> str:
        """The value with its %(...)s put in. Raises ImportRefused."""
        raw = self.values.get(key, default)
        variables: dict[str, object] = {f"ENV_{name}": value for name, value in os.environ.items()}
        variables |= {"here": str(self.source.folder), "host_node_name": platform.node(), **more}
        try:
            return raw % variables
        except KeyError as error:
            raise ImportRefused(f"{self.at(key)}: {_unknown(str(error.args[0]), raw)}") from None
        except (ValueError, TypeError) as error:
            raise ImportRefused(f"{self.at(key)}: {raw!r} cannot be read: {error}; a lone % is written %%.") from None


def _unknown(name: str, raw: str) -> str:
    if name.startswith("ENV_"):
        variable = name.removeprefix("ENV_")
        return f"{raw!r} speaks of supervisord's variable {variable}, which is not set here. Say: export {variable}=..."
    return f"{raw!r} speaks of {name}, which nobody knows."


def _with_included(source: Source) -> Iterator[Source]:
    yield source
    for section in _sections(source):
        if section.name == "include":
            for pattern in section.expanded("files", {}).split():
                for path in sorted(glob.glob(str(source.folder / pattern))):
                    yield _read(Path(path), section.at("files"))


def _read(path: Path, where: str) -> Source:
    try:
        return Source(path, path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ImportRefused(f"{where}: {path} cannot be read: {error}.") from None


def _sections(source: Source) -> list[_Section]:
    parser = configparser.RawConfigParser(strict=False, inline_comment_prefixes=(";", "#"))
    try:
        parser.read_string(source.text, str(source.path))
    except configparser.Error as error:
        line = getattr(error, "lineno", None) or next((number for number, _ in getattr(error, "errors", [])), None)
        raise ImportRefused(
            f"{source.at(line)}: this is no file of supervisord: {str(error).splitlines()[0]}."
        ) from None
    lines = _lines(source.text)
    return [_Section(source, name, dict(parser.items(name)), lines.get(name, {})) for name in parser.sections()]


def _lines(text: str) -> dict[str, dict[str, int]]:
    """Line of each key by section; the section's own under the empty key."""
    lines: dict[str, dict[str, int]] = {}
    section: dict[str, int] = {}
    for number, line in enumerate(text.splitlines(), 1):
        match = _LINE.match(line)
        if match and match["section"]:
            section = lines.setdefault(match["section"], {"": number})
        elif match and not line[0].isspace():
            section[match["key"].lower()] = number
    return lines


def _other_section(section: _Section) -> list[Note]:
    kind, _, name = section.name.partition(":")
    if kind == "group":
        programs = section.values.get("programs", "")
        return [
            Note(section.at(), f"group {name} is left out: there are none here; name its bots together ({programs})")
        ]
    if kind == "eventlistener":
        return [Note(section.at(), f"[{section.name}] is left out: it listens to supervisord, and is no bot")]
    if kind == "fcgi-program":
        return [Note(section.at(), f"[{section.name}] is left out: it needs a socket that supervisord opens for it")]
    if kind == "supervisord":
        shared = {"environment", "directory", "umask", "user"}
        others = [key for key in section.values if key not in shared]
        said = f" {listed(others)}:" if others else ""
        return (
            [Note(section.at(), f"[supervisord]{said} is about supervisord itself and is left out")] if others else []
        )
    if kind == "include":
        return []
    return [Note(section.at(), f"[{section.name}] is about supervisord itself and is left out")]


# One program.


def _drafts(section: _Section, shared: _Section | None) -> list[Draft]:
    """One for each of its numprocs."""
    first, count = _whole(section, "numprocs_start", 0), _whole(section, "numprocs", 1)
    drafts = [_draft(section, shared, number, count) for number in range(first, first + count)]
    if drafts:
        _say_rest(section, drafts[0])
    if count > 1:
        names = listed(draft.name for draft in drafts)
        drafts[0].say(section.at("numprocs"), f"numprocs={count}: {count} bots, {names}")
    return drafts


def _draft(section: _Section, shared: _Section | None, number: int, count: int) -> Draft:
    program = section.name.removeprefix(_PROGRAM).strip()
    more = {"program_name": program, "group_name": program, "process_num": number, "numprocs": count}
    name = section.expanded(
        "process_name", more, "%(program_name)s" if count == 1 else "%(program_name)s-%(process_num)d"
    )
    draft = new_draft(name.strip(), section.at())
    _run(section, draft, more)
    _place(section, shared, draft, more)
    _environment(section, shared, draft, more)
    _ends(section, draft)
    return draft


def _run(section: _Section, draft: Draft, more: Mapping[str, object]) -> None:
    line = section.expanded("command", more)
    try:
        words = shlex.split(line)
    except ValueError as error:
        raise ImportRefused(f"{section.at('command')}: the words of command cannot be told apart: {error}.") from None
    if not words:
        raise ImportRefused(f"{section.at()}: [{section.name}] has no command.")
    if "%(ENV_" in section.values["command"]:
        draft.say(section.at("command"), "%(ENV_...)s in its command was filled in from the environment of this shell")
    if any(word in ("|", "||", "&&", ";", ">", "<") for word in words):
        text = (
            'supervisord runs no shell, nor does Botdeck: the program gets |, && and > as words. Say ["sh", "-c", ...]'
        )
        draft.say(section.at("command"), text)
    draft.settings["command"] = words


def _place(section: _Section, shared: _Section | None, draft: Draft, more: Mapping[str, object]) -> None:
    said = next((one for one in (section, shared) if one and one.values.get("directory")), None)
    if said:
        folder = Path(said.expanded("directory", more)).expanduser()
        draft.settings["cwd"] = Path(os.path.normpath(said.source.folder / folder))
    else:
        draft.settings["cwd"] = section.source.folder
        text = "supervisord runs it in the folder it was itself started in, which its file does not tell; here it is"
        draft.say(section.at(), f"{text} {section.source.folder}. If that is wrong, say `cwd`")
    masked = next((one for one in (section, shared) if one and one.values.get("umask")), None)
    if masked:
        draft.settings["command"] = under_umask(draft.settings["command"], masked.values["umask"])
    owner = next((one for one in (section, shared) if one and one.values.get("user")), None)
    if owner:
        _user(owner, draft)


def _user(section: _Section, draft: Draft) -> None:
    user = section.values["user"]
    name = user_name(user)
    if name is None:
        draft.say(section.at("user"), f"this host knows no user with the number {user}; say `user` yourself")
    else:
        draft.settings["user"] = name


def _environment(section: _Section, shared: _Section | None, draft: Draft, more: Mapping[str, object]) -> None:
    for one in filter(None, (shared, section)):
        text = one.expanded("environment", more)
        if not text.strip():
            continue
        draft.add_env(_pairs(one, text))
        if "%(ENV_" in one.values["environment"]:
            draft.say(
                one.at("environment"), "%(ENV_...)s in environment was filled in from the environment of this shell"
            )


def _pairs(section: _Section, text: str) -> dict[str, str]:
    values, position = {}, 0
    text = text.strip().rstrip(",")
    while position < len(text):
        match = _PAIR.match(text, position)
        if match is None:
            raise ImportRefused(f'{section.at("environment")}: environment should look like A="1",B="2".')
        value = match[2]
        values[match[1]] = value[1:-1] if value[:1] in ("'", '"') else value
        position = match.end()
    return values


def _ends(section: _Section, draft: Draft) -> None:
    settings = draft.settings
    restart = section.values.get("autorestart", "unexpected").lower()
    restart = _FLAGS.get(restart, restart)
    if restart not in _RESTART:
        words = f"autorestart should be true, false or unexpected, not {restart!r}"
        raise ImportRefused(f"{section.at('autorestart')}: {words}.")
    settings["restart"] = _RESTART[restart]
    codes = {code.strip() for code in section.values.get("exitcodes", "0").split(",")}
    if restart == "unexpected" and codes != {"0"}:
        text = f"exitcodes={section.values['exitcodes']}: here only code 0 means that it is done"
        draft.say(section.at("exitcodes"), text)
    if "startsecs" in section.values:
        settings["ready_after_s"] = _whole(section, "startsecs", 1)
    if "startretries" in section.values:
        settings["max_crashes"] = _whole(section, "startretries", 3) + 1  # the first start is no retry
    if "stopwaitsecs" in section.values:
        settings["stop_timeout_s"] = _whole(section, "stopwaitsecs", 10)
    _stop_signal(section, draft)


def _stop_signal(section: _Section, draft: Draft) -> None:
    signal = section.values.get("stopsignal", "TERM").upper().removeprefix("SIG")
    if signal == "KILL":
        draft.settings["stop_timeout_s"] = 0
        draft.say(section.at("stopsignal"), "stopsignal=KILL became stop_timeout_s = 0: it is killed at once")
    elif signal not in _SIGNALS:
        draft.say(section.at("stopsignal"), f"stopsignal={signal} is left out, and SIGTERM asks it to end")
    elif signal != "TERM":
        draft.settings["stop_signal"] = signal


def _whole(section: _Section, key: str, default: int) -> int:
    said = section.values.get(key, str(default))
    if not said.strip().isdigit():
        raise ImportRefused(f"{section.at(key)}: {key} should be a whole number, not {said!r}.")
    return int(said)


def _say_rest(section: _Section, draft: Draft) -> None:
    logs = [key for key in section.values if key.startswith(("stdout_", "stderr_"))]
    if _FLAGS.get(section.values.get("redirect_stderr", "true").lower()) == "false":
        logs.append("redirect_stderr")
    if logs:
        text = f"{listed(logs)}: Botdeck keeps all output itself; see `botdeck logs {draft.name}`"
        draft.say(section.at(logs[0]), text)
    for key, value in section.values.items():
        if key in _NO_EQUIVALENT and _FLAGS.get(value.lower()) != "false":
            draft.say(section.at(key), f"{key} is left out: {_NO_EQUIVALENT[key]}")
        elif key not in _TAKEN and key not in _NO_EQUIVALENT and key not in logs:
            draft.say(section.at(key), f"{key} is left out: Botdeck knows no such setting of supervisord")
