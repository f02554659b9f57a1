"""One file that a bot writes, on its way to the deck.

Two kinds of offset: in the file, and in the stream. They are the same until the file shrinks under us; `base` is what
then lies between them, and the run's record keeps it. What is dropped stays a part of the stream, as a gap. A hole in
the file is the record of it: whichever runner reads the file next finds it there.
"""

import logging
import os
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from botdeck.data_dir import READ_ONLY
from botdeck.protocol.frames import MAX_DATA_BYTES, Data
from botdeck.runner import holes
from botdeck.runner.followed import FileId, file_id, is_named
from botdeck.runner.gaps import Gap, Gaps
from botdeck.runner.marks import Marks

log = logging.getLogger(__name__)
T = TypeVar("T")

PUNCH_STEP = 4 << 20
KEPT_BYTES = 256 << 10
"""The end of a file stays readable as long as its run lives, shipped or not: it tells how a bot died."""
MOST_IN_FLIGHT = 8
"""Data frames of one stream that wait for an acknowledgement; more wait in the file."""
LONGEST_HALF_LINE = 64 << 10
"""What is left of a line after a gap is left out too, unless it is longer."""
LAST_BYTES = 32
LOOKS_PER_NAME = 50
"""Between looks at where the name of a growing file leads."""

SHIPPED_BEFORE = "a deck had them, and their space was given back"
CUT_OFF = "somebody truncated the file before they were shipped"
PLEASE = "Please do not rotate, truncate or remove it: shipped space is given back by itself."


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamRecord:
    """What the next runner must know of a stream."""

    base: int = 0
    reason: str = ""
    """Why bytes were dropped the last time, if ever; where, the holes in the file tell."""
    gaps: list[Gap] = field(default_factory=list)
    """Those that the file does not tell."""
    device: int = 0
    inode: int = 0
    """Of the file itself, whose name may come to lead elsewhere; 0: not known."""
    nameless: bool = False
    """It did, and that was said."""


class Stream:
    """Read at `sent`, acknowledged by the deck up to `acked`, known to exist up to `seen` (offsets in the stream)."""

    def __init__(
        self,
        name: str,
        path: Path,
        record: StreamRecord | None = None,
        *,
        whole_lines: bool = False,
        remember: Callable[[], None] = lambda: None,
        find_nameless: Callable[[FileId], int | None] = lambda _: None,
    ) -> None:
        record = record or StreamRecord()
        self.name = name
        self.bot, self.run, self.kind = name.split("/")
        self.path = path
        self.base = record.base
        self.whole_lines = whole_lines
        self.weigh: Callable[[Stream, int], None] = lambda _stream, _change: None
        """Told how many bytes more, or fewer, wait than before; and once more when it is complete."""
        self.waiting_bytes = 0
        """Written, and not known to be at the deck, as far as it is known."""
        self._remember = remember
        self._find_nameless = find_nameless
        self.file_id: FileId | None = (record.device, record.inode) if record.inode else None
        self._nameless = record.nameless
        self._reason = record.reason
        self.over = False
        """Nobody writes any more."""
        self.fresh = False
        """Nothing of it was ever sent to any deck."""
        self.complete = False
        """The deck has all of it, and knows that it is all."""
        self._lost = False
        """The file is gone before all of it was shipped."""
        self.sent = self.acked = self.seen = self.base
        self._gaps = Gaps(record.gaps)
        self._gaps_from: int | None = None
        """From here on all holes are known as gaps; None: nobody has looked for them yet."""
        self._held: int | None = None
        self._marks = Marks()
        self._in_flight: deque[tuple[int, int, bool]] = deque()
        """Begin, end, and whether it is final, of each frame that waits for its acknowledgement."""
        self._final_sent = False
        self._asking = False
        self._align_at: int | None = None
        """Where the deck stands, still to be found in the file."""
        self._aligned = False
        """It was found, once at least."""
        self._punched = 0
        self._last = b""
        """What stands before `seen`."""
        self._looks = 0
        self._block = holes.BLOCK
        self._fd: int | None = None

    def record(self) -> StreamRecord:
        device, inode = self.file_id or (0, 0)
        gaps = [gap for gap in self._gaps if gap.notices or gap.end <= self.base]
        return StreamRecord(
            base=self.base, reason=self._reason, gaps=gaps, device=device, inode=inode, nameless=self._nameless
        )

    # The file.

    def fileno(self) -> int:
        """Opened once and kept: the file is followed, not its name, whatever is done to the name."""
        if self._fd is None:
            self._fd = self._open()
            self._block = holes.block_size(self._fd)
        return self._fd

    def _open(self) -> int:
        if self.file_id is not None and not self.over and not is_named(self.path, self.file_id):
            fd = self._find_nameless(self.file_id)
            if fd is not None:
                return fd
        try:
            fd = os.open(self.path, os.O_RDWR | os.O_CLOEXEC)
        except OSError as error:
            if error.errno not in READ_ONLY:
                raise
            fd = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)  # it is shipped, and gives no space back
        self.file_id = file_id(fd)
        return fd

    def close(self) -> None:
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def rest(self) -> None:
        """Close the file until it is its turn again, if it can be opened again then."""
        if self._fd is not None and is_named(self.path, file_id(self._fd)):
            self.close()

    def look(self, now: datetime) -> bool:
        """Take notice of what was written since the last look; whether there was anything."""
        found = os.fstat(self.fileno())
        end = found.st_size + self.base
        if end < self.seen or (end > self.seen and not self._goes_on()):
            self._shrank()
            end = os.fstat(self.fileno()).st_size + self.base
        grew = end > self.seen
        if grew:
            self._marks.add(self.seen, now)
            self.seen = end
            self._last = self._before(end)
        if self._gaps_from is None:
            self._find_gaps(self.base, self.seen)
        self._looks += 1
        if not found.st_nlink or self._looks % LOOKS_PER_NAME == 0:
            self.check_name()
        if grew:
            self._settle()
        return grew

    def _goes_on(self) -> bool:
        """Whether what was there the last time is still there. A file that was truncated may have grown past it."""
        return not self._last or self._before(self.seen) == self._last

    def _before(self, offset: int) -> bytes:
        begin = max(self.base, offset - LAST_BYTES)
        last = bytearray(offset - begin)
        os.preadv(self.fileno(), [last], begin - self.base)
        return bytes(last)

    def check_name(self) -> None:
        """Say so when the name does not lead to the file any more, as soon as it is known where the deck stands."""
        if self._nameless or self.over or not self._aligned or is_named(self.path, file_id(self.fileno())):
            return
        self._nameless = True
        here = Gap(begin=self.sent, end=self.sent)
        self._say(f"Somebody removed or replaced {self._file}; what the bot writes is followed. {PLEASE}", here)

    def end(self, now: datetime) -> None:
        """Nobody writes any more: take a last look. Raises OSError; then there is another one when it is shipped."""
        self.over = True
        self._held = None
        self._open_for_now(lambda: self.look(now))

    # The deck.

    def begin(self, cursor: int | None) -> None:
        """A connection begins: the deck has everything before `cursor`. Ships from there, whatever was sent before.

        None: the deck named no cursor. Then it has none of it, or all, or does not count the bot as ours; it is asked.
        """
        self._in_flight.clear()
        self._final_sent = False
        self._asking = cursor is None and not self.fresh
        if not self._asking:
            self._go_on_from(cursor or 0)
        self.fresh = False

    def acknowledge(self, offset: int, *, final: bool) -> None:
        """The deck's cursor, in answer to a frame; `final`: the stream is over for the deck too.

        An offset alone does not say that the end arrived: a frame before the final one may have the same end.
        """
        if final and self.over and (offset >= self.seen or self._lost):
            self.complete = True
            self._in_flight.clear()
            self.close()
        elif self._asking:
            self._asking = False
            self._go_on_from(offset)
        elif any(end == offset for _, end, _ in self._in_flight):
            self._reached(offset)
        elif offset != self._cursor:
            # The frame was not applied: the deck stands elsewhere than we thought, and the deck is right.
            log.warning("%s: the deck stands at %d and not at %d; going on from there", self.name, offset, self._cursor)
            self._go_on_from(offset)
        self._settle()

    def _reached(self, offset: int) -> None:
        """The deck stands at the end of a frame in flight; that the stream is over for it was not said."""
        while self._in_flight and self._in_flight[0][1] <= offset and not self._in_flight[0][2]:
            self._in_flight.popleft()
        self.acked = offset
        self._forget_shipped()
        if not self.over:
            self._give_back()
        if self._in_flight and self._in_flight[0][0] < offset:
            # The final frame begins before the deck's cursor (an older connection was committed late) and is refused.
            # An empty one begins here, and its own answer is still to come.
            self._go_on_from(offset)

    @property
    def _cursor(self) -> int:
        """Where the deck stands, as far as is known."""
        return self.acked if self._align_at is None else self._align_at

    def _go_on_from(self, cursor: int) -> None:
        """Without a look at the file: there may be thousands, and each is opened when its turn comes. Until then
        `acked` stays, or all that was ever shipped would count as waiting, and what waits be dropped as too much."""
        self._align_at = cursor
        self._in_flight.clear()
        self._final_sent = False

    @property
    def waiting(self) -> bool:
        """Whether frames wait for an acknowledgement."""
        return bool(self._in_flight)

    def next_frame(self, now: datetime) -> Data | None:
        """The next bytes to ship, or None for now. An events stream is cut at lines, so that a frame is whole events;
        output is not, for a prompt has no newline. Raises OSError when it cannot be read now."""
        if self.complete:
            return None
        if self._asking:
            return self._question(now)
        if self._final_sent or len(self._in_flight) >= MOST_IN_FLIGHT:
            return None
        if self._lost:
            return self._farewell(now)
        return self._open_for_now(lambda: self._read_frame(now))

    def give_up(self) -> None:
        """The file is gone for good. The deck is told, and then the stream is complete."""
        self._lost = True

    def _open_for_now(self, work: Callable[[], T]) -> T:
        """What is over is closed again, unless it was open before: then it is followed, and may have lost its name."""
        followed = self._fd is not None
        try:
            return work()
        finally:
            if self.over and not followed:
                self.close()

    def _read_frame(self, now: datetime) -> Data | None:
        if self.over or self._align_at is not None:
            self.look(now)
        if self._align_at is not None:
            self._realign(self._align_at, now)
            self._align_at = None
        gap, payload = self._read_next()
        begin = self.sent + (gap.size if gap else 0)
        end = begin + len(payload)
        final = self.over and end == self.seen
        if end == self.sent and not final:
            return None
        frame = Data(
            stream=self.name,
            offset=self.sent,
            time=self._marks.time_at(begin, now),
            final=final,
            gap=begin - self.sent,
            notice=gap.in_words(self._what) if gap else "",
            payload=payload,
        )
        self._sent(frame, end)
        if final:
            self.rest()
        return frame

    def _sent(self, frame: Data, end: int) -> None:
        self._in_flight.append((frame.offset, end, frame.final))
        self._final_sent = frame.final
        self.sent = end

    def _question(self, now: datetime) -> Data | None:
        """An empty frame at the very beginning changes nothing, and is answered with the cursor."""
        if self._in_flight:
            return None
        self._in_flight.append((0, 0, False))
        return Data(stream=self.name, offset=0, time=now)

    def _farewell(self, now: datetime) -> Data:
        notice = f"Somebody removed {self._file} before all of it was shipped; the rest is lost."
        frame = Data(stream=self.name, offset=self._cursor, time=now, final=True, notice=notice)
        self._sent(frame, self._cursor)
        return frame

    @property
    def _what(self) -> str:
        return "events" if self.whole_lines else "output"

    @property
    def _file(self) -> str:
        """Without its path, which is its host's business."""
        return "the file that its events go to" if self.whole_lines else "the file that this output goes to"

    # Reading.

    def _read_next(self) -> tuple[Gap | None, bytes]:
        """What is missing at `sent`, and the bytes after it."""
        limit = self.seen if self._held is None else min(self.seen, max(self._held, self.sent))
        gap = self._gaps.next_from(self.sent)
        if limit <= self.sent and not self.over:
            return None, b""
        if gap is None or gap.begin > limit:
            return None, self._read_piece(self.sent, limit)
        if gap.begin > self.sent:
            payload = self._read_before(gap)
            if payload or self._gaps.next_from(self.sent) == gap:
                return None, payload
            return self._read_next()  # nothing but half a line was there, and belongs to the gap now
        return self._read_after(gap, limit)

    def _read_before(self, gap: Gap) -> bytes:
        """The half line before a gap goes with it, so that none is shown, unless its beginning was shipped already."""
        payload = self._read(self.sent, gap.begin)
        if self.sent + len(payload) < gap.begin:
            return self._whole_lines_of(payload)
        whole = payload.rfind(b"\n") + 1
        if gap.size and whole < len(payload) and (whole or self.whole_lines or self._begins_line(self.sent)):
            self._gaps.add(Gap(begin=self.sent + whole, end=gap.end, reasons=gap.reasons))
            return payload[:whole]
        return payload

    def _read_after(self, gap: Gap, limit: int) -> tuple[Gap | None, bytes]:
        limit = min(limit, self._gaps.begin_after(gap, limit))
        rest = self._half_line(gap.end, limit) if gap.size else 0
        if rest is None:
            return None, b""
        if rest:
            self._gaps.add(Gap(begin=gap.end - 1, end=gap.end + rest, reasons=gap.reasons))
            gap = replace(gap, end=gap.end + rest)
        payload = self._read_piece(gap.end, limit)
        if not payload and not gap.size and not self.over:
            return None, b""  # what is to be said goes with bytes, or it might be said twice
        return gap, payload

    def _half_line(self, begin: int, end: int) -> int | None:
        """How many bytes after a gap are the rest of a line; None: of an event that is not whole yet."""
        if begin >= end or self._begins_line(begin):
            return 0
        rest = os.pread(self.fileno(), min(end - begin, LONGEST_HALF_LINE), begin - self.base)
        newline = rest.find(b"\n") + 1
        if newline or not self.whole_lines:
            return newline
        return len(rest) if self.over or len(rest) >= LONGEST_HALF_LINE else None

    def _begins_line(self, offset: int) -> bool:
        at = offset - self.base
        return at <= 0 or os.pread(self.fileno(), 1, at - 1) == b"\n"

    def _read_piece(self, begin: int, end: int) -> bytes:
        return self._whole_lines_of(self._read(begin, end))

    def _read(self, begin: int, end: int) -> bytes:
        end = min(end, begin + MAX_DATA_BYTES)
        if not self.whole_lines:
            end = self._marks.next_after(begin, end)
        return os.pread(self.fileno(), end - begin, begin - self.base) if begin < end else b""

    def _whole_lines_of(self, payload: bytes) -> bytes:
        if not self.whole_lines:
            return payload
        whole = payload.rfind(b"\n") + 1
        if whole:
            return payload[:whole]
        # Half a line: wait for the rest, unless none can come or it is longer than a frame can be.
        return payload if self.over or len(payload) >= MAX_DATA_BYTES else b""

    # Dropping.

    def hold(self, begin: int | None) -> None:
        """Ship nothing from here on for now, since it may have to be dropped; None: ship all."""
        self._held = None if self.over else begin

    def drop_oldest(self, size: int, reason: str) -> int:
        """Drop so many of the bytes that wait and are not on their way, as far as whole blocks go; how many it was."""
        begin = end = max(self.sent if self._align_at is None else self._cursor, self.acked, self.base)
        for gap in self._gaps:
            if gap.begin - end >= size:
                break
            if gap.end > end:
                size -= max(0, gap.begin - end)
                end = gap.end
        return self.drop(begin, end + size, reason)

    def drop(self, begin: int, end: int, reason: str) -> int:
        """Drop what is between, as far as whole blocks go, and not the end of a file that is written; how many it was.

        A little at both ends stays: what the bot writes into a block at the same time must not be hit."""
        end = min(end, self.seen if self.over else self.seen - KEPT_BYTES) - self.base
        first, last = -(-(max(begin, self.base) - self.base) // self._block), end // self._block
        if first >= last:
            return 0
        before = self._gaps.size
        gap = Gap(begin=first * self._block + self.base, end=last * self._block + self.base, reasons=[reason])
        self._gaps.add(gap)
        if reason != self._reason:
            self._reason = reason
            self._remember()  # before there is a hole, so that the next runner can say what it is
        self._open_for_now(lambda: holes.punch(self.fileno(), first * self._block, last * self._block))
        self._settle()
        return self._gaps.size - before

    def waiting_since(self, now: datetime) -> datetime:
        """When the oldest bytes that wait were seen."""
        gap = self._gaps.next_from(self.acked)
        return self._marks.time_at(gap.end if gap and gap.begin <= self.acked else self.acked, now)

    def _settle(self) -> None:
        before = self.waiting_bytes
        self.waiting_bytes = 0 if self.complete else max(0, self.seen - self.acked - self._gaps.size)
        if self.complete or self.waiting_bytes != before:
            self.weigh(self, self.waiting_bytes - before)

    def _forget_shipped(self) -> None:
        self._marks.forget_before(self.acked)
        self._gaps.forget_before(self.acked)
        self._gaps_from = max(self._gaps_from or 0, self.acked)

    # When the file is not what it was.

    def _realign(self, cursor: int, now: datetime) -> None:
        self._punched = holes.first_data(self.fileno(), 0) // self._block * self._block
        if cursor > self.seen:
            self._fell_short(cursor, now)
        unknown = cursor
        for gap in self._gaps:
            if gap.begin <= unknown:
                unknown = max(unknown, gap.end)
        if unknown < self.base:
            self._gaps.add(Gap(begin=unknown, end=self.base, reasons=[SHIPPED_BEFORE]))
        if self._gaps_from is not None and cursor < self._gaps_from:
            self._find_gaps(max(cursor, self.base), self._gaps_from)
        self.sent = self.acked = cursor
        self._aligned = True
        self._forget_shipped()
        self.check_name()
        self._settle()

    def _find_gaps(self, begin: int, end: int) -> None:
        """Holes that this runner knows nothing of: what an earlier one dropped, or gave back after a deck had it."""
        reasons = [self._reason or SHIPPED_BEFORE]
        for first, last in holes.find(self.fileno(), begin - self.base, end - self.base):
            self._gaps.add(Gap(begin=first + self.base, end=last + self.base, reasons=reasons))
        self._gaps_from = begin

    def _shrank(self) -> None:
        """What is in the file now was written after: whoever truncates a file that is written does it to nothing."""
        shipped = min(self._cursor, self.seen)
        on_their_way = max(shipped, min(self.sent, self.seen)) if self._align_at is None else shipped
        if shipped < on_their_way:
            # Only if the deck did not get them. (If it did, this is forgotten with their acknowledgement.)
            self._gaps.add(Gap(begin=shipped, end=on_their_way, reasons=[CUT_OFF]))
        self._start_over(at=self.seen)
        lost = Gap(begin=on_their_way, end=self.seen, reasons=[CUT_OFF] if on_their_way < self.seen else [])
        self._say(f"Somebody truncated {self._file}. {PLEASE}", lost)

    def _fell_short(self, cursor: int, now: datetime) -> None:
        """The deck has more of it than is here. Of a run that lives, all that is here was written after the file was
        truncated; of one that is over it may be what a power cut left, and is not shipped twice."""
        log.warning("%s: the deck has more of it (%d bytes) than is here (%d)", self.name, cursor, self.seen)
        size = self.seen - self.base
        self._start_over(at=cursor, file_offset=size if self.over else 0)
        self.seen = size + self.base
        self._find_gaps(cursor, self.seen)
        if self.seen > cursor:
            self._marks.add(cursor, now)
        here = Gap(begin=cursor, end=cursor)
        self._say(f"Somebody truncated {self._file}, or its end was lost. {PLEASE}", here)

    def _start_over(self, *, at: int, file_offset: int = 0) -> None:
        """From now on the stream's offset `at` is that offset in the file."""
        self.base = at - file_offset
        self.seen = at
        self._punched = 0
        self._last = b""
        self._marks.clear()

    def _say(self, sentence: str, gap: Gap) -> None:
        """Among the bytes."""
        log.warning("%s: %s", self.path, sentence)
        self._gaps.add(replace(gap, notices=[sentence]))
        self._remember()

    def _give_back(self) -> None:
        """Punch holes behind the acknowledged offset, so that a run of months takes no more room than its backlog."""
        end = (min(self.acked, self.seen - KEPT_BYTES) - self.base) // self._block * self._block
        while end - self._punched >= PUNCH_STEP and holes.punch(
            self.fileno(), self._punched, self._punched + PUNCH_STEP
        ):
            self._punched += PUNCH_STEP
