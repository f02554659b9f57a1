"""One bot: tells lifecycle what happened, and does what it says."""

import asyncio
import contextlib
import logging
import os
import random
import signal
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum, auto
from pathlib import Path
from zoneinfo import ZoneInfo

from botdeck import lifecycle
from botdeck.errors import ActionRefused
from botdeck.lifecycle import (
    ALIVE,
    Adopted,
    Asked,
    CannotStart,
    Configured,
    Due,
    Ended,
    Happening,
    Leaving,
    Life,
    Order,
    Redefined,
    Removed,
    Scheduled,
    TooBig,
    Vacant,
)
from botdeck.models import Action, Bot, BotStatus, PostMortem, Run, Sample, State, Wanted
from botdeck.restart_policy import Policy
from botdeck.runner import endings, process
from botdeck.runner.checkup import Checkup
from botdeck.runner.deck_link import DeckLink
from botdeck.runner.environment import CannotRun, system_user
from botdeck.runner.instance import Instance, find_instance
from botdeck.runner.journal import Entry, Journal
from botdeck.runner.kept_runs import KeptRuns
from botdeck.runner.launch import launch, take_bot_lock
from botdeck.runner.post_mortem import freeze
from botdeck.runner.run_dir import FOLDER_MODE, RunDirectory, new_run_id
from botdeck.runner.sampler import Living
from botdeck.runner.schedule import next_restart
from botdeck.runner.spawner import Spawner, SpawnTrouble
from botdeck.runner.stream import Stream
from botdeck.runner.tail import Tail
from botdeck.runner.whole_file import Unwritten
from botdeck.settings import MB, BotSettings

log = logging.getLogger(__name__)

MOST_ORDERS = 100
"""Orders that wait for one bot; more are refused."""
WALL_LOOK_S = 30.0
"""Between looks at the wall clock while a time of day is waited for: it may be set meanwhile."""
OVER_CEILING = 2
"""Samples in a row above `memory_max_mb` before the bot is restarted: one may be a peak that passes."""


class _Signal(Enum):
    """News that is no happening of lifecycle yet."""

    PROCESS_ENDED = auto()


@dataclass(frozen=True, kw_only=True)
class Tools:
    """What all bots of a runner share."""

    runner_name: str
    bots_dir: Path
    autoload: Path | None
    own_environment: Mapping[str, str]
    journal: Journal
    spawner: Spawner
    tail: Tail
    link: DeckLink
    time_zone: Callable[[], ZoneInfo]
    """Of `restart_at`."""
    short_of: Callable[[int | None], None]
    """Told the error number when the system had no more of something."""
    changed: Callable[[], None]
    """Called after anything happened to a bot."""
    process_begins: Callable[[BotSettings], Awaitable[None]]
    """Called before a process is started with these settings."""


class BotRunner:
    """Keeps one bot. `settings` is None for a bot that is no longer configured: it is stopped, and forgotten when the
    deck has what it wrote."""

    def __init__(self, name: str, settings: BotSettings | None, tools: Tools) -> None:
        self.name = name
        self.settings = settings
        self._tools = tools
        self._dir = tools.bots_dir / name
        self._life = Life()
        self._since = datetime.now(UTC)
        self._run: RunDirectory | None = None
        """The current run, or the last one."""
        self._run_in_course: str | None = None
        """The run that the state speaks of, for the journal."""
        self._kept = KeptRuns(name, self._dir, tools.tail, tools.link)
        self._instance: Instance | None = None
        self._checkup: Checkup | None = None
        """Of the run that lives."""
        self._sample: Sample | None = None
        self._over_ceiling = 0
        """Samples in a row."""
        self._restart_at: datetime | None = None
        self._looping = False
        """A crash loop was told of, and its end has to be."""
        self._inbox: deque[tuple[Happening | _Signal, asyncio.Future[None] | None]] = deque()
        self._news = asyncio.Event()

    # What the runner asks.

    def member(self) -> Bot:
        if self.settings is None:
            return Bot(name=self.name)
        return Bot(
            name=self.name,
            restart=self.settings.restart,
            stop_timeout_s=self.settings.stop_timeout_s,
            description=self.settings.description,
        )

    def status(self) -> BotStatus:
        life, age, now = self._life, self._instance.age_s() if self._instance else None, process.boot_clock()
        return BotStatus(
            bot=self.name,
            state=life.state,
            wanted=life.wanted,
            since=self._since,
            reason=life.reason,
            run=self._run.run.id if self._run else None,
            pid=self._instance.pid if self._instance else None,
            started_at=None if age is None else datetime.now(UTC) - timedelta(seconds=age),
            uptime_s=age,
            restarts=life.history.restarts,
            crash_loop=life.history.crash_loop(now),
            crashes_total=life.history.crashes_total,
            operator_restarts=life.history.operator_restarts,
            starts_24h=life.history.starts_24h(now),
            start_budget=(self.settings.start_budget or None) if self.settings else None,
            next_restart_at=self._restart_at,
            sample=self._sample if age is not None else None,
            retry_in_s=self._retry_in_s(),
            runner=self._tools.runner_name,
            description=self.settings.description if self.settings else "",
        )

    def sampled(self, sample: Sample) -> None:
        """What it uses now."""
        age = self._instance.age_s() if self._instance else None
        if self._run is None or age is None or sample.run != self._run.run.id:
            return  # it ended meanwhile
        self._sample = sample
        self._run.memory.add(age, sample.memory_bytes)
        ceiling_bytes = self.settings.memory_max_mb * MB if self.settings else 0.0
        self._over_ceiling = self._over_ceiling + 1 if 0 < ceiling_bytes < sample.memory_bytes else 0
        if self._over_ceiling >= OVER_CEILING:
            self._over_ceiling = 0
            used, most = sample.memory_bytes / MB, ceiling_bytes / MB
            self._put(TooBig(reason=f"used {used:.0f} MB, and memory_max_mb is {most:g}"))

    def ask(self, action: Action, operator: str) -> "asyncio.Future[None]":
        """Done when the order was taken and its first effect reported. Raises ActionRefused, now or from the future."""
        if self.settings is None and action in (Action.START, Action.RESTART):
            raise ActionRefused(f"{self.name}: it is no longer in botdeck.toml")
        if len(self._inbox) >= MOST_ORDERS:
            raise ActionRefused(f"{self.name}: {MOST_ORDERS} orders are waiting already")
        answer: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._put(Asked(action=action, operator=operator), answer)
        return answer

    def grew(self, stream: Stream) -> None:
        """A file of one of its runs did."""
        if self._checkup is not None:
            self._checkup.grew(stream)

    def leave(self) -> None:
        """End the process; what is wanted stays as it is."""
        self._put(Leaving())

    def configure(self, settings: BotSettings | None, *, new_process: bool = False) -> None:
        """New settings count from now on. None stops the bot; with `new_process` it is restarted, if it shall run."""
        before, self.settings = self.settings, settings
        if settings is None and before is not None:
            log.info("%s: no longer configured", self.name)
            self._put(Removed())
        elif before is None and settings is not None and settings.autostart:
            self._put(Configured())
        elif new_process or (self._life.gave_up and _other_limits(before, settings)):
            log.info("%s: its definition changed", self.name)
            self._put(Redefined())
        self._set_schedule()

    @property
    def idle(self) -> bool:
        """No process lives, and none is about to."""
        return self._instance is None and not self._inbox and self._life.state not in {*ALIVE, State.BACKOFF}

    @property
    def gone(self) -> bool:
        """Nothing is left of a bot that is no longer configured."""
        return self.settings is None and self.idle and not self._kept

    def shipped(self, run: RunDirectory) -> None:
        """The deck has all of the run."""
        self._kept.remove(run)

    def write_again(self) -> list[Unwritten]:
        """What the disk had no room for. Returns what it still has none for."""
        return self._kept.write_again()

    def living(self) -> Living | None:
        """The process to be sampled, if there is one."""
        who, run = self._instance.identity if self._instance else None, self._run
        if who is None or run is None:
            return None
        return Living(bot=self.name, run=run.run.id, pid=who.pid, start_tick=who.start_tick, shim=who.shim)

    def erase(self) -> None:
        """Forget a bot that is gone."""
        del self._tools.journal[self.name]
        with contextlib.suppress(OSError):
            (self._dir / "lock").unlink(missing_ok=True)
            self._dir.rmdir()

    # Its task.

    async def begin(self) -> None:
        """Find out how things stand: what the journal says, what lives, what is still to be shipped. Starts nothing."""
        self._dir.mkdir(exist_ok=True)
        with contextlib.suppress(OSError):  # a file system that can only be read
            self._dir.chmod(FOLDER_MODE)
        entry = self._tools.journal[self.name]
        if entry is None:
            wanted = Wanted.RUNNING if self.settings and self.settings.autostart else Wanted.STOPPED
            self._life = Life(wanted=wanted)
        else:
            life = entry.life(booted_at=process.booted_at(), now=process.boot_clock())
            self._life, self._since, self._run_in_course = life, entry.since, entry.run
            self._looping = life.history.crash_loop(process.boot_clock())
        self._kept.open_all()
        runs = self._kept.newest_first()
        self._run = runs[0] if runs else None
        found = await find_instance(self._dir / "lock", runs)
        if found is not None:
            self._adopt(*found)
        else:
            await asyncio.gather(*(self._kill_strays(run) for run in runs if run.lost_its_shim))
            self._put(Vacant(ended=self._finish_unseen(entry)))
        if self.settings is None:
            self._put(Removed())
        self._kept.ship_all()
        self._set_schedule()

    def cannot_be_kept(self, reason: str) -> None:
        """Its folder cannot be used. An order may try again."""
        self._put(CannotStart(reason=f"its folder {self._dir} cannot be used: {reason}"))

    def _adopt(self, run: RunDirectory, instance: Instance) -> None:
        # First of all: whatever goes wrong from here on, a bot that lives is known to live.
        self._run, self._instance, self._run_in_course = run, instance, run.run.id
        self._watch()
        self._check(run)
        if self._checkup is not None and self._life.state in (State.RUNNING, State.UNHEALTHY):
            self._checkup.was_ready()
        self._put(Adopted(lived_s=instance.age_s() or 0.0))
        log.info("%s: taken over, pid %s, run %s", self.name, instance.pid, run.run.id)
        self._kept.end_unseen(self._life, self.settings, living=run)

    def _finish_unseen(self, entry: Entry | None) -> Ended | None:
        """Runs that ended while no runner lived. Returns the end of the one that the journal has as living."""
        self._kept.end_unseen(self._life, self.settings, living=None)
        run = self._kept.get(entry.run) if entry and entry.state in ALIVE else None
        if run is None or (run.identity() is None and run.exit() is None):
            return None  # it never began
        happening = endings.finish(run, self._life, self.settings, run.run.post_mortem or PostMortem())
        return happening if isinstance(happening, Ended) else None

    async def run(self) -> None:
        """Until cancelled. Whatever goes wrong with this bot stays with this bot."""
        while True:
            try:
                await self._next()
            except Exception:
                log.exception("%s: unexpected trouble", self.name)
                await asyncio.sleep(1)
                self._recover()
            self._tools.changed()

    def _recover(self) -> None:
        """After an unexpected error: a bot without a process is not left as if it had one."""
        ending = any(news is _Signal.PROCESS_ENDED for news, _ in self._inbox)
        if self._instance is None and self._life.state in ALIVE and not ending:
            self._put(Ended(lived_s=0.0, luck=_luck(), trouble="the runner met trouble with it, and its log says more"))

    def close(self) -> None:
        """The runner ends; the bot goes on."""
        if self._instance is not None:
            asyncio.get_running_loop().remove_reader(self._instance.watched)
            self._instance.close()
        self._stop_checking()
        self._kept.close()

    def _put(self, news: Happening | _Signal, answer: "asyncio.Future[None] | None" = None) -> None:
        self._inbox.append((news, answer))
        self._news.set()

    async def _next(self) -> None:
        """Wait for the next thing that happens to this bot, the clock included, and deal with it."""
        if not self._inbox:
            self._news.clear()
            wait_s = self._wait_s()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await self._news.wait()
        if not self._inbox:
            await self._look_at_the_clock()
            return
        news, answer = self._inbox.popleft()
        if isinstance(news, _Signal):
            await self._ended()
            return
        try:
            await self._happen(news, answer)
        except ActionRefused as error:
            if answer is None:
                return  # the runner asked for what is so already
            if not answer.done():
                answer.set_exception(ActionRefused(f"{self.name}: {error}"))

    def _wait_s(self) -> float | None:
        """Until something may happen by itself; None: never."""
        now = process.boot_clock()
        times = [self._life.due_at, self._life.history.loop_ends_at(now)]
        if self._checkup is not None:
            times.append(self._checkup.next_look_at(self._life))
        if self._restart_at is not None:
            left_s = (self._restart_at - datetime.now(UTC)).total_seconds()
            times.append(now + min(left_s, WALL_LOOK_S))
        known = [at for at in times if at is not None]
        return max(0.0, min(known) - now) if known else None

    async def _look_at_the_clock(self) -> None:
        await self._check_up()
        await self._happen(Due(lacking=self._checkup.why_not_ready if self._checkup else ""))
        await self._check_up()  # what just became ready is probed from now on
        if self._restart_at is not None and datetime.now(UTC) >= self._restart_at:
            self._set_schedule()
            await self._happen(Scheduled())
        if self._looping and not self._life.history.crash_loop(process.boot_clock()):
            self._looping = False
            self._tools.link.report_status(self.status())

    async def _check_up(self) -> None:
        if self._checkup is not None and (verdict := self._checkup.verdict(self._life)):
            await self._happen(verdict)

    def _set_schedule(self) -> None:
        self._restart_at = next_restart(self.settings, self._tools.time_zone(), datetime.now(UTC))

    async def _happen(self, happening: Happening, answer: "asyncio.Future[None] | None" = None) -> None:
        before = self._life
        self._life, order = lifecycle.step(before, happening, process.boot_clock(), self._policy())
        if self._life.state is not before.state:
            self._since = datetime.now(UTC)
        if order is Order.SPAWN:
            self._run_in_course = None  # until there is a new one, so that no old end is taken for its end
        if self._life != before:
            self._changed(before)
        if answer is not None and not answer.done():
            answer.set_result(None)
        await self._do(order)

    async def _do(self, order: Order) -> None:
        match order:
            case Order.SPAWN:
                await self._spawn()
            case Order.TERMINATE if self._instance:
                name = self.settings.stop_signal if self.settings else BotSettings.stop_signal
                self._instance.terminate(signal.Signals[f"SIG{name}"])
            case Order.KILL if self._instance:
                self._instance.kill()

    def _policy(self) -> Policy:
        bot = self.settings
        if bot is None:
            return Policy()
        return Policy(
            restart=bot.restart,
            stop_timeout_s=bot.stop_timeout_s,
            ready_after_s=bot.ready_after_s if bot.ready == "time" else None,
            ready_timeout_s=bot.ready_timeout_s,
            restart_unhealthy=bot.restart_unhealthy,
            start_budget=bot.start_budget,
            max_crashes=bot.max_crashes,
        )

    def _changed(self, before: Life) -> None:
        life, now = self._life, process.boot_clock()
        self._looping = life.history.crash_loop(now)
        self._save()
        if (life.state, life.reason) != (before.state, before.reason):
            retry = self._retry_in_s()
            after = f", next start in {retry:.1f} s" if retry else ""
            loop = ", crash loop" if self._looping and life.state in (State.BACKOFF, State.STARTING) else ""
            why = f" ({life.reason})" if life.reason else ""
            level = logging.ERROR if life.state is State.FAILED else logging.INFO
            log.log(level, "%s: %s%s%s%s", self.name, life.state.value, why, loop, after)
        self._tools.link.report_status(self.status())

    def _save(self) -> None:
        entry = Entry.of(self._life, self._since, self._run_in_course, booted_at=process.booted_at())
        self._tools.journal[self.name] = entry

    def _retry_in_s(self) -> float | None:
        if self._life.state is not State.BACKOFF or self._life.due_at is None:
            return None
        return max(0.0, self._life.due_at - process.boot_clock())

    # Starting.

    async def _spawn(self) -> None:
        now = datetime.now(UTC)
        run = Run(id=new_run_id(now, self._run.run.id if self._run else None), bot=self.name, started_at=now)
        try:
            if self.settings is None:
                raise CannotRun("it is no longer in botdeck.toml")
            await self._tools.process_begins(self.settings)
            await self._start(self.settings, run)
        except CannotRun as error:
            await self._not_started(run, CannotStart(reason=str(error)))
        except (SpawnTrouble, OSError) as error:
            log.error("%s: cannot be started now: %s", self.name, error)
            self._tools.short_of(error.errno)
            trouble = (isinstance(error, OSError) and error.strerror) or str(error).rstrip(".")
            await self._not_started(run, Ended(lived_s=0.0, luck=_luck(), trouble=trouble))

    async def _start(self, settings: BotSettings, run: Run) -> None:
        """Raises CannotRun when trying again will not help, SpawnTrouble or OSError when it may."""
        tools = self._tools
        user = await asyncio.to_thread(system_user, settings.user) if settings.user is not None else None
        lock = await take_bot_lock(self._dir / "lock", self._run)
        try:
            self._run = directory = RunDirectory.create(self._dir, run, user)
            self._kept.add(directory)
            self._run_in_course = run.id
            self._save()
            shim = await launch(
                tools.spawner,
                settings,
                directory,
                lock=lock,
                user=user,
                own_environment=tools.own_environment,
                autoload=tools.autoload,
            )
        finally:
            # The shim and the bot hold copies. When the last is closed, nothing of this run lives any more.
            os.close(lock)
        self._begun(directory, shim)

    def _begun(self, run: RunDirectory, shim: int) -> None:
        self._instance = Instance.of_shim(run, shim)
        self._watch()
        self._check(run)
        identity, exit_note = run.identity(), run.exit()
        if identity is not None and (exit_note is None or exit_note.trouble is None):
            log.info("%s: pid %d, run %s", self.name, identity.pid, run.run.id)
            age = timedelta(seconds=process.age_s(identity.start_tick))
            run.begun(pid=identity.pid, started_at=datetime.now(UTC) - age)
        self._kept.ship(run)
        self._tools.link.report_status(self.status())

    async def _not_started(self, run: Run, what: CannotStart | Ended) -> None:
        reason = what.in_words() if isinstance(what, Ended) else f"did not start: {what.reason}"
        directory = self._kept.get(run.id)
        if directory is None:
            with contextlib.suppress(OSError):
                directory = self._run = RunDirectory.create(self._dir, run, None)
                self._kept.add(directory)
        if directory is not None:
            endings.close(directory, reason)
            self._kept.ship(directory)
        await self._happen(what)

    # Ending.

    def _watch(self) -> None:
        assert self._instance is not None
        fd = self._instance.watched

        def ended() -> None:
            asyncio.get_running_loop().remove_reader(fd)
            self._put(_Signal.PROCESS_ENDED)

        asyncio.get_running_loop().add_reader(fd, ended)

    def _check(self, run: RunDirectory) -> None:
        self._stop_checking()
        if self.settings is not None:
            self._checkup = Checkup(run, self.settings, self._news.set)

    def _stop_checking(self) -> None:
        if self._checkup is not None:
            self._checkup.close()
            self._checkup = None

    async def _ended(self) -> None:
        instance, run, life = self._instance, self._run, self._life
        assert instance is not None
        assert run is not None
        if instance.lost_its_shim():
            log.warning("%s: its shim was killed; the bot goes on, but how it ends will not be known", self.name)
            self._watch()
            return
        instance.close()
        self._instance = self._sample = None
        self._stop_checking()
        self._over_ceiling = 0
        if (exit_note := run.exit()) and exit_note.trouble:
            self._tools.short_of(exit_note.trouble.get("errno"))
        remains, _ = await asyncio.gather(asyncio.to_thread(freeze, run), self._kill_strays(run))
        happening = endings.finish(run, life, self.settings, remains)
        self._kept.ended(run)
        await self._happen(happening)

    async def _kill_strays(self, run: RunDirectory) -> None:
        try:
            await asyncio.to_thread(process.kill_strays, run.run.id, run.events.path)
        except OSError as error:
            log.warning("%s: what it may have left behind was not looked for: %s", self.name, error)


def _luck() -> float:
    return random.random()  # noqa: S311 - no secret


def _other_limits(before: BotSettings | None, after: BotSettings | None) -> bool:
    """A bot that was given up by a limit is tried again when that limit is another one now."""
    if before is None or after is None:
        return False
    return (before.start_budget, before.max_crashes) != (after.start_budget, after.max_crashes)
