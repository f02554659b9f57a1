"""What waits for one browser. Bounded, with a rule for each kind of message; no I/O.

- a snapshot takes the place of everything before it;
- dashboard_stats and bot_status take the place of the older one of the same bot;
- samples take the place of the older ones of the same runner;
- bot_list, runners and heartbeat take the place of the older one;
- log lines wait in a row of bounded length: the oldest are dropped, and the next batch says how many.
"""

from botdeck.deck.envelopes import Envelope

MOST_LINES = 1000
MOST_LOG_CHARACTERS = 256 * 1024


class Outbox:
    def __init__(self) -> None:
        self._waiting: dict[tuple[str, str, int], Envelope] = {}
        self._batches = 0
        self._dropped = 0
        self._lines = 0
        self._characters = 0

    def put(self, envelope: Envelope) -> None:
        if envelope.kind == "snapshot":
            self.clear()
        if envelope.kind == "log":
            self._put_log(envelope)
            return
        key = (envelope.kind, envelope.topic, 0)
        # To the end, not in the older one's place: it must not overtake what came between.
        self._waiting.pop(key, None)
        self._waiting[key] = envelope

    def take(self) -> list[tuple[Envelope, int]]:
        """Everything, in order, each with the number of lines dropped before it."""
        taken = []
        for envelope in self._waiting.values():
            dropped = 0
            if envelope.kind == "log":
                dropped, self._dropped = self._dropped, 0
            taken.append((envelope, dropped))
        self._waiting = {}
        self._lines = self._characters = 0
        return taken

    def clear(self) -> None:
        self._waiting = {}
        self._dropped = self._lines = self._characters = 0

    def _put_log(self, envelope: Envelope) -> None:
        self._batches += 1
        self._waiting["log", envelope.topic, self._batches] = envelope
        self._lines += len(envelope.lines)
        self._characters += len(envelope.head)
        while self._lines > MOST_LINES or self._characters > MOST_LOG_CHARACTERS:
            oldest = next(key for key in self._waiting if key[0] == "log")
            if self._waiting[oldest] is envelope:
                return  # the newest batch goes out whatever its size; the publisher bounds it
            gone = self._waiting.pop(oldest)
            self._lines -= len(gone.lines)
            self._characters -= len(gone.head)
            self._dropped += len(gone.lines) + (gone.dropped or 0)
