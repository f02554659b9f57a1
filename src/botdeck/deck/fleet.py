"""What the deck knows of bots: who keeps them, and what they did last, as told by their runners.

All of it is in memory and answered without waiting; documents of kind `bot` remember it for the next deck, which
shows every bot as unknown until its runner is back.
"""

import asyncio
import logging
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from botdeck.deck.clock import Clock
from botdeck.deck.documents import overwrite
from botdeck.deck.hosts import Hosts
from botdeck.deck.messages import SampleList
from botdeck.errors import ProtocolError, StorageError, UnknownBot
from botdeck.models import Bot, BotList, BotStatus, RunnerStatus, Sample, State
from botdeck.protocol.codec import from_json, rfc3339, to_json
from botdeck.protocol.frames import Member
from botdeck.storage.port import Storage

BOTS = "bot"
ELSEWHERE = ""
"""In place of a runner's name, for bots that have none and report by HTTP; RemoteBots says what they do."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    bot: Bot
    status: BotStatus
    runner: str
    position: int
    """In its runner's configuration."""
    received_at: float
    """When the status came, by the clock that never jumps: its seconds are as of then."""


class Fleet:
    def __init__(self, storage: Storage, clock: Clock, *, default_bot: str | None = None) -> None:
        self._storage = storage
        self._clock = clock
        self._configured_default = default_bot
        self._known: dict[str, _Known] = {}
        self._present: set[str] = set()
        self._versions: dict[str, int] = {}
        self.joined: set[str] = set()
        """Runners that joined with an invitation; kept by RunnerAccess."""
        self._contested: set[tuple[str, str]] = set()
        """Runners and the bots of others that they named, as it was logged."""
        self.hosts = Hosts(storage, clock, lambda runner: len(self.bots_of(runner)))
        self.hosts.joined = self.joined

    async def load(self) -> None:
        """Remember the bots and runners of an earlier deck. Bots are unknown until their runner comes."""
        await self.hosts.load()
        for document in await self._storage.documents(BOTS):
            try:
                known = _Known(
                    bot=from_json(Bot, document.body["bot"]),
                    status=from_json(BotStatus, document.body["status"]),
                    runner=str(document.body["runner"]),
                    position=int(document.body["position"]),
                    received_at=self._clock.seconds(),
                )
            except (ProtocolError, KeyError, ValueError) as error:
                _log.error("The remembered bot %r is passed over: %s", document.id, error)
                continue
            self._versions[document.id] = document.version
            self._known[document.id] = self._without_contact(known, self._clock.now())

    # What anybody may ask, at once.

    @property
    def default_bot(self) -> str | None:
        if self._configured_default in self._known:
            return self._configured_default
        return next((known.bot.name for known in self._ordered()), None)

    def status(self, name: str) -> BotStatus:
        """As of now. Raises UnknownBot."""
        return self._as_of_now(self._get(name))

    def bot_list(self) -> BotList:
        return BotList(default_bot=self.default_bot, bots=[self._as_of_now(known) for known in self._ordered()])

    def runners(self) -> list[RunnerStatus]:
        """All that the deck knows, by name."""
        return self.hosts.statuses()

    def samples(self, runner: str) -> SampleList:
        """As last told; a bot without a process has none."""
        statuses = (known.status for known in self._ordered() if known.runner == runner)
        return SampleList(runner=runner, samples=[status.sample for status in statuses if status.sample])

    def names(self) -> list[str]:
        return [known.bot.name for known in self._ordered()]

    def runner_of(self, name: str) -> str:
        """Raises UnknownBot."""
        return self._get(name).runner

    def bots_of(self, runner: str) -> list[str]:
        return [known.bot.name for known in self._ordered() if known.runner == runner]

    def is_here(self, runner: str) -> bool:
        """Whether it is connected and told its bots."""
        return runner in self._present

    def __contains__(self, name: str) -> bool:
        return name in self._known

    # What runners tell. Each returns the names of bots whose status is another now.

    def told_fleet(self, runner: str, members: Iterable[Member]) -> list[str]:
        """All bots of a runner: those it does not name are gone, those of another present runner stay there."""
        self._present.add(runner)
        named: dict[str, _Known] = {}
        for position, member in enumerate(members):
            name = member.bot.name
            if not self._may_tell(runner, name):
                self._contest(runner, name)
                continue
            self._contested.discard((runner, name))
            named[name] = self._known_now(member.bot, member.status, runner, position)
        gone = [name for name in self.bots_of(runner) if name not in named]
        before = {self._known[name].runner for name in named if name in self._known} - {runner}
        changed = [*gone, *(name for name, known in named.items() if self._differs(known))]
        for name in gone:
            del self._known[name]
        self._known.update(named)
        self._forget_emptied(before)
        return changed

    def told_status(self, runner: str, status: BotStatus) -> bool:
        """Whether the bot is this runner's and its status was taken."""
        known = self._known.get(status.bot)
        if known is None or known.runner != runner:
            return False
        self._known[status.bot] = self._known_now(known.bot, status, runner, known.position)
        return True

    def told_samples(self, runner: str, samples: Iterable[Sample]) -> None:
        """Of all its bots that have a process."""
        by_bot = {sample.bot: sample for sample in samples}
        for name in self.bots_of(runner):
            known = self._known[name]
            if known.status.sample != by_bot.get(name):
                self._known[name] = replace(known, status=replace(known.status, sample=by_bot.get(name)))

    def lost(self, runner: str) -> list[str]:
        """No contact any more: nobody knows what its bots do."""
        self._present.discard(runner)
        self.hosts.lost(runner)
        now = self._clock.now()
        names = self.bots_of(runner)
        for name in names:
            self._known[name] = self._without_contact(self._known[name], now)
        return names

    def may_send(self, runner: str, bot: str) -> bool:
        """A runner reports on its own bots; on one that was removed, too, for what it wrote before."""
        if bot not in self._known or self._known[bot].runner == runner:
            return True
        self._contest(runner, bot)
        return False

    def _contest(self, runner: str, bot: str) -> None:
        if (runner, bot) not in self._contested:
            self._contested.add((runner, bot))
            keeper = self.runner_of(bot)
            _log.error(
                "Runner %s has a bot %s, but that one %s; what it says of it is passed over. %s",
                runner,
                bot,
                "runs elsewhere, with a token of its own" if keeper == ELSEWHERE else f"is kept by runner {keeper}",
                f"Rename it, or say `botdeck token --revoke {bot}`."
                if keeper == ELSEWHERE
                else "Rename one of the two.",
            )

    def _forget_emptied(self, runners: Iterable[str]) -> None:
        """All bots of a runner that is away came back under another: it has another name now, as a container has after
        each of its starts. One that joined is only forgotten when it is told to leave."""
        for runner in runners:
            if runner not in self._present and runner not in self.hosts.joined and not self.bots_of(runner):
                self.hosts.forget(runner)

    async def remember(self, names: Iterable[str]) -> None:
        """Write down what is known of these bots (or that they are gone). A failure is logged: the fleet in memory is
        what counts, and the runner will tell it again."""
        # At the same time, so that they share commits.
        await asyncio.gather(*map(self._remember, names))

    async def _remember(self, name: str) -> None:
        try:
            await self._write_down(name)
        except StorageError as error:
            _log.error("Bot %s could not be remembered: %s", name, error)

    async def _write_down(self, name: str) -> None:
        known = self._known.get(name)
        if known is None:
            self._versions.pop(name, None)
            await self._storage.delete_document(BOTS, name)
            return
        body = {
            "bot": to_json(known.bot),
            "status": to_json(replace(known.status, sample=None)),
            "runner": known.runner,
            "position": known.position,
        }
        self._versions[name] = await overwrite(self._storage, BOTS, name, body, self._versions.get(name, 0))

    def _get(self, name: str) -> _Known:
        known = self._known.get(name)
        if known is None:
            raise UnknownBot(name, self.names())
        return known

    def _ordered(self) -> list[_Known]:
        """Those that run elsewhere last: the default bot is the first, and one that takes orders, if there is any."""
        return sorted(self._known.values(), key=lambda known: (known.runner == ELSEWHERE, known.runner, known.position))

    def _may_tell(self, runner: str, name: str) -> bool:
        known = self._known.get(name)
        return known is None or known.runner == runner or known.runner not in self._present

    def _known_now(self, bot: Bot, status: BotStatus, runner: str, position: int) -> _Known:
        # What the runner says of whose bot it is does not count.
        sample = status.sample if status.sample and status.sample.bot == bot.name else None
        status = replace(status, bot=bot.name, runner=runner, description=bot.description, sample=sample)
        return _Known(bot=bot, status=status, runner=runner, position=position, received_at=self._clock.seconds())

    def _differs(self, known: _Known) -> bool:
        """Whether it says anything else than what is known, the passing of time left aside."""
        before = self._known.get(known.bot.name)
        return before is None or _timeless(before.status) != _timeless(known.status) or before.bot != known.bot

    def _without_contact(self, known: _Known, now: datetime) -> _Known:
        if known.status.state is State.UNKNOWN:
            return known
        status = replace(
            known.status,
            state=State.UNKNOWN,
            since=now,
            reason=f"no contact with runner {known.runner} since {rfc3339(now)[:19]}Z",
            pid=None,
            started_at=None,
            uptime_s=None,
            sample=None,
            retry_in_s=None,
        )
        return replace(known, status=status)

    def _as_of_now(self, known: _Known) -> BotStatus:
        status = known.status
        if status.uptime_s is None and status.retry_in_s is None:
            return status
        passed = self._clock.seconds() - known.received_at
        return replace(
            status,
            uptime_s=None if status.uptime_s is None else status.uptime_s + passed,
            retry_in_s=None if status.retry_in_s is None else max(0.0, status.retry_in_s - passed),
        )


def _timeless(status: BotStatus) -> BotStatus:
    return replace(status, uptime_s=None, sample=None, retry_in_s=None, started_at=None)
