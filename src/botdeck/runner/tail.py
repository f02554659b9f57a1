"""Notices what bots write, at no cost while they write nothing.

A quiet file has a one-shot inotify watch. Once it fires, the file is looked at every 20 ms until it was quiet for a
while, then watched again: inotify alone costs a quarter of a core under a bot that writes line by line.
"""

import asyncio
import contextlib
import ctypes
import logging
import os
import struct
from collections.abc import Callable
from datetime import UTC, datetime

from botdeck.runner.stream import Stream
from botdeck.runner.telling import Tell, tell_nobody

log = logging.getLogger(__name__)

POLL_S = 0.02
QUIET_ROUNDS = 10
"""Looks without growth after which a file is left to inotify again."""
_UNWATCHABLE = QUIET_ROUNDS + 1
"""In place of the number of quiet looks: quiet, and the system gives no watch for it."""
_UNREADABLE = QUIET_ROUNDS + 2
"""In its place too: it could not be looked at the last time."""
_WOKEN = -1
"""In its place, too: inotify told of a write. If that is a lone one, as a heartbeat is, one quiet look is enough."""
UNWATCHABLE_POLL_S = 0.5
"""Between looks at files that are unwatchable or unreadable."""

_IN_MODIFY, _IN_ATTRIB, _IN_MOVE_SELF, _IN_ONESHOT, _IN_IGNORED = 0x2, 0x4, 0x800, 1 << 31, 0x8000
_WATCHED = _IN_MODIFY | _IN_ATTRIB | _IN_MOVE_SELF | _IN_ONESHOT
"""(A file that is removed, but open, gives notice of a changed attribute: how many names it has.)"""
_libc = ctypes.CDLL(None, use_errno=True)


class Tail:
    """Calls `grown` with each stream that grew, soon after it did. It is called up to fifty times a second for each,
    so it should be quick."""

    def __init__(self, grown: Callable[[Stream], None], trouble: Tell = tell_nobody) -> None:
        self._grown = grown
        self._trouble = trouble
        self._hot: dict[Stream, int] = {}
        """Streams that are looked at, and for how many looks they were quiet."""
        self._told: dict[Stream, int] = {}
        """Up to where each was told to have grown: others look at streams, too, and notice the growth before us."""
        self._watches: dict[int, Stream] = {}
        self._work = asyncio.Event()
        self._unreadable: set[Stream] = set()
        # Close-on-exec and non-blocking; -1 when the system gives none, then all files are looked at now and then.
        self._inotify: int = _libc.inotify_init1(os.O_CLOEXEC | os.O_NONBLOCK)

    @property
    def unwatchable(self) -> int:
        """Files that the system gives no watch for."""
        return sum(quiet == _UNWATCHABLE for quiet in self._hot.values())

    def watch(self, stream: Stream) -> None:
        self._hot[stream] = 0
        self._work.set()

    def finish(self, stream: Stream) -> None:
        """Its writers are gone: take one last look and forget it."""
        self._hot.pop(stream, None)
        self._told.pop(stream, None)
        self._readable(stream)
        with contextlib.suppress(OSError):  # it is looked at again when it is shipped
            stream.end(datetime.now(UTC))
        self._grown(stream)

    async def run(self) -> None:
        """Until cancelled."""
        loop = asyncio.get_running_loop()
        if self._inotify >= 0:
            loop.add_reader(self._inotify, self._notified)
        try:
            while True:
                await self._work.wait()
                self._look_at_all(datetime.now(UTC))
                if self._hot:
                    await asyncio.sleep(self._pause_s())
                else:
                    self._work.clear()
        finally:
            if self._inotify >= 0:
                loop.remove_reader(self._inotify)
                os.close(self._inotify)

    def _look_at_all(self, now: datetime) -> None:
        for stream, quiet in list(self._hot.items()):
            try:
                if self._look(stream, now):
                    self._hot[stream] = QUIET_ROUNDS - 1 if quiet == _WOKEN else 0
                elif quiet < QUIET_ROUNDS:
                    self._hot[stream] = quiet + 1
                elif not self._rest(stream):
                    self._hot[stream] = _UNWATCHABLE
                elif not self._look(stream, now):
                    # (What was written between the last look and the watch gave no notice.)
                    self._hot.pop(stream)
            except OSError as error:
                self._cannot_be_read(stream, error)

    def _look(self, stream: Stream, now: datetime) -> bool:
        stream.look(now)
        if self._unreadable:
            self._readable(stream)
        if self._told.get(stream) == stream.seen:
            return False
        self._told[stream] = stream.seen
        self._grown(stream)
        return True

    def _cannot_be_read(self, stream: Stream, error: OSError) -> None:
        self._hot[stream] = _UNREADABLE
        if stream not in self._unreadable:
            log.warning("%s: cannot be read now: %s", stream.path, error.strerror)
            self._unreadable.add(stream)
            self._tell_unreadable()

    def _readable(self, stream: Stream) -> None:
        if stream in self._unreadable:
            self._unreadable.remove(stream)
            self._tell_unreadable()

    def _tell_unreadable(self) -> None:
        paths = sorted(str(stream.path) for stream in self._unreadable)
        more = f" and {len(paths) - 1} more" if len(paths) > 1 else ""
        what = f"What bots write cannot be read now, and is shipped later: {paths[0]}{more}." if paths else None
        self._trouble("unreadable", what)

    def _pause_s(self) -> float:
        only_unwatchable = all(quiet >= _UNWATCHABLE for quiet in self._hot.values())
        return UNWATCHABLE_POLL_S if only_unwatchable else POLL_S

    def _rest(self, stream: Stream) -> bool:
        """Leave a quiet file to inotify: one notice, at its next write, or when its name is taken away."""
        stream.check_name()
        path = f"/proc/self/fd/{stream.fileno()}".encode()  # the file itself, wherever its name went
        watch = _libc.inotify_add_watch(self._inotify, path, ctypes.c_uint32(_WATCHED))
        if watch < 0:
            return False
        self._watches[watch] = stream
        return True

    def _notified(self) -> None:
        notices = os.read(self._inotify, 1 << 16)
        # 16 bytes each and no names, since files are watched and not folders.
        for watch, mask, _, _ in struct.iter_unpack("iIII", notices):
            stream = self._watches.pop(watch, None) if mask & _IN_IGNORED else self._watches.get(watch)
            if stream is not None and not stream.over:
                self._hot.setdefault(stream, _WOKEN)
                self._work.set()
