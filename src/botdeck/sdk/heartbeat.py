"""Heartbeats: a bot says every 15 s that it is at work, and whether its platform is connected.

A beat comes from where the bot does its work, never from a thread of its own: what keeps the bot from working keeps it
from beating, too, and that silence is the message.
"""

from __future__ import annotations

import time

from botdeck.sdk import api, samples
from botdeck.sdk.client import current, emit, guard, report_own_error

TYPE_CHECKING = False
if TYPE_CHECKING:
    import weakref
    from asyncio import AbstractEventLoop
    from collections.abc import Callable

BEAT_S = 15.0
CLOSEST_S = 5.0
"""Between beats by hand that say nothing new: more of them would only fill the file."""


class Heart:
    """The beats of one bot. `connected` says whether its platform is; None where that cannot be told. `about` gives
    more fields, such as the latency."""

    def __init__(
        self, connected: Callable[[], bool | None], about: Callable[[], dict[str, object]] | None = None
    ) -> None:
        self._connected = connected
        self._about = None if about is None else guard(about)
        self._due = 0.0
        self._faulty = False

    def turn(self) -> None:
        """The loop in which the bot works came round: beat if it is time to."""
        if time.monotonic() >= self._due:
            self.beat()

    def beat(self, **fields: object) -> None:
        self._due = time.monotonic() + BEAT_S
        about = self._about() if self._about else None
        _tell(self._ask(), {**(about or {}), **fields})

    def beat_from(self, loop: AbstractEventLoop) -> None:
        """From when the loop runs and for as long as it does. May be called from any thread."""
        loop.call_soon_threadsafe(self._come_round, loop, None)

    def _come_round(self, loop: AbstractEventLoop, due: float | None) -> None:
        late_s = 0.0 if due is None else max(0.0, loop.time() - due)
        self.beat(**{"eventloop.lag_ms": round(late_s * 1000, 1)})
        due = loop.time() + BEAT_S
        loop.call_at(due, self._come_round, loop, due)

    def _ask(self) -> bool | None:
        """A fault in asking must not stop the beats, or a bot in good health would be taken for one that hangs."""
        try:
            connected = self._connected()
            return None if connected is None else bool(connected)
        except Exception as exc:
            if not self._faulty:
                report_own_error("heartbeat", exc)
            self._faulty = True
            return None


def heartbeat(connected: bool | None = None, **fields: object) -> None:
    """For bots that beat by hand: call it from the loop in which the bot works, as often as you like.

    Written every 5 s at most, and at once when `connected` (is the bot connected to its platform?) is another than
    before. Botdeck waits for the next beat from the first one on.
    """
    _beat_by_hand(connected, fields)


_said: tuple[bool | None, float] = (None, 0.0)
"""By hand: what was said of the connection last, and until when it need not be said again."""


@guard
def _beat_by_hand(connected: bool | None, fields: dict[str, object]) -> None:
    global _said
    now = time.monotonic()
    known = None if connected is None else bool(connected)
    if known is _said[0] and now < _said[1]:
        return
    _said = known, now + CLOSEST_S
    _tell(known, fields)


_loops: weakref.WeakSet[AbstractEventLoop] | None = None


def beat_from(loop: AbstractEventLoop, *, connected: Callable[[], bool | None] | None = None) -> None:
    """Beat from this asyncio loop for as long as it runs; twice is the same as once. `connected` is asked at each beat
    whether the bot is connected to its platform."""
    global _loops
    if current() is None:
        return
    try:
        import weakref

        # Threads may race here, and then one loop beats twice, which is no matter.
        _loops = weakref.WeakSet() if _loops is None else _loops
        if loop not in _loops:
            _loops.add(loop)
            Heart(connected or _cannot_tell).beat_from(loop)
    except Exception as exc:
        report_own_error("beat_from", exc)


def _cannot_tell() -> None:
    return None


def _tell(connected: bool | None, fields: dict[str, object]) -> None:
    known = {} if connected is None else {"gateway.connected": connected}
    emit("heartbeat", **{**api.take(), **fields, **known})
    samples.of_this_process.at_a_beat()
