"""Those who follow one bot on the live channel, and how the same bytes get to all of them. Nothing here waits.

A client is *ready* while everything that was published has been written to its connection and the kernel has taken it
all. Then a write goes straight to its descriptor, past the transport, which would cost as much again as the kernel.
Whoever cannot take all of a write is *behind*, at a position in each topic, until its connection has drained and it
has caught up. So the deck holds at most the rest of one write for anybody.
"""

import itertools
import os
from collections.abc import Callable
from typing import Protocol

from botdeck.deck.topics import Topic
from botdeck.models import Operator

SHARD_CLIENTS = 512
"""Written to without a pause: some 5 ms. Then others have their turn."""


class Connection(Protocol):
    """What is needed of an accepted WebSocket. None of it waits."""

    @property
    def descriptor(self) -> int:
        """Of its socket. It is closed only after the client was told that it is `lost`."""

    @property
    def waiting_bytes(self) -> int:
        """What was written and the kernel has not taken."""

    def write(self, data: bytes) -> None:
        """What the kernel does not take now waits. Then the client is told that it is `full` before this returns, and
        that it `drained` when all was taken."""

    def wake(self) -> None:
        """Have the channel look at its client again."""

    def part(self, code: int, reason: str, *, last: bytes = b"") -> None:
        """Say why and close, after the frames `last`. Nothing happens if it is closing."""

    def abort(self) -> None:
        """Let go of it at once."""


class LiveClient:
    """One browser: who it is, which bot it follows, and how far it has got."""

    __slots__ = (
        "_catch_up",
        "behind",
        "bot",
        "connection",
        "gone",
        "heard_at",
        "operator",
        "session",
        "shard",
        "stuck_bytes",
        "stuck_since",
        "wish",
    )

    def __init__(
        self,
        connection: Connection,
        operator: Operator,
        session: str | None,
        *,
        now: float,
        catch_up: Callable[["LiveClient"], None],
    ) -> None:
        self.connection = connection
        self.operator = operator
        self.session = session
        self.wish: str | None = None
        """The bot that it asked for; None for the default one."""
        self.bot: str | None = None
        """The one that it follows; None when there is none by that name."""
        self.shard: Shard | None = None
        """None before its first snapshot, and when it is gone."""
        self.gone = False
        """Its connection is closing: nothing may be written any more, for its descriptor may soon be another's."""
        self.behind: dict[str, int] | None = None
        """By topic, the seq of the last update that was written to its connection; None when it is ready."""
        self.heard_at = now
        """When anything came from it, by the event loop's clock."""
        self.stuck_since = now
        """Since when its connection has taken nothing although something waits."""
        self.stuck_bytes = 0
        self._catch_up = catch_up

    def full(self) -> None:
        if self.shard is not None and self.behind is None:
            self.shard.set_back(self)

    def drained(self) -> None:
        if self.shard is not None:
            self._catch_up(self)

    def lost(self) -> None:
        self.gone = True
        self.leave()

    def leave(self) -> None:
        if self.shard is not None:
            self.shard.leave(self)
            self.shard = None


class Shard:
    """Some of an audience. All that are ready have had the same."""

    _numbers = itertools.count()

    def __init__(self) -> None:
        self.number = next(self._numbers)
        self.ready: dict[int, LiveClient] = {}
        """By descriptor."""
        self.members = 0
        self._at: dict[str, int] = {}
        """By topic, how far those have got that are ready."""

    def join(self, client: LiveClient, positions: dict[str, int]) -> None:
        """It is behind at first."""
        self.members += 1
        client.shard, client.behind = self, positions

    def leave(self, client: LiveClient) -> None:
        self.members -= 1
        self._forget(client)

    def set_back(self, client: LiveClient) -> None:
        """Not ready any more: its connection has something waiting."""
        self._forget(client)
        client.behind = dict(self._at)

    def caught_up(self, client: LiveClient) -> None:
        """Nothing is missing and nothing waits."""
        assert client.behind is not None, "it was behind until now"
        self._at, client.behind = client.behind, None
        self.ready[client.connection.descriptor] = client

    def write(self, data: bytes, advance: dict[str, int]) -> None:
        """To all that are ready; with it they get as far as `advance` in some topics."""
        self._at = {**self._at, **advance}
        size, short = len(data), []
        for descriptor in self.ready:
            try:
                taken = os.write(descriptor, data)
            except OSError:
                taken = 0  # full; or broken, which its transport finds out
            if taken != size:
                short.append((descriptor, taken))
        for descriptor, taken in short:
            self._finish_later(self.ready[descriptor], data[taken:])

    def _finish_later(self, client: LiveClient, rest: bytes) -> None:
        self.set_back(client)
        client.connection.write(rest)
        if client.shard is self and not client.connection.waiting_bytes:
            self.caught_up(client)  # the kernel had room again

    def _forget(self, client: LiveClient) -> None:
        if client.behind is None:
            self.ready.pop(client.connection.descriptor, None)


class Audience:
    """All who follow one bot (None: none), or did so lately and may come back."""

    def __init__(self, topics: tuple[Topic, ...]) -> None:
        self.topics = topics
        self.shards: list[Shard] = []
        self.empty_since: float | None = None
        """By the event loop's clock."""

    def join(self, client: LiveClient, positions: dict[str, int]) -> None:
        self.empty_since = None
        shard = next((one for one in self.shards if one.members < SHARD_CLIENTS), None)
        if shard is None:
            shard = Shard()
            self.shards.append(shard)
        shard.join(client, positions)

    @property
    def members(self) -> int:
        return sum(shard.members for shard in self.shards)
