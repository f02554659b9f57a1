"""Bots that run elsewhere: no runner tells what they do, so what they post and their silence have to say it.

Documents of kind `remote_bot` (by name: run, started_at, pid) remember which run it was for the next deck.
"""

import asyncio
import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from botdeck.deck.clock import Clock
from botdeck.deck.dashboard import Dashboard
from botdeck.deck.documents import overwrite
from botdeck.deck.fleet import ELSEWHERE, Fleet
from botdeck.deck.fleet_memory import FleetMemory
from botdeck.deck.websocket_manager import ConnectionManager
from botdeck.models import Bot, BotStatus, Cause, Event, Run, State, Wanted
from botdeck.protocol import events as names
from botdeck.protocol.codec import parse_time, rfc3339
from botdeck.protocol.frames import Member
from botdeck.storage.port import Document, Storage

REMOTE_BOTS = "remote_bot"
SILENT_S = 45.0
"""Three heartbeats."""
LOOK_S = 1.0
_log = logging.getLogger(__name__)


@dataclass(slots=True, kw_only=True)
class _Remote:
    """What one bot said of itself."""

    silence: str
    """The reason to show while it was never heard by this deck."""
    run: str | None = None
    started_at: datetime | None = None
    """By its own clock; None until its run said bot.started."""
    pid: int | None = None
    newest: datetime | None = None
    """Time of the newest event of its run. Older ones, which it kept while the deck was away, say nothing of now."""
    connected: bool = True
    """False when the last heartbeat said that its platform is not."""
    heard_at: float | None = None
    """When anything came, by the clock that never jumps."""
    heard: datetime | None = None
    ended: list[Run] = field(default_factory=list)
    """Runs before this one, to be written down."""
    unwritten: bool = False
    version: int = 0

    def take(self, event: Event, now: datetime) -> None:
        time = min(event.time, now)
        if event.event == names.TELEMETRY_DAMAGED or (self.newest and time < self.newest):
            return
        if event.run != self.run:
            if not self._is_next(event, time):
                return
            self._begin(event.run)
        self.newest = time
        if event.event == names.BOT_STARTED:
            self.started_at, self.pid, self.unwritten = time, _whole_number(event.fields.get("process.pid")), True
        elif event.event == names.HEARTBEAT:
            self.connected = event.fields.get("gateway.connected") is not False

    def as_run(self, bot: str) -> Run | None:
        if self.run is None or self.started_at is None:
            return None
        return Run(id=self.run, bot=bot, started_at=self.started_at, pid=self.pid)

    def _is_next(self, event: Event, time: datetime) -> bool:
        """A forked child is a part of its parent's run; and of two processes that share a name the one which was there
        first is shown while it speaks."""
        if self.run is None or self.newest is None:
            return True
        if event.run.startswith(f"{self.run}-"):
            return False
        return event.event == names.BOT_STARTED or time - self.newest > timedelta(seconds=SILENT_S)

    def _begin(self, run: str) -> None:
        if last := self.as_run(""):
            at = self.newest or last.started_at
            reason = "it ran elsewhere, and nobody saw how it ended"
            self.ended.append(replace(last, ended_at=at, cause=Cause.UNSEEN, reason=reason))
        self.run, self.started_at, self.pid, self.connected, self.unwritten = run, None, None, True, True


class RemoteBots:
    def __init__(
        self,
        *,
        storage: Storage,
        clock: Clock,
        fleet: Fleet,
        memory: FleetMemory,
        hub: ConnectionManager,
        dashboard: Dashboard,
    ) -> None:
        self._storage = storage
        self._clock = clock
        self._fleet = fleet
        self._memory = memory
        self._hub = hub
        self._dashboard = dashboard
        self._known: dict[str, _Remote] = {}

    async def load(self, bots: Iterable[str]) -> None:
        """These have a token. They are unknown until they say something."""
        remembered = {document.id: document for document in await self._storage.documents(REMOTE_BOTS)}
        self._known = {bot: self._remembered(bot, remembered.get(bot)) for bot in bots}
        self._fleet.told_fleet(ELSEWHERE, self._members())

    def add(self, bot: str) -> None:
        self._known.setdefault(bot, _Remote(silence="not heard of yet"))
        self._list_anew()

    def remove(self, bot: str) -> None:
        self._known.pop(bot, None)
        self._list_anew()

    def heard(self, bot: str, events: Sequence[Event]) -> None:
        """What it posted was committed, now or before. To be remembered before it is acknowledged."""
        remote = self._known.get(bot)
        if remote is None:
            return  # its token was revoked meanwhile
        now = self._clock.now()
        remote.heard_at, remote.heard = self._clock.seconds(), now
        for event in events:
            remote.take(event, now)
        self._show(bot, remote)

    async def remember(self, bot: str) -> None:
        """Which run it is, if that is another than before. Raises StorageError."""
        remote = self._known.get(bot)
        if remote is None or not remote.unwritten:
            return
        for run in remote.ended:
            await self._storage.put_run(replace(run, bot=bot))
        remote.ended.clear()
        if current := remote.as_run(bot):
            await self._storage.put_run(current)
        body = {
            "run": remote.run,
            "started_at": rfc3339(remote.started_at) if remote.started_at else None,
            "pid": remote.pid,
        }
        remote.version = await overwrite(self._storage, REMOTE_BOTS, bot, body, remote.version)
        remote.unwritten = False

    async def keep(self) -> None:
        """Runs for as long as the deck."""
        while True:
            await asyncio.sleep(LOOK_S)
            try:
                self.look()
            except Exception:
                _log.exception("Looking after bots that run elsewhere failed; it goes on in a second")

    def look(self) -> None:
        """Those of whom nothing was heard for too long are unknown."""
        for bot, remote in self._known.items():
            if remote.heard_at is not None:
                self._show(bot, remote)

    def _show(self, bot: str, remote: _Remote) -> None:
        """To the fleet, and to browsers, if it is anything new."""
        if bot not in self._fleet or self._fleet.runner_of(bot) != ELSEWHERE:
            return  # a runner came with a bot of that name in the moment in which the token was made
        before = self._fleet.status(bot)
        status = self._status(bot, remote, before)
        if _essence(status) == _essence(before):
            return
        self._fleet.told_status(ELSEWHERE, status)
        self._hub.broadcast_bot_status(self._fleet.status(bot))
        self._dashboard.changed(bot)
        self._memory.changed([bot])

    def _status(self, bot: str, remote: _Remote, before: BotStatus | None) -> BotStatus:
        state, reason = self._state(remote)
        now = self._clock.now()
        alive = state is not State.UNKNOWN
        started_at = remote.started_at if alive else None
        return BotStatus(
            bot=bot,
            state=state,
            wanted=Wanted.RUNNING,
            since=before.since if before and before.state is state else now,
            reason=reason,
            run=remote.run,
            pid=remote.pid if alive else None,
            started_at=started_at,
            uptime_s=max(0.0, (now - started_at).total_seconds()) if started_at else None,
        )

    def _state(self, remote: _Remote) -> tuple[State, str]:
        if remote.heard_at is None or remote.heard is None:
            return State.UNKNOWN, remote.silence
        if self._clock.seconds() - remote.heard_at > SILENT_S:
            return State.UNKNOWN, f"not heard of since {rfc3339(remote.heard)[:19]}Z"
        if not remote.connected:
            return State.UNHEALTHY, "it says that it is not connected to its platform"
        return State.RUNNING, ""

    def _members(self) -> list[Member]:
        members = []
        for bot, remote in sorted(self._known.items()):
            before = self._fleet.status(bot) if bot in self._fleet else None
            members.append(Member(bot=Bot(name=bot), status=self._status(bot, remote, before)))
        return members

    def _list_anew(self) -> None:
        changed = self._fleet.told_fleet(ELSEWHERE, self._members())
        for bot in changed:
            if bot in self._fleet:
                self._hub.broadcast_bot_status(self._fleet.status(bot))
                self._dashboard.changed(bot)
        self._hub.broadcast_bot_list(self._fleet.bot_list())
        self._memory.changed(changed)

    def _remembered(self, bot: str, document: Document | None) -> _Remote:
        remote = _Remote(silence=self._silence(bot))
        if document is None:
            return remote
        body: dict[str, Any] = document.body
        remote.run, remote.pid, remote.version = body.get("run"), body.get("pid"), document.version
        if body.get("started_at"):
            remote.started_at = remote.newest = parse_time(body["started_at"])
        return remote

    def _silence(self, bot: str) -> str:
        """What the deck before this one last knew, if that was silence, too."""
        status = self._fleet.status(bot) if bot in self._fleet else None
        if status is not None and status.reason.startswith("not heard of"):
            return status.reason
        return f"not heard of since this deck started, at {rfc3339(self._clock.now())[:19]}Z"


def _essence(status: BotStatus) -> tuple[Any, ...]:
    return status.state, status.reason, status.run, status.started_at, status.pid


def _whole_number(value: Any) -> int | None:
    return value if isinstance(value, int) and 0 < value < 1 << 31 else None
