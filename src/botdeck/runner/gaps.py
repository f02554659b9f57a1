"""What is missing in a stream, and what is to be said among its bytes. Offsets are the stream's."""

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """Bytes from `begin` up to `end` that will never be shipped. An empty one only says something at its place."""

    begin: int
    end: int
    reasons: list[str] = field(default_factory=list)
    """Why they were dropped: ends of the sentence `N MB of output were dropped here: ...`."""
    notices: list[str] = field(default_factory=list)
    """Whole sentences about what else happened here."""

    @property
    def size(self) -> int:
        return self.end - self.begin

    def in_words(self, what: str) -> str:
        """For people, among the lines; `what` was dropped (output, events)."""
        sentences = list(self.notices)
        if self.size:
            were = "was" if self.size == 1 else "were"
            dropped = f"{bytes_in_words(self.size)} of {what} {were} dropped here"
            sentences.insert(0, f"{dropped}: {'; '.join(self.reasons)}." if self.reasons else f"{dropped}.")
        return " ".join(sentences)

    def meets(self, other: "Gap") -> bool:
        """Whether the two are one: they overlap, or one goes on where the other ends and for the same reason. What is
        said at a place belongs to what is missing from there on, not to what is missing before it."""
        if not self.size or not other.size:
            empty, gap = (self, other) if not self.size else (other, self)
            return gap.begin <= empty.begin < max(gap.end, gap.begin + 1)
        if self.begin < other.end and other.begin < self.end:
            return True
        touching = self.begin == other.end or other.begin == self.end
        return touching and (self.reasons, self.notices) == (other.reasons, other.notices)

    def joined(self, other: "Gap") -> "Gap":
        return Gap(
            begin=min(self.begin, other.begin),
            end=max(self.end, other.end),
            reasons=_once(self.reasons + other.reasons),
            notices=_once(self.notices + other.notices),
        )


class Gaps:
    """Those of one stream, in order; no two that are one."""

    def __init__(self, gaps: Iterable[Gap] = ()) -> None:
        self._gaps: list[Gap] = []
        self.size = 0
        for gap in gaps:
            self.add(gap)

    def __iter__(self) -> Iterator[Gap]:
        return iter(self._gaps)

    def add(self, gap: Gap) -> Gap:
        """The gap that it is now, with those that it meets."""
        first = bisect_left(self._gaps, gap.begin, key=lambda known: known.end)
        while first < len(self._gaps) and not gap.meets(self._gaps[first]) and _before(self._gaps[first], gap):
            first += 1
        last = first
        while last < len(self._gaps) and gap.meets(self._gaps[last]):
            gap = gap.joined(self._gaps[last])
            last += 1
        self._put(first, last, [gap])
        return gap

    def next_from(self, offset: int) -> Gap | None:
        """The first that is not over before the offset, what lies before it left out."""
        for gap in self._gaps:
            if gap.end > offset or gap.begin == offset:
                return gap if gap.begin >= offset else replace(gap, begin=offset)
        return None

    def begin_after(self, gap: Gap, end: int) -> int:
        """Where the next one begins; `end` when there is none."""
        return next((known.begin for known in self._gaps if known.begin >= gap.end and known.begin > gap.begin), end)

    def forget_before(self, offset: int) -> None:
        """They were shipped. What is to be said right here was not."""
        done = 0
        while done < len(self._gaps) and self._gaps[done].end <= offset and self._gaps[done].begin < offset:
            done += 1
        self._put(0, done, [])
        if self._gaps and self._gaps[0].begin < offset:
            self._put(0, 1, [replace(self._gaps[0], begin=offset)])

    def _put(self, first: int, last: int, gaps: list[Gap]) -> None:
        self.size += sum(gap.size for gap in gaps) - sum(gap.size for gap in self._gaps[first:last])
        self._gaps[first:last] = gaps


def bytes_in_words(count: int) -> str:
    """In the megabytes of the settings."""
    if count < 1000:
        return "1 byte" if count == 1 else f"{count} bytes"
    units = (("KB", 10**3), ("MB", 10**6), ("GB", 10**9), ("TB", 10**12))
    unit, size = next((pair for pair in units if count < 999.95 * pair[1]), units[-1])
    return f"{count / size:.1f} {unit}"


def _before(known: Gap, gap: Gap) -> bool:
    return (known.begin, known.end) < (gap.begin, gap.end)


def _once(words: list[str]) -> list[str]:
    return list(dict.fromkeys(words))
