"""Which numbers of a stream of posted lines have been stored, as ranges: lines may come late, twice and out of order.
Pure."""

import json
from bisect import bisect_right
from collections.abc import Iterable

from botdeck.errors import StorageError

MOST_RANGES = 1000
"""More than 999 gaps: the oldest is taken for closed, since what it lacks will not come any more."""


class SeenSeqs:
    def __init__(self, ranges: Iterable[tuple[int, int]] = ()) -> None:
        """`ranges` are first and last number of each, in order and apart from each other."""
        self._ranges = list(ranges)

    @classmethod
    def decode(cls, data: bytes) -> "SeenSeqs":
        """Raises StorageError when that is none that `encode` made."""
        try:
            return cls((int(first), int(last)) for first, last in json.loads(data or b"[]"))
        except (ValueError, TypeError):
            raise StorageError(f"The database says of a bot's posts {data[:80]!r}, which are no ranges.") from None

    def encode(self) -> bytes:
        return json.dumps(self._ranges, separators=(",", ":")).encode()

    def add(self, seq: int) -> bool:
        """False when it was there already."""
        ranges = self._ranges
        at = bisect_right(ranges, seq, key=_first)
        if at and seq <= ranges[at - 1][1]:
            return False
        first = last = seq
        if at < len(ranges) and ranges[at][0] == seq + 1:
            last = ranges.pop(at)[1]
        if at and ranges[at - 1][1] == seq - 1:
            at -= 1
            first = ranges.pop(at)[0]
        ranges.insert(at, (first, last))
        if len(ranges) > MOST_RANGES:
            ranges[:2] = [(ranges[0][0], ranges[1][1])]
        return True


def _first(numbers: tuple[int, int]) -> int:
    return numbers[0]
