"""Where a setting stands in a JSON or JavaScript file. Good enough for a sentence that names a line, and no more."""

import re


def line_of(text: str, name: str, key: str) -> int | None:
    """The line of `key` in the object that says `name: NAME`, else the line of that name, else None."""
    said = re.search(rf"""["']?name["']?\s*:\s*["'`]{re.escape(name)}["'`]""", text)
    if said is None:
        return None
    begin, end = _object_around(text, said.start())
    inside = re.compile(rf"""["']?(?<![\w$]){re.escape(key)}["']?\s*:""").search(text, begin, end)
    return text.count("\n", 0, (inside or said).start()) + 1


def _object_around(text: str, position: int) -> tuple[int, int]:
    begin = _outwards(text, position, -1, "{", "}")
    end = _outwards(text, position, 1, "}", "{")
    return max(begin, 0), end


def _outwards(text: str, position: int, step: int, wanted: str, other: str) -> int:
    """The first `wanted` brace that closes over the position; braces in strings are taken for braces."""
    depth = 0
    while 0 <= position < len(text):
        if text[position] == other:
            depth += 1
        elif text[position] == wanted:
            if depth == 0:
                return position
            depth -= 1
        position += step
    return position
