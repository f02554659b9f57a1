"""systemd's way of writing: sections, lines that go on, words, specifiers and time spans."""

import os
import platform
import pwd
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from botdeck.cli.importers.draft import ImportRefused, Source
from botdeck.settings import MB


@dataclass(frozen=True, slots=True)
class Setting:
    """One line `KEY=VALUE`."""

    key: str
    value: str
    where: str


@dataclass(slots=True)
class Unit:
    """The settings of a unit and its drop-ins, in order, by section."""

    sections: dict[str, list[Setting]] = field(default_factory=dict)

    def add(self, source: Source) -> None:
        """Raises ImportRefused."""
        section: list[Setting] | None = None
        for number, line in _whole_lines(source.text):
            if line.startswith("[") and line.endswith("]"):
                section = self.sections.setdefault(line[1:-1], [])
                continue
            key, equals, value = line.partition("=")
            if not equals or section is None:
                raise ImportRefused(f"{source.at(number)}: expected [Section] or Key=value, not {line!r}.")
            section.append(Setting(key.strip(), value.strip(), source.at(number)))

    def all(self, section: str, key: str) -> list[Setting]:
        """Every one that counts: an empty value takes back those before it."""
        counted: list[Setting] = []
        for setting in self.sections.get(section, []):
            if setting.key == key:
                counted = [*counted, setting] if setting.value else []
        return counted

    def last(self, section: str, key: str) -> Setting | None:
        settings = self.all(section, key)
        return settings[-1] if settings else None


def _whole_lines(text: str) -> list[tuple[int, str]]:
    """Comments gone and lines joined that end in a backslash, each with the number of its first."""
    joined: list[tuple[int, str]] = []
    going_on = False
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.strip()
        if line.startswith(("#", ";")):
            continue  # also between lines that are joined
        goes_on = line.endswith("\\")
        part = line[:-1].rstrip() + " " if goes_on else line
        if going_on:
            joined[-1] = (joined[-1][0], joined[-1][1] + part)
        elif line:
            joined.append((number, part))
        going_on = goes_on
    return [(number, line.strip()) for number, line in joined]


_ESCAPES = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", "s": " ", "\\": "\\", '"': '"',
            "'": "'"}  # fmt: skip
_CODE = re.compile(r"x([0-9A-Fa-f]{2})|([0-7]{3})|u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})")


def words(text: str) -> list[str]:
    """As systemd splits: quotes around words, and escapes like those of C. Raises ValueError."""
    found: list[str] = []
    word: str | None = None
    quote, position = "", 0
    while position < len(text):
        char = text[position]
        position += 1
        if char == "\\" and position < len(text):
            piece, position = _unescaped(text, position)
            word = (word or "") + piece
        elif quote:
            word, quote = (word or "", "") if char == quote else ((word or "") + char, quote)
        elif char in "'\"":
            word, quote = word or "", char
        elif char.isspace():
            if word is not None:
                found.append(word)
            word = None
        else:
            word = (word or "") + char
    if quote:
        raise ValueError("no closing quotation mark")
    return found if word is None else [*found, word]


def _unescaped(text: str, position: int) -> tuple[str, int]:
    """What the escape at `position`, after its backslash, stands for, and where it ends."""
    if code := _CODE.match(text, position):
        hexadecimal = code[1] or code[3] or code[4]
        return chr(int(hexadecimal, 16) if hexadecimal else int(code[2], 8)), code.end()
    char = text[position]
    return _ESCAPES.get(char, "\\" + char), position + 1


# Specifiers.


def specifiers(unit_name: str, path: Path, *, of_user: bool) -> dict[str, str]:
    """What %x stands for, as far as it can be told outside of systemd."""
    stem = unit_name.rpartition(".")[0]
    prefix, _, instance = stem.partition("@")
    manager = pwd.getpwuid(os.getuid() if of_user else 0)
    home = Path(manager.pw_dir)
    folders = {
        "t": os.environ.get("XDG_RUNTIME_DIR", f"/run/user/{manager.pw_uid}") if of_user else "/run",
        "S": str(home / ".local/state") if of_user else "/var/lib",
        "C": str(home / ".cache") if of_user else "/var/cache",
        "L": str(home / ".local/state/log") if of_user else "/var/log",
        "E": str(home / ".config") if of_user else "/etc",
        "T": "/tmp",  # noqa: S108 - what systemd puts in
        "V": "/var/tmp",  # noqa: S108
        "y": str(path.absolute()),
        "Y": str(path.absolute().parent),
    }
    host = platform.node()
    return folders | {
        "%": "%",
        "n": unit_name,
        "N": stem,
        "p": prefix,
        "P": unescaped_name(prefix),
        "i": instance,
        "I": unescaped_name(instance),
        "j": prefix.rpartition("-")[2],
        "J": unescaped_name(prefix.rpartition("-")[2]),
        "f": "/" + unescaped_name(instance or prefix).lstrip("/"),
        "u": manager.pw_name,
        "U": str(manager.pw_uid),
        "g": manager.pw_name,
        "h": manager.pw_dir,
        "s": manager.pw_shell,
        "H": host,
        "l": host.partition(".")[0],
        "v": platform.release(),
    }


def expanded(text: str, known: Mapping[str, str]) -> str:
    """Raises ValueError for a specifier that is not known."""

    def one(match: re.Match[str]) -> str:
        if match[1] not in known:
            raise ValueError(f"what %{match[1]} stands for, only systemd knows; write it out")
        return known[match[1]]

    return re.sub(r"%(.)", one, text)


def unescaped_name(name: str) -> str:
    r"""As `systemd-escape -u`: `-` is a slash, and `\xNN` a byte."""
    slashes = name.replace("-", "/").encode()
    plain = re.sub(rb"\\x([0-9a-f]{2})", lambda match: bytes([int(match[1], 16)]), slashes)
    return plain.decode("utf-8", "replace")


# Amounts.

_UNITS_S = {
    **dict.fromkeys(("", "s", "sec", "second", "seconds"), 1.0),
    **dict.fromkeys(("us", "usec", "µs", "μs"), 1e-6),
    **dict.fromkeys(("ms", "msec"), 1e-3),
    **dict.fromkeys(("m", "min", "minute", "minutes"), 60.0),
    **dict.fromkeys(("h", "hr", "hour", "hours"), 3600.0),
    **dict.fromkeys(("d", "day", "days"), 86400.0),
    **dict.fromkeys(("w", "week", "weeks"), 604800.0),
    **dict.fromkeys(("M", "month", "months"), 2629800.0),
    **dict.fromkeys(("y", "year", "years"), 31557600.0),
}
_SPAN = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([A-Za-zµμ]*)")
_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}


def seconds(text: str) -> float | None:
    """Of `1min 30s`, `90` or `500ms`; None for `infinity`. Raises ValueError."""
    if text == "infinity":
        return None
    total, position = 0.0, 0
    while position < len(text):
        match = _SPAN.match(text, position)
        if match is None or match[2] not in _UNITS_S:
            raise ValueError(f"{text!r} is no span of time")
        total += float(match[1]) * _UNITS_S[match[2]]
        position = match.end()
    return total


def megabytes(text: str) -> float | None:
    """Of `512M`; None for `infinity` and for a share of the memory. Raises ValueError."""
    if text == "infinity" or text.endswith("%"):
        return None
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([KMGT]?)B?", text)
    if match is None:
        raise ValueError(f"{text!r} is no size")
    return round(float(match[1]) * _UNITS[match[2]] / MB, 1)
