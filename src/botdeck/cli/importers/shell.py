"""Command lines that were written for a shell: split into words where that means the same, given to `sh` where not."""

import re
import shlex
from dataclasses import dataclass, field

_BUILTINS = frozenset({".", "source", "cd", "export", "ulimit", "umask", "set", "unset", "eval", "trap", "alias", "if",
                       "for", "while", "until", "case", "!", "{", "time", "wait", "read"})  # fmt: skip
"""First words that only a shell understands."""
_ASSIGNMENTS = re.compile(r"""((?:[A-Za-z_]\w*=(?:"[^"]*"|'[^']*'|\\.|[^\s"'\\])*\s+)*)(.*)""", re.DOTALL)
_ONE_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=")
_SEVERAL = "|&;()\n"
"""Characters that make more than one program out of a line."""


@dataclass(frozen=True, slots=True)
class Command:
    """What to run, what it needs in its environment, and what to know about it ("" when nothing)."""

    words: list[str]
    env: dict[str, str] = field(default_factory=dict)
    note: str = ""


def shell_command(text: str) -> Command:
    """What `sh -c TEXT` would do. Raises ValueError when the quotes do not match."""
    text = text.strip()
    words = shlex.split(text)  # also to see whether the quotes match
    active = _active(text)
    assignments, rest = _ASSIGNMENTS.fullmatch(text).groups()  # type: ignore[union-attr]  # it matches anything
    first = rest.split(None, 1)[0] if rest.strip() else ""
    if active & set(_SEVERAL) or first in _BUILTINS:
        return Command(["sh", "-c", text], note=_several(text, active))
    if active:
        return Command(["sh", "-c", f"{assignments}exec {rest.removeprefix('exec ')}"], note=_shell_needed(active))
    env = {}
    while words and _ONE_ASSIGNMENT.match(words[0]):
        name, _, value = words.pop(0).partition("=")
        env[name] = value
    if words and words[0] == "exec":
        del words[0]
    return Command(words, env)


def under_umask(words: list[str], umask: str) -> list[str]:
    """The same program with files it makes closed as said."""
    return ["sh", "-c", f'umask {umask}; exec "$@"', "sh", *words]


def _active(text: str) -> set[str]:
    """The characters that a shell would act on, those in quotes left out."""
    found, quote, position = set(), "", 0
    while position < len(text):
        char = text[position]
        if char == "\\" and quote != "'":
            position += 2
            continue
        if quote:
            if char == quote:
                quote = ""
            elif quote == '"' and char in "$`":
                found.add(char)
        elif char in "'\"":
            quote = char
        elif char in "|&;()<>$`*?[\n" or (char in "~#" and (position == 0 or text[position - 1].isspace())):
            found.add(char)
        position += 1
    return found


def _shell_needed(active: set[str]) -> str:
    chars = " ".join(sorted(active))
    return f"its command needs a shell for {chars} and is run by `sh`, which gives way to it{_redirected(active)}"


def _several(text: str, active: set[str]) -> str:
    return (
        "its command is several for a shell and is run by `sh -c`; the signal that asks it to end reaches the shell "
        "alone, and what the shell started is then killed. A script that ends with `exec PROGRAM` ends more gently"
        + _redirected(active)
    )


def _redirected(active: set[str]) -> str:
    return ". What it writes into a file is not shown by Botdeck" if ">" in active else ""
