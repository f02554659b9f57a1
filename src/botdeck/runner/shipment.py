"""Which runs are on their way to the deck, and which of their bytes go next. Knows no connection.

Space is bounded by the files themselves: nothing is read before it can be sent.
"""

import logging
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime

from botdeck.protocol.frames import Ack, Data
from botdeck.runner.run_dir import RunDirectory
from botdeck.runner.stream import Stream
from botdeck.runner.telling import Tell, tell_nobody

log = logging.getLogger(__name__)


class Shipment:
    """Calls `shipped` with each run that is over when the deck has all of it."""

    def __init__(self, shipped: Callable[[RunDirectory], None], trouble: Tell = tell_nobody) -> None:
        self._shipped = shipped
        self._trouble = trouble
        self._runs: dict[str, RunDirectory] = {}
        self._streams: dict[str, tuple[Stream, RunDirectory]] = {}
        self._ready: dict[Stream, None] = {}
        """Streams that may have something to send, in the order of their turns."""
        self._waiting: set[Stream] = set()
        """Streams with frames that wait for an acknowledgement."""
        self._unreadable: dict[Stream, OSError] = {}
        """Streams to be tried again later, and why."""

    @property
    def runs(self) -> Iterable[RunDirectory]:
        return self._runs.values()

    @property
    def ready(self) -> bool:
        return bool(self._ready)

    @property
    def waiting(self) -> bool:
        """Whether frames wait for an acknowledgement."""
        return bool(self._waiting)

    @property
    def unreadable(self) -> OSError | None:
        """Why one of them cannot be read now, if so."""
        return next(iter(self._unreadable.values()), None)

    def add(self, run: RunDirectory) -> None:
        self._runs[run.run.id] = run
        for stream in run.streams:
            self._streams[stream.name] = (stream, run)

    def grown(self, stream: Stream) -> None:
        if stream.name in self._streams:
            self._ready[stream] = None

    def begin(self, streams: Iterable[Stream], cursors: Mapping[str, int]) -> None:
        """Ship these from where the deck stands."""
        for stream in streams:
            if not stream.complete:
                stream.begin(cursors.get(stream.name))
                self._waiting.discard(stream)
                self._ready[stream] = None

    def begin_all(self, cursors: Mapping[str, int]) -> None:
        self.begin([stream for stream, _ in self._streams.values()], cursors)

    def try_again(self) -> None:
        """What could not be read."""
        self._ready |= dict.fromkeys(self._unreadable)

    def pause(self) -> None:
        """There is no deck. What is over may be thousands of files; each is opened again when its turn comes."""
        self._ready.clear()
        for run in self._runs.values():
            if run.over:
                for stream in run.streams:
                    stream.rest()

    def next_frame(self, now: datetime) -> Data | None:
        """The next frame of the stream whose turn it is, which then goes to the end of the queue."""
        stream = next(iter(self._ready))
        del self._ready[stream]
        try:
            frame = stream.next_frame(now)
        except FileNotFoundError:
            self._give_up(stream)
            return None
        except OSError as error:
            if stream not in self._unreadable:
                log.error("%s: cannot be read now, and is shipped later: %s", stream.path, error.strerror)
            self._trouble("unshipped", f"{stream.path} cannot be read now, and is shipped later: {error.strerror}.")
            self._unreadable[stream] = error
            return None
        self._readable(stream)
        if frame is not None:
            self._ready[stream] = None
            self._waiting.add(stream)
        return frame

    def _readable(self, stream: Stream) -> None:
        if stream not in self._unreadable:
            return
        del self._unreadable[stream]
        if not self._unreadable:
            self._trouble("unshipped", None)

    def acknowledge(self, ack: Ack) -> None:
        if ack.stream not in self._streams:
            return
        stream, run = self._streams[ack.stream]
        stream.acknowledge(ack.offset, final=ack.final)
        if not stream.waiting:
            self._waiting.discard(stream)
        self._ready[stream] = None
        self._let_go(run)

    def end_stored(self, run_id: str) -> None:
        """The deck has the record with its end."""
        run = self._runs.get(run_id)
        if run is not None and run.over:
            run.end_stored = True
            self._let_go(run)

    def _give_up(self, stream: Stream) -> None:
        """Somebody deleted it. While its run lives there is nothing to give up: at its end this is asked again."""
        if stream.over:
            log.error("%s: is gone, and what the deck does not have of it is lost.", stream.path)
            stream.give_up()
            self._readable(stream)
            self._ready[stream] = None

    def _let_go(self, run: RunDirectory) -> None:
        if not run.done:
            return
        self._runs.pop(run.run.id, None)
        for stream in run.streams:
            self._streams.pop(stream.name, None)
            self._ready.pop(stream, None)
            self._readable(stream)
            self._waiting.discard(stream)
        self._shipped(run)
