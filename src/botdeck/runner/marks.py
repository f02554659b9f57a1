"""When the bytes of a stream were seen, in bounded memory."""

from collections import deque
from datetime import datetime, timedelta

MOST_MARKS = 1024
"""Of times, for bytes not shipped. Above it every second is dropped: times become coarser, and memory stays."""


class Marks:
    """Where bytes begin that were seen at a time."""

    def __init__(self) -> None:
        self._marks: deque[tuple[int, datetime]] = deque()
        self._spacing = timedelta()

    def add(self, offset: int, now: datetime) -> None:
        if self._marks and timedelta() <= now - self._marks[-1][1] < self._spacing:
            return  # not when the clock was set back
        self._marks.append((offset, now))
        if len(self._marks) > MOST_MARKS:
            self._marks = deque(mark for index, mark in enumerate(self._marks) if index % 2 == 0)
            # New ones no closer than the old, or the oldest would be thinned again and again until none is left.
            self._spacing = (self._marks[-1][1] - self._marks[0][1]) / len(self._marks)

    def time_at(self, offset: int, now: datetime) -> datetime:
        time = now
        for begin, seen_at in self._marks:
            if begin > offset:
                break
            time = seen_at
        return time

    def next_after(self, offset: int, end: int) -> int:
        """Where bytes of another time begin, at most `end`."""
        return min(end, next((begin for begin, _ in self._marks if begin > offset), end))

    def forget_before(self, offset: int) -> None:
        """All but the one that holds for the byte there."""
        while len(self._marks) > 1 and self._marks[1][0] <= offset:
            self._marks.popleft()
        if len(self._marks) <= 1:
            self._spacing = timedelta()

    def clear(self) -> None:
        self._marks.clear()
