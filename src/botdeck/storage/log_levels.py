"""The level of a line of output, if the line shows one; a word in a sentence ("no errors found") is none."""

import re
from typing import Any, Literal

Level = Literal["debug", "info", "warning", "error", "critical"]

_WORDS: dict[str, Level] = {
    "trace": "debug",
    "debug": "debug",
    "dbug": "debug",
    "verbose": "debug",
    "info": "info",
    "information": "info",
    "notice": "info",
    "warn": "warning",
    "warning": "warning",
    "err": "error",
    "error": "error",
    "severe": "error",
    "critical": "critical",
    "crit": "critical",
    "fatal": "critical",
    "panic": "critical",
    "alert": "critical",
    "emerg": "critical",
    "emergency": "critical",
}
_LETTERS: dict[str, Level] = {"I": "info", "W": "warning", "E": "error", "F": "critical"}
_SYSLOG: tuple[Level, ...] = ("critical", "critical", "critical", "error", "warning", "info", "info", "debug")

_HEAD = 200
"""Characters that are looked at: a level stands at the beginning."""
_ANY = "|".join(_WORDS)
_MARK = re.compile(
    rf"""
      \b(?P<upper>{_ANY.upper()})\b(?!\s*=)                      # WARNING:root:..., ... - ERROR - ...
    | [\[(<](?P<bracket>(?i:{_ANY}))[\])>]                       # [error]
    | \b(?i:level|lvl|severity|levelname)["']?\s*[=:]\s*["']?    # level=warn, "level": "warn", "level":30
      (?:(?P<key>(?i:{_ANY}))\b|(?P<number>\d\d)\b)
    | ^(?P<start>(?i:{_ANY}))(?:\[\w+\])?\s*:                    # warn: ...
    | ^<(?P<syslog>[0-7])>                                       # <3>...
    | ^(?P<letter>[IWEF])\d{{4}}\s\d\d:\d\d:\d\d                 # E1122 14:01:02...
    | ^(?P<trouble>Traceback\ \(most|(?:[\w.$]*[.\w])?(?:Error|Exception)(?::|$|\s\[)|Uncaught\s|Unhandled\s|npm\ ERR!)
    """,
    re.VERBOSE,
)
_STEMS = [
    "err",
    "info",
    "warn",
    "debug",
    "exception",
    "level",
    "fatal",
    "crit",
    "panic",
    "trace",
    "lvl",
    "sever",
    "notice",
    "verbose",
    "dbug",
    "alert",
    "emerg",
    "unhandled",
    "uncaught",
]
"""Every mark but the two that begin a line holds one of these; asking for them is cheap, and most lines hold none."""
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")


def level_of(line: str) -> Level | None:
    head = line[:_HEAD]
    if "\x1b" in head:
        head = _COLOURS.sub("", head)
    head = head.lstrip()
    if head[:1] not in "<IWEF":
        small = head.lower()
        if not any(map(small.__contains__, _STEMS)):
            return None
    mark = _MARK.search(head)
    if mark is None:
        return None
    kind, text = mark.lastgroup, mark[mark.lastgroup or 0]
    match kind:
        case "number":
            return _of_pino(int(text))
        case "syslog":
            return _SYSLOG[int(text)]
        case "letter":
            return _LETTERS[text]
        case "trouble":
            return "error"
    return _WORDS[text.lower()]


def level_of_severity(number: Any, text: Any) -> Level | None:
    """The level of a log event by OpenTelemetry's severity number (1 to 24), or else by its text."""
    if isinstance(number, int) and not isinstance(number, bool) and 1 <= number <= 24:
        return ("debug", "debug", "info", "warning", "error", "critical")[(number - 1) // 4]
    return _WORDS.get(text.lower()) if isinstance(text, str) else None


def _of_pino(number: int) -> Level:
    """pino and bunyan write 10 (trace) to 60 (fatal)."""
    if number < 30:
        return "debug"
    if number < 40:
        return "info"
    if number < 50:
        return "warning"
    return "error" if number < 60 else "critical"
