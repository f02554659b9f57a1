"""Whether a bot that is alive also works: judged by what it says, prints and answers, and by the time.

No I/O and no clock: `now` is passed in, seconds of a clock that never jumps, and data come in whatever pieces they are
read.
"""

import re

from botdeck.errors import ProtocolError
from botdeck.models import Event
from botdeck.protocol import events as names
from botdeck.runner.timed_search import TooSlow, found
from botdeck.settings import BotSettings

MOST_OF_A_LINE = 2048
"""Bytes at the beginning of a line of output in which a pattern is looked for."""
MOST_SLOW_LINES = 3
"""Lines that took too long to look at, after which the pattern is given up: they hold up all bots of the runner."""
LATE_S = 5.0
"""A look that comes this long after it was due says more about the runner than about the bot."""
_CONNECTED = "gateway.connected"
"""In a heartbeat: whether the bot is connected to its platform."""
_TELLING = (b'"heartbeat"', b'"gateway.')
"""Only lines with one of these are read. To look for them costs a thousandth of reading all."""


class Health:
    """One run of a bot. Ask for `trouble` at `next_look_at`, and after anything was heard."""

    def __init__(self, settings: BotSettings, now: float) -> None:
        self._beat = _Patience(settings.heartbeat_timeout_s, "no heartbeat for")
        self._gateway = _Patience(settings.gateway_timeout_s, "disconnected from its platform for")
        self._silence = _Patience(settings.output_timeout_s, "neither output nor events for")
        self._silence.begin(now)
        self._patiences = (self._beat, self._gateway, self._silence)
        self._probe = _Probe(settings.probe, settings.probe_failures)
        self._ready = _Ready(settings.ready)
        self._unfinished = b""
        """The beginning of a line of events whose end is still to come."""

    @property
    def ready(self) -> bool:
        """It said or printed what `ready` waits for. With `time` it is never this that makes a bot ready."""
        return self._ready.there

    def was_ready(self) -> None:
        """An earlier runner saw it; what is printed now need not be searched for a sign of it."""
        self._ready.found()

    @property
    def why_not_ready(self) -> str:
        """What was waited for in vain."""
        return self._ready.in_vain

    @property
    def reads_output(self) -> bool:
        """Whether it matters what the bot prints, and not only that it does."""
        return self._ready.pattern is not None

    def heard_events(self, data: bytes, now: float) -> None:
        text = self._unfinished + data
        end = text.rfind(b"\n") + 1
        # What is longer than an event may be is kept so far that this can still be told when its end comes.
        self._unfinished = text[end : end + names.MAX_LINE_BYTES + 1]
        if end == 0 or text[:end].isspace():
            return
        if not any(name in text for name in _TELLING):
            self._silence.begin(now)
            return
        for line in text[:end].split(b"\n"):
            if line and not line.isspace():
                self._hear(line, now)

    def heard_output(self, data: bytes, now: float) -> None:
        """`data` is not looked at unless `reads_output`."""
        self._silence.begin(now)
        self._ready.printed(data)

    def probed(self, failure: str | None, now: float) -> None:
        """`failure` says why it did not answer; None: it did."""
        self._probe.answered() if failure is None else self._probe.failed(failure)

    def trouble(self, now: float) -> str | None:
        """Why it does not work, in words that stay the same for as long as that goes on."""
        due_at = self.next_look_at()
        if due_at is not None and now >= due_at:
            self._look(now, late=now - due_at > LATE_S)
        return self.known_trouble

    @property
    def known_trouble(self) -> str | None:
        """The same without a look at the time."""
        return self._beat.trouble or self._gateway.trouble or self._probe.trouble or self._silence.trouble

    def next_look_at(self) -> float | None:
        """When trouble may begin without anything being heard."""
        soonest = None
        for patience in self._patiences:
            due_at = patience.due_at
            if due_at is not None and (soonest is None or due_at < soonest):
                soonest = due_at
        return soonest

    def excuse(self, now: float) -> None:
        """It may have spoken and we could not hear: the host slept, or its disk is full. What is no trouble yet has all
        its time again."""
        for patience in self._patiences:
            if patience.due_at is not None:
                patience.begin(now)

    def _look(self, now: float, *, late: bool) -> None:
        if late:
            self.excuse(now)
        for patience in self._patiences:
            patience.look(now)

    def _hear(self, line: bytes, now: float) -> None:
        event = _telling(line)
        if event is None or event.event != names.HEARTBEAT:
            self._silence.begin(now)
        if event is None:
            return
        if event.event == names.HEARTBEAT:
            self._beat.begin(now)
        connected = _connected(event)
        if connected is True:
            self._gateway.end()
            self._ready.connected()
        elif connected is False:
            self._gateway.begin_once(now)


def _telling(line: bytes) -> Event | None:
    if not any(name in line for name in _TELLING):
        return None
    try:
        event = names.parse_event(line)
    except ProtocolError:  # the deck will show it
        return None
    return event if event.event in (names.HEARTBEAT, names.GATEWAY_READY, names.GATEWAY_DISCONNECT) else None


def _connected(event: Event) -> object:
    """What a telling event says of the platform: True, False, or nothing of the kind."""
    if event.event == names.HEARTBEAT:
        return event.fields.get(_CONNECTED)
    return event.event == names.GATEWAY_READY


class _Patience:
    """How long something may go on until it is trouble."""

    def __init__(self, limit_s: float, what: str) -> None:
        self._limit_s = limit_s
        """0: for ever."""
        self._what = what
        self._since: float | None = None
        self.due_at: float | None = None
        """When it will be trouble; None when it never will, or is already."""
        self.trouble: str | None = None

    def begin(self, now: float) -> None:
        self._since, self.trouble = now, None
        self.due_at = now + self._limit_s if self._limit_s else None

    def begin_once(self, now: float) -> None:
        """Unless it is going on already."""
        if self._since is None:
            self.begin(now)

    def end(self) -> None:
        self._since = self.due_at = self.trouble = None

    def look(self, now: float) -> None:
        if self._since is not None and self.due_at is not None and now >= self.due_at:
            self.trouble, self.due_at = f"{self._what} {_duration(now - self._since)}", None


class _Probe:
    def __init__(self, address: str | None, limit: int) -> None:
        self._address = re.sub(r"//[^/@]*@", "//", address or "")  # never a password
        self._limit = limit
        self._failures = 0
        self.trouble: str | None = None

    def answered(self) -> None:
        self._failures, self.trouble = 0, None

    def failed(self, why: str) -> None:
        self._failures += 1
        if self.trouble is None and self._failures >= self._limit:
            times = f" ({self._failures} times in a row)" if self._failures > 1 else ""
            self.trouble = f"does not answer at {self._address}: {why}{times}"


class _Ready:
    """The wait for a sign that the bot works."""

    def __init__(self, setting: str) -> None:
        kind, _, pattern = setting.partition(":")
        self._kind = kind
        self.there = False
        self.pattern = re.compile(pattern) if kind == "output" else None
        """None when it is not, or no longer, looked for."""
        self.in_vain = {
            "sdk": "it did not say that it is connected",
            "output": f"it printed nothing that {pattern!r} finds",
        }.get(kind, "")
        self._line = b""
        """The line that is being printed, as far as it is looked at."""
        self._slow_lines = 0

    def connected(self) -> None:
        self.there |= self._kind == "sdk"

    def printed(self, data: bytes) -> None:
        if self.pattern is None:
            return
        # A line that is rewritten over and over (a progress bar) is as good as many.
        lines = (self._line + data).replace(b"\r", b"\n").split(b"\n")
        self._line = lines[-1][:MOST_OF_A_LINE]
        self._look([line[:MOST_OF_A_LINE].decode("utf-8", "replace") for line in lines if line])

    def _look(self, lines: list[str]) -> None:
        """A line without an end may be a prompt, and has to do; it is looked at again when there is more of it."""
        pattern = self.pattern
        if pattern is None:
            return
        try:
            if found(pattern, lines):
                self.found()
        except TooSlow:
            if len(lines) > 1:
                for line in lines:
                    self._look([line])
                return
            self._slow_lines += 1
            if self._slow_lines >= MOST_SLOW_LINES:
                self.in_vain = f"{pattern.pattern!r} takes too long to look for in what it prints"
                self.pattern = None

    def found(self) -> None:
        self.there, self.pattern, self._line = True, None, b""


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    if seconds < 7200:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.0f} h"
