"""One file that a bot writes, on its way to the deck.

Two kinds of offset: in the file, and in the stream. They are the same until the file shrinks under us or the deck asks
for what was given back already; `base` is what then lies between them, and the run's record keeps it.
"""

import logging
import os
from collections import deque
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import TypeVar

from botdeck.data_dir import READ_ONLY
from botdeck.protocol.frames import MAX_DATA_BYTES, Data
from botdeck.runner import process

log = logging.getLogger(__name__)
T = TypeVar("T")

PUNCH_STEP = 4 << 20
BLOCK = 4096
MOST_MARKS = 1024
"""Of times, for bytes not shipped. Above it every second is dropped: times become coarser, and memory stays."""
MOST_IN_FLIGHT = 8
"""Data frames of one stream that wait for an acknowledgement; more wait in the file."""

_can_punch = True


class Stream:
    """Read at `sent`, acknowledged by the deck up to `acked`, known to exist up to `seen` (offsets in the stream)."""

    def __init__(
        self,
        name: str,
        path: Path,
        *,
        base: int = 0,
        whole_lines: bool = False,
        remember_base: Callable[[], None] = lambda: None,
    ) -> None:
        self.name = name
        self.path = path
        self.base = base
        self.whole_lines = whole_lines
        self._remember_base = remember_base
        self.over = False
        """Nobody writes any more."""
        self.fresh = False
        """Nothing of it was ever sent to any deck."""
        self.complete = False
        """The deck has all of it, and knows that it is all."""
        self.sent = self.acked = self.seen = base
        self._marks: deque[tuple[int, datetime]] = deque()
        """Where bytes begin that were seen at a time."""
        self._mark_spacing = timedelta()
        self._in_flight: deque[tuple[int, int, bool]] = deque()
        """Begin, end, and whether it is final, of each frame that waits for its acknowledgement."""
        self._final_sent = False
        self._asking = False
        self._align_at: int | None = None
        """Where the deck stands, still to be found in the file."""
        self._punched = 0
        self._fd: int | None = None

    def fileno(self) -> int:
        """Opened once and kept: the file is followed, not its name, whatever is done to the name."""
        if self._fd is None:
            try:
                self._fd = os.open(self.path, os.O_RDWR | os.O_CLOEXEC)
            except OSError as error:
                if error.errno not in READ_ONLY:
                    raise
                self._fd = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)  # it is shipped, and gives no space back
        return self._fd

    def close(self) -> None:
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def look(self, now: datetime) -> bool:
        """Take notice of what was written since the last look; whether there was anything."""
        end = os.fstat(self.fileno()).st_size + self.base
        if end < self.seen:
            self._shrank(end)
            end = os.fstat(self.fileno()).st_size + self.base
        if end == self.seen:
            return False
        self._mark(self.seen, now)
        self.seen = end
        return True

    def end(self, now: datetime) -> None:
        """Nobody writes any more: take a last look. Raises OSError; then there is another one when it is shipped."""
        self.over = True
        self._open_for_now(lambda: self.look(now))

    def begin(self, cursor: int | None) -> None:
        """A connection begins: the deck has everything before `cursor`. Ships from there, whatever was sent before.

        None: the deck named no cursor. Then it has none of it, or all, or does not count the bot as ours; it is asked.
        """
        self._asking = cursor is None and not self.fresh
        self._go_on_from(cursor or 0)
        self.fresh = False

    def acknowledge(self, offset: int, *, final: bool) -> None:
        """The deck's cursor, in answer to a frame; `final`: the stream is over for the deck too.

        An offset alone does not say that the end arrived: a frame before the final one may have the same end.
        """
        if final and self.over and offset >= self.seen:
            self.complete = True
            self._in_flight.clear()
            self.close()
        elif self._asking:
            self._asking = False
            self._go_on_from(offset)
        elif offset in (end for _, end, _ in self._in_flight):
            self._reached(offset)
        elif offset != self.acked:
            # The frame was not applied: the deck stands elsewhere than we thought, and the deck is right.
            log.warning("%s: the deck stands at %d and not at %d; going on from there", self.name, offset, self.acked)
            self._go_on_from(offset)

    def _reached(self, offset: int) -> None:
        """The deck stands at the end of a frame in flight; that the stream is over for it was not said."""
        while self._in_flight and self._in_flight[0][1] <= offset and not self._in_flight[0][2]:
            self._in_flight.popleft()
        self.acked = offset
        self._forget_marks()
        if not self.over:
            self._give_back()
        if self._in_flight and self._in_flight[0][0] < offset:
            # The final frame begins before the deck's cursor (an older connection was committed late) and is refused.
            # An empty one begins here, and its own answer is still to come.
            self._go_on_from(offset)

    def _go_on_from(self, cursor: int) -> None:
        """Without a look at the file: there may be thousands, and each is opened when its turn comes."""
        self._align_at = self.acked = cursor
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
        return self._open_for_now(lambda: self._read_frame(now))

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
        payload = self._read_next()
        final = self.over and self.sent + len(payload) == self.seen
        if not payload and not final:
            return None
        frame = Data(
            stream=self.name, offset=self.sent, time=self._time_at(self.sent, now), final=final, payload=payload
        )
        self.sent += len(payload)
        self._in_flight.append((frame.offset, self.sent, final))
        self._final_sent = final
        if final:
            self.close()
        return frame

    def _question(self, now: datetime) -> Data | None:
        """An empty frame at the very beginning changes nothing, and is answered with the cursor."""
        if self._in_flight:
            return None
        self._in_flight.append((0, 0, False))
        return Data(stream=self.name, offset=0, time=now)

    def _read_next(self) -> bytes:
        end = min(self.seen, self.sent + MAX_DATA_BYTES)
        if not self.whole_lines:
            end = min(end, next((offset for offset, _ in self._marks if offset > self.sent), end))
        if end <= self.sent:
            return b""
        payload = os.pread(self.fileno(), end - self.sent, self.sent - self.base)
        if not self.whole_lines:
            return payload
        whole = payload.rfind(b"\n") + 1
        if whole:
            return payload[:whole]
        # Half a line: wait for the rest, unless none can come or it is longer than a frame can be.
        return payload if self.over or len(payload) >= MAX_DATA_BYTES else b""

    def _mark(self, offset: int, now: datetime) -> None:
        if self._marks and timedelta() <= now - self._marks[-1][1] < self._mark_spacing:
            return  # not when the clock was set back
        self._marks.append((offset, now))
        if len(self._marks) > MOST_MARKS:
            self._marks = deque(mark for index, mark in enumerate(self._marks) if index % 2 == 0)
            # New ones no closer than the old, or the oldest would be thinned again and again until none is left.
            self._mark_spacing = (self._marks[-1][1] - self._marks[0][1]) / len(self._marks)

    def _time_at(self, offset: int, now: datetime) -> datetime:
        time = now
        for begin, seen_at in self._marks:
            if begin > offset:
                break
            time = seen_at
        return time

    def _forget_marks(self) -> None:
        """All but the one that holds for the first byte not acknowledged."""
        while len(self._marks) > 1 and self._marks[1][0] <= self.acked:
            self._marks.popleft()
        if len(self._marks) <= 1:
            self._mark_spacing = timedelta()

    def _realign(self, cursor: int, now: datetime) -> None:
        self._punched = process.first_data(self.fileno(), 0) // BLOCK * BLOCK
        begin = cursor - self.base
        first = process.first_data(self.fileno(), max(begin, 0))
        if cursor > self.seen:
            log.warning("%s: the deck has more of it (%d bytes) than is here (%d)", self.name, cursor, self.seen)
            self._rebase(cursor, self.seen - self.base, now)
        elif begin < 0 or (first > begin and self.seen > cursor):
            log.warning("%s: the deck asks for what was given back; %d bytes are left out", self.name, first - begin)
            self._rebase(cursor, first, now)
        self.sent = cursor
        self._forget_marks()

    def _shrank(self, end: int) -> None:
        log.warning(
            "%s: %s became shorter by %d bytes; what was not shipped of them is lost. Please do not rotate or truncate "
            "it: shipped space is given back by itself.",
            self.name,
            self.path,
            self.seen - end,
        )
        self.base = self.seen = self.sent
        self._punched = 0
        self._marks.clear()
        self._remember_base()

    def _rebase(self, cursor: int, file_offset: int, now: datetime) -> None:
        """From now on the stream's offset `cursor` means `file_offset`."""
        size = os.fstat(self.fileno()).st_size
        self.base = cursor - file_offset
        self.seen = size + self.base
        self._marks.clear()
        if self.seen > cursor:
            self._mark(cursor, now)
        self._remember_base()

    def _give_back(self) -> None:
        """Punch holes behind the acknowledged offset, so that a run of months takes no more room than its backlog."""
        global _can_punch
        end = (self.acked - self.base) // BLOCK * BLOCK
        while _can_punch and end - self._punched >= PUNCH_STEP:
            try:
                process.punch_hole(self.fileno(), self._punched, self._punched + PUNCH_STEP)
            except OSError as error:
                _can_punch = False
                log.warning(
                    "This file system gives no space back before a run is over: %s", os.strerror(error.errno or 0)
                )
                return
            self._punched += PUNCH_STEP
