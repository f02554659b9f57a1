"""Samples and the load of hosts on their way to browsers: the first at once, then the latest every few seconds,
whatever a runner sends."""

import asyncio

from botdeck.deck.fleet import Fleet
from botdeck.deck.throttle import Throttle
from botdeck.deck.websocket_manager import ConnectionManager

GAP_S = 2.0
_RUNNERS = ""
"""In place of a runner's name: the list of all."""


class HostFeed:
    def __init__(self, hub: ConnectionManager, fleet: Fleet) -> None:
        self._hub = hub
        self._fleet = fleet
        self._throttle = Throttle(GAP_S)
        self._timer: asyncio.TimerHandle | None = None

    def sampled(self, runner: str) -> None:
        """The bots of this runner, and the load of its host."""
        self._throttle.change(runner)
        self._throttle.change(_RUNNERS)
        self._tell()

    def runners_changed(self) -> None:
        """At once: one came or went, or something is wrong."""
        self._hub.broadcast_runners(self._fleet.runners())

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _tell(self) -> None:
        loop = asyncio.get_running_loop()
        for key in self._throttle.due(loop.time()):
            if key == _RUNNERS:
                self.runners_changed()
            else:
                self._hub.broadcast_samples(self._fleet.samples(key))
        if self._timer is not None:
            self._timer.cancel()
        at = self._throttle.next_at()
        self._timer = None if at is None else loop.call_at(at, self._tell)
