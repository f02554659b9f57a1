"""Which runs are on their way to the deck, and which of their bytes go next. Knows no connection.

Space is bounded by the files themselves: nothing is read before it can be sent.
"""

import logging
from collections.abc import Iterable, Mapping
from datetime import datetime

from botdeck.protocol.frames import Ack, Data
from botdeck.runner.run_dir import RunDirectory
from botdeck.runner.stream import Stream

log = logging.getLogger(__name__)


class Shipment:
    def __init__(self) -> None:
        self._runs: dict[str, RunDirectory] = {}
        self._streams: dict[str, tuple[Stream, RunDirectory]] = {}
        self._ready: dict[Stream, None] = {}
        """Streams that may have something to send, in the order of their turns."""

    @property
    def runs(self) -> Iterable[RunDirectory]:
        return self._runs.values()

    @property
    def ready(self) -> bool:
        return bool(self._ready)

    @property
    def waiting(self) -> bool:
        """Whether frames wait for an acknowledgement."""
        return any(stream.waiting for stream, _ in self._streams.values())

    def add(self, run: RunDirectory) -> None:
        self._runs[run.run.id] = run
        for stream in run.streams:
            self._streams[stream.name] = (stream, run)

    def grown(self, stream: Stream) -> None:
        if stream.name in self._streams:
            self._ready[stream] = None

    def begin(self, streams: Iterable[Stream], cursors: Mapping[str, int], now: datetime) -> None:
        """Ship these from where the deck stands."""
        for stream in streams:
            if stream.complete:
                continue
            try:
                stream.begin(cursors.get(stream.name), now)
                self._ready[stream] = None
            except OSError as error:
                log.error("%s: cannot be read: %s", stream.path, error.strerror)

    def begin_all(self, cursors: Mapping[str, int], now: datetime) -> None:
        self.begin([stream for stream, _ in self._streams.values()], cursors, now)

    def pause(self) -> None:
        """There is no deck. What is over may be thousands of files; each is opened again when its turn comes."""
        self._ready.clear()
        for run in self._runs.values():
            if run.over:
                for stream in run.streams:
                    stream.close()

    def next_frame(self, now: datetime) -> Data | None:
        """The next frame of the stream whose turn it is, which then goes to the end of the queue."""
        stream = next(iter(self._ready))
        del self._ready[stream]
        try:
            frame = stream.next_frame(now)
        except OSError as error:
            log.error("%s: cannot be read: %s", stream.path, error.strerror)
            return None
        if frame is not None:
            self._ready[stream] = None
        return frame

    def acknowledge(self, ack: Ack, now: datetime) -> RunDirectory | None:
        """Returns the run if that was the last that was missing of it."""
        if ack.stream not in self._streams:
            return None
        stream, run = self._streams[ack.stream]
        stream.acknowledge(ack.offset, now, final=ack.final)
        self._ready[stream] = None
        return self._let_go(run)

    def end_stored(self, run_id: str) -> RunDirectory | None:
        """The deck has the record with its end. Returns the run if that was the last that was missing of it."""
        run = self._runs.get(run_id)
        if run is None or not run.over:
            return None
        run.end_stored = True
        return self._let_go(run)

    def _let_go(self, run: RunDirectory) -> RunDirectory | None:
        if not run.done:
            return None
        self._runs.pop(run.run.id, None)
        for stream in run.streams:
            self._streams.pop(stream.name, None)
            self._ready.pop(stream, None)
        return run
