"""Where lines go from a bot that runs elsewhere: by HTTP to the deck at BOTDECK_URL.

`write` puts a line into a queue and returns. One daemon thread posts what has gathered; while the deck is away it moves
the queue to the disk every half a second, and sends that first when the deck is back. A SIGKILL costs what was written
in the last half second, or while the deck let us wait for an answer.
"""

from __future__ import annotations

import atexit
import errno
import json
import os
import sys
import threading
import time
import zlib
from collections import deque
from functools import partial

from botdeck.sdk.posting import Answer, Poster
from botdeck.sdk.spool import BATCH_BYTES, BATCH_LINES, Kept, Spool

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MOST_LINES = 10_000
MOST_BYTES = 8 << 20
"""In the queue. A line for which there is no room is counted by who wrote it."""
GATHER_S = 0.5
EXIT_S = 2.0
"""All that the end of a bot may take longer because of us."""
FIRST_WAIT_S, LONGEST_WAIT_S = 1.0, 60.0
REFUSED = (401, 403)
UNREADABLE = (400, 413, 422)
"""What a deck says to lines that it will never take. Anything else that is no success may pass, such as a proxy's 502,
or the 404 of a deck that is being set up."""


class HttpWriter:
    """`lost` is told how many lines will not arrive, and `stumbled` of a fault of our own; both may write."""

    def __init__(self, url: str, token: str, folder: str) -> None:
        self._new_poster = partial(Poster, url, token)
        self._poster: Poster | None = self._new_poster()  # now, since this says whether url and token are any
        self._url = url
        self._folder = folder
        self.lost: Callable[[int], None] = lambda count: None
        self.stumbled: Callable[[Exception], None] = lambda exc: None
        self._begin()
        atexit.register(self.close)

    def _begin(self) -> None:
        # Its lock is reentrant, because a signal handler may write while its own thread is inside.
        self._changed = threading.Condition()
        self._queue: deque[bytes] = deque()
        self._queued_bytes = 0
        self._taken: list[bytes] = []
        """By the thread, from the queue; not yet with the deck or on the disk."""
        self._thread: threading.Thread | None = None
        self._hurry = self._stopped = self._closed = False
        self._spool = Spool(self._folder)
        self._backlog = self._spool.is_used()
        self._failures = 0
        self._due = 0.0

    def after_fork_in_child(self) -> None:
        """The thread, the queue and the connection are the parent's."""
        self._spool.end_the_file()
        self._poster = None
        self._begin()

    def write(self, line: bytes) -> None:
        if self._stopped:
            return
        line = line[1:]  # without the newline before it, which is for files that many write to
        with self._changed:
            if self._closed or (self._thread is None and not self._start()):
                if not self._keep_now([line]):
                    raise OSError(errno.EIO, "the interpreter ends, and the disk takes nothing")
                return
            if len(self._queue) >= MOST_LINES or self._queued_bytes + len(line) > MOST_BYTES:
                raise OSError(errno.ENOBUFS, "the queue is full")
            self._queue.append(line)
            self._queued_bytes += len(line)
            if len(self._queue) in (1, BATCH_LINES):
                self._changed.notify_all()

    def flush(self, timeout_s: float) -> bool:
        """True when all that was written is with the deck, or on the disk when the deck does not take it in time."""
        deadline = time.monotonic() + timeout_s
        with self._changed:
            self._hurry = bool(self._queue or self._taken)
            self._changed.notify_all()
            while self._queue or self._taken:
                left_s = deadline - time.monotonic()
                if left_s <= 0:
                    break
                self._changed.wait(left_s)
            left = self._taken + list(self._queue)
        return not left or self._keep_now(left)

    def close(self) -> None:
        """At the exit."""
        self.flush(EXIT_S)
        with self._changed:
            self._closed = True

    def _keep_now(self, lines: list[bytes]) -> bool:
        """From any thread, into a file of its own. What is being sent meanwhile may arrive twice, and counts once."""
        try:
            spool = Spool(self._folder)
            for batch in _batches(lines):
                self.lost(spool.append(batch))
            spool.end_the_file()
        except OSError:
            return False
        with self._changed:
            self._backlog = True
            kept = set(map(id, lines))
            self._taken = [line for line in self._taken if id(line) not in kept]
            self._queue = deque(line for line in self._queue if id(line) not in kept)
            self._queued_bytes = sum(map(len, self._queue))
            self._changed.notify_all()
        return True

    def _start(self) -> bool:
        """False when the interpreter is ending, or the system allows no more threads."""
        self._poster = self._poster or self._new_poster()
        try:
            thread = threading.Thread(target=self._work, name="botdeck", daemon=True)
            thread.start()
        except RuntimeError:
            return False
        self._thread = thread
        return True

    # From here on, all happens in the thread.

    def _work(self) -> None:
        while not self._stopped:
            try:
                self._wait()
                self._turn()
            except Exception as exc:
                self._stumble(exc)

    def _wait(self) -> None:
        """Until there is something to send, or to put on the disk."""
        with self._changed:
            while not self._hurry:
                to_come_s = self._due - time.monotonic()
                if (self._backlog or self._taken) and to_come_s <= 0:
                    return
                if self._queue and not self._taken:
                    if len(self._queue) < BATCH_LINES:
                        self._changed.wait(GATHER_S)
                    return
                self._changed.wait(to_come_s if self._backlog or self._taken else None)

    def _turn(self) -> None:
        away = time.monotonic() < self._due
        if away:
            self._keep_all()
        elif self._send_kept():
            self._send_queued()
        with self._changed:
            self._hurry = False
            self._changed.notify_all()

    def _keep_all(self) -> None:
        while self._take():
            if not self._keep_taken():
                return

    def _keep_taken(self) -> bool:
        """When the disk takes nothing, they stay in memory until the deck or the disk is back."""
        try:
            dropped = self._spool.append(self._taken)
        except OSError:
            return False
        self._backlog = True
        self._done(self._taken)
        self.lost(dropped)
        return True

    def _send_kept(self) -> bool:
        """Earlier lines first. False when the deck does not take them."""
        while self._backlog and not self._stopped:
            kept = self._spool.oldest()
            if kept is None:
                self._backlog = False
                break
            if not self._send_file(kept):
                return False
        return not self._stopped

    def _send_file(self, kept: Kept) -> bool:
        sent = False
        try:
            sent = not self._deliver(kept.lines)
        finally:
            kept.remove() if sent else kept.let_go()
        return sent

    def _send_queued(self) -> None:
        while self._take():
            rest = self._deliver(self._taken)
            self._done(self._taken[: len(self._taken) - len(rest)])
            if rest:
                self._keep_taken()
                return

    def _take(self) -> bool:
        with self._changed:
            if not self._taken and self._queue:
                self._taken = next(_batches(self._queue))
                for _ in self._taken:
                    self._queued_bytes -= len(self._queue.popleft())
            return bool(self._taken)

    def _done(self, lines: list[bytes]) -> None:
        """These, the first of those that were taken, have left the process."""
        with self._changed:
            self._taken = self._taken[len(lines) :]
            self._changed.notify_all()

    def _deliver(self, lines: list[bytes]) -> list[bytes]:
        """Returns what the deck has not taken, and will be asked to take later."""
        while lines:
            answer = self._poster.post(b"".join(lines)) if self._poster else Answer()
            if answer.acked_through is not None:
                rest = [] if _seq(lines[-1]) <= answer.acked_through else _after(lines, answer.acked_through)
                if len(rest) < len(lines):
                    self._failures = 0
                    lines = rest
                    continue
            if answer.status in UNREADABLE:
                return self._deliver_in_parts(lines)
            self._fail(answer)
            return lines
        return []

    def _deliver_in_parts(self, lines: list[bytes]) -> list[bytes]:
        """The deck cannot read these. Of two halves it may read one; a line that it cannot read alone is dropped."""
        if len(lines) == 1:
            self.lost(1)
            return []
        half = len(lines) // 2
        rest = self._deliver(lines[:half])
        return rest + lines[half:] if rest else self._deliver(lines[half:])

    def _fail(self, answer: Answer) -> None:
        if answer.status in REFUSED:
            self._stop(answer.status)
            return
        self._failures += 1
        wait_s: float = min(LONGEST_WAIT_S, FIRST_WAIT_S * 2 ** min(self._failures - 1, 10))
        # Not all bots at once: between a half and the whole.
        wait_s *= 0.5 + os.urandom(1)[0] / 510
        self._due = time.monotonic() + max(wait_s, answer.retry_after_s)

    def _stop(self, status: int) -> None:
        self._stopped = True
        _say(
            f"the deck at {self._url} refuses BOTDECK_TOKEN ({status}). This bot reports nothing until it is restarted."
        )
        self._keep_all()
        with self._changed:
            self._queue.clear()
            self._taken = []
            self._changed.notify_all()

    def _stumble(self, exc: Exception) -> None:
        """A fault of our own, told once; the wait keeps it from being one that is busy."""
        self._failures += 1
        self._due = time.monotonic() + LONGEST_WAIT_S
        if self._failures == 1:
            self.stumbled(exc)
        time.sleep(GATHER_S)


def from_environment(url: str) -> HttpWriter | None:
    """None, and a line that says why, when the settings cannot be meant."""
    token = os.environ.get("BOTDECK_TOKEN", "")
    try:
        return HttpWriter(url, token, _spool_folder(url, token))
    except ValueError as error:
        _say(f"{error} This bot reports nothing.")
        return None


def _spool_folder(url: str, token: str) -> str:
    """One for each deck and bot: what was meant for one must not go to another."""
    base = os.environ.get("BOTDECK_SPOOL")
    if not base:
        state = os.environ.get("XDG_STATE_HOME") or os.path.join(os.path.expanduser("~"), ".local", "state")
        base = os.path.join(state, "botdeck", "spool")
    return os.path.join(os.path.abspath(base), f"{zlib.crc32(f'{url} {token}'.encode()):08x}")


def _batches(lines: deque[bytes] | list[bytes]) -> Iterator[list[bytes]]:
    batch: list[bytes] = []
    size = 0
    for line in lines:
        if batch and (len(batch) == BATCH_LINES or size + len(line) > BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(line)
        size += len(line)
    if batch:
        yield batch


def _seq(line: bytes) -> int:
    """0, which every deck has acknowledged, for a line that a disk has damaged."""
    try:
        return int(json.loads(line)["seq"])
    except (ValueError, TypeError, KeyError):
        return 0


def _after(lines: list[bytes], acked: int) -> list[bytes]:
    return [line for line in lines if _seq(line) > acked]


def _say(text: str) -> None:
    """The one thing that a bot's own output hears of us: without it nobody would learn why nothing arrives."""
    if sys.stderr is not None:
        sys.stderr.write(f"botdeck: {text}\n")
        sys.stderr.flush()
