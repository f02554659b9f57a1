"""What the deck knows of runners and their hosts, as told by them. Kept like the fleet: in memory, and in documents of
kind `host` for the next deck."""

import logging
from collections.abc import Callable, Container, Iterable
from dataclasses import replace
from datetime import datetime

from botdeck.deck.clock import Clock
from botdeck.deck.documents import overwrite
from botdeck.errors import ProtocolError, StorageError
from botdeck.models import HostLoad, RunnerStatus
from botdeck.protocol.codec import from_json, to_json
from botdeck.storage.port import Storage

HOSTS = "host"
_log = logging.getLogger(__name__)


class Hosts:
    """`bots_of` counts the bots of a runner; `joined` are the names of those that came with a one-time token."""

    def __init__(self, storage: Storage, clock: Clock, bots_of: Callable[[str], int]) -> None:
        self._storage = storage
        self._clock = clock
        self._bots_of = bots_of
        self._known: dict[str, RunnerStatus] = {}
        self._versions: dict[str, int] = {}
        self._unwritten: set[str] = set()
        """What is to be remembered of these is another than the documents have."""
        self.joined: Container[str] = frozenset()

    async def load(self) -> None:
        """Remember the runners of an earlier deck. They are away until they come."""
        for document in await self._storage.documents(HOSTS):
            try:
                known = from_json(RunnerStatus, document.body)
            except ProtocolError as error:
                _log.error("The remembered runner %r is passed over: %s", document.id, error)
                continue
            self._versions[document.id] = document.version
            self._known[known.name] = self._away(known, self._clock.now())

    def statuses(self) -> list[RunnerStatus]:
        """By name."""
        return [
            replace(known, bots=self._bots_of(known.name), joined=known.name in self.joined)
            for _, known in sorted(self._known.items())
        ]

    def __contains__(self, runner: str) -> bool:
        return runner in self._known

    # What they tell.

    def came(self, runner: str, *, host: str, version: str) -> None:
        """It is linked. What it said before of its host is of then, until it says it anew."""
        known = self._known.get(runner)
        self._known[runner] = RunnerStatus(
            name=runner,
            host=host,
            connected=True,
            since=self._clock.now(),
            version=version,
            bots=0,
            load=known.load if known else None,
            troubles=known.troubles if known else [],
        )
        self._unwritten.add(runner)

    def lost(self, runner: str) -> None:
        if known := self._known.get(runner):
            self._known[runner] = self._away(known, self._clock.now())
            self._unwritten.add(runner)

    def told_load(self, runner: str, load: HostLoad) -> None:
        if known := self._known.get(runner):
            self._known[runner] = replace(known, load=load)

    def told_troubles(self, runner: str, sentences: Iterable[str]) -> bool:
        """Whether they are others than before."""
        known, troubles = self._known.get(runner), list(sentences)
        if known is None or known.troubles == troubles:
            return False
        self._known[runner] = replace(known, troubles=troubles)
        self._unwritten.add(runner)
        return True

    def forget(self, runner: str) -> None:
        if self._known.pop(runner, None):
            self._unwritten.add(runner)

    async def remember(self) -> None:
        """Write down what changed since the last time. A failure is logged; they will tell all again."""
        unwritten, self._unwritten = self._unwritten, set()
        for runner in sorted(unwritten):
            try:
                await self._write_down(runner)
            except StorageError as error:
                _log.error("Runner %s could not be remembered: %s", runner, error)

    async def _write_down(self, runner: str) -> None:
        known = self._known.get(runner)
        if known is None:
            self._versions.pop(runner, None)
            await self._storage.delete_document(HOSTS, runner)
            return
        # How busy it was is nothing to remember.
        body = to_json(replace(known, load=None))
        self._versions[runner] = await overwrite(self._storage, HOSTS, runner, body, self._versions.get(runner, 0))

    def _away(self, known: RunnerStatus, now: datetime) -> RunnerStatus:
        # One that was away already has been so since then.
        return replace(known, connected=False, since=now) if known.connected else known
