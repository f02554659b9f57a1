"""Cuts a stream that comes in pieces into lines. Pure: what is unfinished goes out as `carry` and comes back with the
next piece."""

import codecs
from dataclasses import dataclass

MAX_OUTPUT_LINE_BYTES = 1 << 14
_LONG_BYTES = 1 << 12
"""Lines that are longer than this on average are cut at once: they are few, and whole they would fill the disk."""


@dataclass(frozen=True, slots=True)
class Line:
    """`head` is the line, or as much of it as is kept; `dropped` bytes after that are not."""

    head: bytes = b""
    dropped: int = 0

    def text(self) -> str:
        if not self.dropped:
            return self.head.decode("utf-8", "replace")
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        text = decoder.decode(self.head)
        # The cut may have gone through a character; what is left of it is not shown.
        half, _ = decoder.getstate()
        return f"{text}… ({self.dropped + len(half)} bytes more)"


@dataclass(frozen=True, slots=True)
class Stretch:
    """Whole lines of output as they came, each with its line feed, and how many they are."""

    data: bytes
    count: int


def output(carry: bytes, payload: bytes, *, final: bool) -> tuple[list[Line | Stretch], bytes]:
    """What ended of a bot's output, in order, and the new carry. The lines of a stretch are to be `shown` when somebody
    looks at them; those that are too long for that come one by one, as they are shown."""
    if final and (carry or payload) and not payload.endswith(b"\n"):
        payload += b"\n"
    ended: list[Line | Stretch] = []
    if b"\n" in carry:
        # It says that some of the line is gone already, which a stretch cannot.
        first, newline, payload = payload.partition(b"\n")
        lines, carry = _cut_output(carry, first + newline)
        ended += lines
    end = payload.rfind(b"\n") + 1
    if not end:
        return ended, _cut_output(carry, payload)[1]
    data = _joined(carry, payload, end)
    count = data.count(b"\n")
    ended += [Stretch(data, count)] if len(data) <= count * _LONG_BYTES else _cut_output(b"", data)[0]
    return ended, _cut_output(b"", payload[end:])[1]


def shown(line: bytes) -> Line:
    """A line of output as people see it."""
    return _end(Line(line), MAX_OUTPUT_LINE_BYTES, rewrites=True)


def cut(carry: bytes, payload: bytes, *, limit: int, final: bool, rewrites: bool) -> tuple[list[Line], bytes]:
    """The lines that ended, and the new carry (a little more than `limit` bytes at most).

    `rewrites`: a carriage return takes the cursor back to the beginning of the line, as in a progress bar, so that
    what was before it is not seen. `final`: nothing follows, so that the unfinished line is one, too.
    """
    first, *others = payload.split(b"\n")
    beginning = _unpack(carry)
    lines: list[Line] = []
    if others:
        lines.append(_end(_extend(beginning, first, limit, rewrites), limit, rewrites))
        *whole, last = others
        lines += [_end(Line(piece), limit, rewrites) for piece in whole]
        unfinished = _extend(Line(), last, limit, rewrites)
    else:
        unfinished = _extend(beginning, first, limit, rewrites)
    if not final:
        return lines, _pack(unfinished)
    if unfinished.head:
        lines.append(_end(unfinished, limit, rewrites))
    return lines, b""


def carried_bytes(carry: bytes) -> int:
    """How long the unfinished line is so far; exact only without `rewrites`."""
    line = _unpack(carry)
    return len(line.head) + line.dropped


def _cut_output(carry: bytes, payload: bytes) -> tuple[list[Line], bytes]:
    return cut(carry, payload, limit=MAX_OUTPUT_LINE_BYTES, final=False, rewrites=True)


def _joined(carry: bytes, payload: bytes, end: int) -> bytes:
    """With as few copies as possible, for this is most of what a noisy bot costs."""
    if carry:
        return b"".join((carry, memoryview(payload)[:end]))
    return payload[:end]  # all of it is no copy


def _end(line: Line, limit: int, rewrites: bool) -> Line:
    if rewrites and b"\r" in line.head:
        shown = line.head.rstrip(b"\r")
        start = shown.rfind(b"\r") + 1
        line = Line(shown[start:], 0 if start else line.dropped)
    return _shortened(line, limit)


def _extend(line: Line, piece: bytes, limit: int, rewrites: bool) -> Line:
    joined = Line(line.head + piece, line.dropped)
    if len(joined.head) <= limit or not rewrites:
        return _shortened(joined, limit)
    # A return at the end must be kept: what comes next decides whether the line is rewritten or ends.
    pending = b"\r" if joined.head.endswith(b"\r") else b""
    shown = _end(joined, limit, rewrites)
    return Line(shown.head + pending, shown.dropped)


def _shortened(line: Line, limit: int) -> Line:
    if len(line.head) <= limit:
        return line
    return Line(line.head[:limit], line.dropped + len(line.head) - limit)


def _pack(line: Line) -> bytes:
    # A line feed cannot occur in an unfinished line, so it may separate the count.
    return line.head + b"\n%d" % line.dropped if line.dropped else line.head


def _unpack(carry: bytes) -> Line:
    head, _, dropped = carry.partition(b"\n")
    return Line(head, int(dropped or 0))
