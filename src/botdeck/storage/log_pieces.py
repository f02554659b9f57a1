"""What is stored of a bot's log: output as it came, and finished lines. The same for every adapter, and no I/O.

Output is made into lines only when somebody looks at them: most are never looked at, and they come by the million.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import overload

from botdeck.models import LogLine
from botdeck.storage import log_levels, stream_lines


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """A stretch of a bot's output, byte for byte."""

    bot: str
    run: str
    time: datetime
    """Of all its lines."""
    data: bytes
    """Whole lines, each with its line feed."""
    count: int
    """How many lines that is."""


Piece = LogLine | Output


class StoredLines(Sequence[LogLine]):
    """Consecutive lines with their ids. A slice costs what its own lines cost, however many there are."""

    def __init__(self, pieces: Sequence[Piece], first_id: int) -> None:
        self._pieces = pieces
        self._first_id = first_id
        self._count = sum(map(_count, pieces))

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[LogLine]:
        return iter(self[:])

    @overload
    def __getitem__(self, index: int) -> LogLine: ...

    @overload
    def __getitem__(self, index: slice) -> list[LogLine]: ...

    def __getitem__(self, index: int | slice) -> LogLine | list[LogLine]:
        chosen = range(self._count)[index]
        if isinstance(chosen, int):
            return self[chosen : chosen + 1][0]
        if chosen.step != 1:
            return [self[number] for number in chosen]
        return list(self._cut(chosen.start, chosen.stop))

    def numbered(self) -> Iterator[tuple[int, int, Piece]]:
        """Each piece with the id of its first line and the number of its lines."""
        number = self._first_id
        for piece in self._pieces:
            count = _count(piece)
            yield number, count, piece
            number += count

    def _cut(self, start: int, stop: int) -> Iterator[LogLine]:
        for number, count, piece in self.numbered():
            before = number - self._first_id
            if before >= stop:
                return
            if before + count <= start:
                continue
            if isinstance(piece, Output):
                yield from _lines(piece, number, max(0, start - before), min(count, stop - before))
            else:
                yield _with_id(piece, number)


def line_of_output(bot: str, run: str, time: datetime, line: stream_lines.Line, number: int = 0) -> LogLine:
    text = line.text()
    level = log_levels.level_of(text)
    return LogLine(id=number, bot=bot, run=run, time=time, stream="out", level=level, text=text)


def _count(piece: Piece) -> int:
    return piece.count if isinstance(piece, Output) else 1


def _lines(output: Output, first_id: int, start: int, stop: int) -> Iterator[LogLine]:
    found = output.data.split(b"\n", stop)[start:stop]
    for number, line in enumerate(map(stream_lines.shown, found), first_id + start):
        yield line_of_output(output.bot, output.run, output.time, line, number)


def _with_id(line: LogLine, number: int) -> LogLine:
    # dataclasses.replace costs three times as much, and this runs for every line.
    return LogLine(
        id=number,
        bot=line.bot,
        run=line.run,
        time=line.time,
        stream=line.stream,
        level=line.level,
        text=line.text,
    )
