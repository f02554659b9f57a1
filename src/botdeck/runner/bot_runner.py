"""One bot: tells lifecycle what happened, and does what it says."""

import asyncio
import contextlib
import logging
import os
import random
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum, auto
from pathlib import Path

from botdeck import lifecycle
from botdeck.errors import ActionRefused
from botdeck.lifecycle import ALIVE, Adopted, Asked, CannotStart, Due, Ended, Happening, Leaving, Life, Order, Vacant
from botdeck.models import Action, Bot, BotStatus, Run, Sample, State, Wanted
from botdeck.runner import endings, process
from botdeck.runner.deck_link import DeckLink
from botdeck.runner.environment import CannotRun, system_user
from botdeck.runner.instance import Instance, find_instance
from botdeck.runner.journal import Entry, Journal
from botdeck.runner.kept_runs import KeptRuns
from botdeck.runner.launch import launch, take_bot_lock
from botdeck.runner.run_dir import FOLDER_MODE, RunDirectory, new_run_id
from botdeck.runner.sampler import Living
from botdeck.runner.spawner import Spawner, SpawnTrouble
from botdeck.runner.tail import Tail
from botdeck.runner.whole_file import Unwritten
from botdeck.settings import BotSettings

log = logging.getLogger(__name__)

MOST_ORDERS = 100
"""Orders that wait for one bot; more are refused."""


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
    short_of: Callable[[int | None], None]
    """Told the error number when the system had no more of something."""
    changed: Callable[[], None]
    """Called after anything happened to a bot."""


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
        self._sample: Sample | None = None
        """Of the last process that was sampled."""
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
        life, age = self._life, self._instance.age_s() if self._instance else None
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
            restarts=life.restarts,
            sample=self._sample_now(),
            retry_in_s=self._retry_in_s(),
            runner=self._tools.runner_name,
            description=self.settings.description if self.settings else "",
        )

    def _sample_now(self) -> Sample | None:
        sample, living = self._sample, self.living()
        return sample if sample and living and sample.run == living.run else None

    def ask(self, action: Action, operator: str) -> "asyncio.Future[None]":
        """Done when the order was taken and its first effect reported. Raises ActionRefused, now or from the future."""
        if self.settings is None and action in (Action.START, Action.RESTART):
            raise ActionRefused(f"{self.name}: it is no longer in botdeck.toml")
        if len(self._inbox) >= MOST_ORDERS:
            raise ActionRefused(f"{self.name}: {MOST_ORDERS} orders are waiting already")
        answer: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._put(Asked(action=action, operator=operator), answer)
        return answer

    def leave(self) -> None:
        """End the process; what is wanted stays as it is."""
        self._put(Leaving())

    def configure(self, settings: BotSettings | None) -> None:
        """New settings take effect at the next start; None stops the bot."""
        before, self.settings = self.settings, settings
        if settings is None and before is not None:
            log.info("%s: no longer configured", self.name)
            self._put(Asked(action=Action.STOP, operator="its removal from the configuration"))
        elif before is None and settings is not None and settings.autostart:
            self._put(Asked(action=Action.START, operator="the configuration"))

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

    def sampled(self, sample: Sample) -> None:
        """What it uses now."""
        age = self._instance.age_s() if self._instance else None
        if self._run is None or age is None or sample.run != self._run.run.id:
            return  # it ended meanwhile
        self._sample = sample
        self._run.memory.add(age, sample.memory_bytes)

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
            self._life, self._since, self._run_in_course = entry.life(), entry.since, entry.run
        self._kept.open_all()
        runs = self._kept.newest_first()
        self._run = runs[0] if runs else None
        found = await find_instance(self._dir / "lock", runs)
        if found is not None:
            self._adopt(*found)
        else:
            self._put(Vacant(ended=self._finish_unseen(entry)))
        if self.settings is None:
            self._put(Asked(action=Action.STOP, operator="its removal from the configuration"))
        self._kept.ship_all()

    def cannot_be_kept(self, reason: str) -> None:
        """Its folder cannot be used. An order may try again."""
        self._put(CannotStart(reason=f"its folder {self._dir} cannot be used: {reason}"))

    def _adopt(self, run: RunDirectory, instance: Instance) -> None:
        # First of all: whatever goes wrong from here on, a bot that lives is known to live.
        self._run, self._instance, self._run_in_course = run, instance, run.run.id
        self._watch()
        self._put(Adopted(lived_s=instance.age_s() or 0.0))
        log.info("%s: taken over, pid %d, run %s", self.name, instance.pid, run.run.id)
        self._kept.end_unseen(self._life, self.settings, living=run)

    def _finish_unseen(self, entry: Entry | None) -> Ended | None:
        """Runs that ended while no runner lived. Returns the end of the one that the journal has as living."""
        self._kept.end_unseen(self._life, self.settings, living=None)
        run = self._kept.get(entry.run) if entry and entry.state in ALIVE else None
        if run is None or (run.identity() is None and run.exit() is None):
            return None  # it never began
        happening = endings.finish(run, self._life, self.settings)
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
        self._kept.close()

    def _put(self, news: Happening | _Signal, answer: "asyncio.Future[None] | None" = None) -> None:
        self._inbox.append((news, answer))
        self._news.set()

    async def _next(self) -> None:
        """Wait for the next thing that happens to this bot, the clock included, and deal with it."""
        if not self._inbox:
            self._news.clear()
            due_at = self._life.due_at
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(None if due_at is None else max(0.0, due_at - process.boot_clock())):
                    await self._news.wait()
        if not self._inbox:
            await self._happen(Due())
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
                self._instance.terminate()
            case Order.KILL if self._instance:
                self._instance.kill()

    def _policy(self) -> lifecycle.Policy:
        if self.settings is None:
            return lifecycle.Policy()
        return lifecycle.Policy(restart=self.settings.restart, stop_timeout_s=self.settings.stop_timeout_s)

    def _changed(self, before: Life) -> None:
        life = self._life
        self._save()
        if (life.state, life.reason) != (before.state, before.reason):
            retry = self._retry_in_s()
            after = f", next start in {retry:.1f} s" if retry else ""
            log.info("%s: %s%s%s", self.name, life.state.value, f" ({life.reason})" if life.reason else "", after)
        self._tools.link.report_status(self.status())

    def _save(self) -> None:
        self._tools.journal[self.name] = Entry.of(self._life, self._since, self._run_in_course)

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
            await self._start(self.settings, run)
        except CannotRun as error:
            await self._not_started(run, CannotStart(reason=str(error)))
        except (SpawnTrouble, OSError) as error:
            log.error("%s: cannot be started now: %s", self.name, error)
            self._tools.short_of(error.errno)
            trouble = str(error).rstrip(".")
            await self._not_started(run, Ended(lived_s=0.0, luck=_luck(), trouble=trouble))

    async def _start(self, settings: BotSettings, run: Run) -> None:
        """Raises CannotRun when trying again will not help, SpawnTrouble or OSError when it may."""
        tools = self._tools
        user = await asyncio.to_thread(system_user, settings.user) if settings.user is not None else None
        lock = await take_bot_lock(self._dir / "lock", self._run.run.id if self._run else None)
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

    async def _ended(self) -> None:
        instance, run = self._instance, self._run
        assert instance is not None
        assert run is not None
        if instance.lost_its_shim():
            log.warning("%s: its shim was killed; the bot goes on, but how it ends will not be known", self.name)
            self._watch()
            return
        instance.close()
        self._instance = None
        try:
            await asyncio.to_thread(process.kill_strays, run.run.id)
        except OSError as error:
            log.warning("%s: what it may have left behind was not looked for: %s", self.name, error)
        if (exit_note := run.exit()) and exit_note.trouble:
            self._tools.short_of(exit_note.trouble.get("errno"))
        happening = self._kept.end(run, self._life, self.settings)
        await self._happen(happening)


def _luck() -> float:
    return random.random()  # noqa: S311 - no secret
