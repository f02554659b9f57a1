"""The runner: puts its parts together, obeys signals, reads the configuration again.

SIGINT ends the bots and then the runner; the next runner starts them again. SIGTERM ends the runner alone; the next one
takes the bots over. SIGHUP reads botdeck.toml again.
"""

import argparse
import asyncio
import contextlib
import hashlib
import logging
import os
import resource
import signal
import socket
import sys
import time
from collections.abc import Callable, Coroutine
from functools import partial
from pathlib import Path
from zoneinfo import ZoneInfo

from botdeck.data_dir import hold_lock, lock_holder, make_data_dir
from botdeck.errors import BotdeckError, ConfigError, UnknownBot
from botdeck.models import Action, HostLoad, Sample
from botdeck.protocol.frames import Member, Samples
from botdeck.runner import holes
from botdeck.runner.applied import AppliedNote
from botdeck.runner.bot_runner import BotRunner, Tools
from botdeck.runner.budget import Budgets
from botdeck.runner.deck_address import NoDeck, find_deck, parse_url
from botdeck.runner.deck_link import DeckLink
from botdeck.runner.environment import without_botdeck
from botdeck.runner.heap import keep_freed_memory
from botdeck.runner.host_watch import HostWatch
from botdeck.runner.journal import Journal
from botdeck.runner.process import boot_clock, boot_id
from botdeck.runner.run_dir import FOLDER_MODE, RunDirectory
from botdeck.runner.sampler import Living, Sampler
from botdeck.runner.spawner import Spawner
from botdeck.runner.stream import Stream
from botdeck.runner.tail import Tail
from botdeck.runner.troubles import Troubles
from botdeck.runner.whole_file import Unwritten
from botdeck.sdk.install import copy_sdk
from botdeck.settings import CONFIG_NAME, Settings, find_config, load_settings

log = logging.getLogger(__name__)

WRITE_AGAIN_S = 5.0
"""Between attempts to write what the disk had no room for."""
LAST_SHIPMENT_S = 3.0
"""How long a runner that ends waits for the deck to take what the bots said last."""


class AnotherRunner(BotdeckError):
    """One runner keeps the bots of a data directory."""


class Broken(BotdeckError):
    """A part of the runner ended by itself: a mistake in it. The bots go on, for a runner that is started anew."""


class Runner:
    """All bots of one configuration. Use `run` once."""

    def __init__(self, settings: Settings, *, name: str | None, deck_url: str | None) -> None:
        self._settings = settings
        self._bots: dict[str, BotRunner] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._helpers: list[asyncio.Task[None]] = []
        self._changed = asyncio.Event()
        self._stop: signal.Signals | None = None
        self._adding: set[asyncio.Task[None]] = set()
        data_dir = settings.data_dir
        own = data_dir / "runner"
        make_data_dir(data_dir)
        for folder in (own, own / "bots"):
            _make_folder(folder)
        self._lock = _take_runner_lock(own / "lock", data_dir)
        self._applied = AppliedNote(data_dir, settings)
        address = partial(find_deck, data_dir, url=deck_url, base_path=self._base_path, name=name)
        host = socket.gethostname()
        self._troubles = Troubles(self._report_troubles)
        self._link = DeckLink(host, self, address, instance=instance_of(data_dir), trouble=self._troubles.set)
        self._budgets = Budgets(data_dir, lambda: self._settings, ship=self._link.grown)
        self._watch = HostWatch(self._troubles, data_dir=data_dir, state=own)
        self._sampler = Sampler(self, data_dir)
        self._tools = Tools(
            runner_name=name or host,
            bots_dir=own / "bots",
            autoload=_lay_out_sdk(own / "sdk"),
            own_environment=os.environ.copy(),
            journal=Journal(own / "journal.json"),
            spawner=Spawner(without_botdeck(os.environ)),
            tail=Tail(self._grown, self._troubles.set),
            link=self._link,
            time_zone=lambda: ZoneInfo(self._settings.deck.time_zone),
            short_of=self._short_of,
            changed=self._changed.set,
            process_begins=self._applied.process_begins,
        )
        if damage := self._tools.journal.damage:
            self._watch.journal_damaged(damage, boot_clock())

    def _base_path(self) -> str:
        return self._settings.deck.base_path

    # What the link asks.

    def fleet(self) -> list[Member]:
        order = [bot.name for bot in self._settings.bots]
        names = [*(name for name in order if name in self._bots), *(name for name in self._bots if name not in order)]
        return [Member(bot=self._bots[name].member(), status=self._bots[name].status()) for name in names]

    def obey(self, bot: str, action: Action, operator: str) -> asyncio.Future[None]:
        known = self._bots.get(bot)
        if known is None:
            raise UnknownBot(bot, list(self._bots))
        log.info("%s: %s, says %s", bot, action.value, operator)
        return known.ask(action, operator)

    def shipped(self, run: RunDirectory) -> None:
        if bot := self._bots.get(run.run.bot):
            bot.shipped(run)
            self._changed.set()

    def troubles(self) -> list[str]:
        return self._troubles.sentences()

    def _report_troubles(self) -> None:
        self._link.report_troubles()

    # What the tail tells.

    def _grown(self, stream: Stream) -> None:
        """The bot's health hears it first, then what is too much is dropped, and the rest is shipped."""
        if bot := self._bots.get(stream.bot):
            bot.grew(stream)
        self._budgets.grown(stream)
        self._link.grown(stream)

    # What the sampler asks and tells.

    def living(self) -> list[Living]:
        return [living for bot in self._bots.values() if (living := bot.living())]

    def sampled(self, samples: list[Sample], load: HostLoad) -> None:
        for sample in samples:
            self._bots[sample.bot].sampled(sample)
        self._link.report_samples(Samples(samples=samples, load=load))
        self._watch.look_at_load(load, self._settings.runner.disk_floor_mb)

    def not_sampled(self, error: OSError) -> None:
        log.debug("Bots could not be sampled: %s", error)
        self._short_of(error.errno)

    def _short_of(self, error: int | None) -> None:
        self._watch.short_of(error, boot_clock())

    # Its life.

    async def run(self) -> None:
        """Until a signal says otherwise."""
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, self._on_stop, number)
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, self._reload)
        try:
            self._help("what follows the bots' files", self._tools.tail.run())
            self._help("what writes again", self._keep_writing())
            await self._begin()
            self._help("what samples the bots", self._sampler.run())
            self._help("the link to the deck", self._link.run())
            await self._until_stopped()
        finally:
            await _cancel([*self._helpers, *self._adding, *self._tasks.values()])
            self._tools.spawner.close()
            self._budgets.close()
            self._write_again()
            for bot in self._bots.values():
                bot.close()
            os.close(self._lock)

    def _help(self, name: str, work: Coroutine[None, None, None]) -> None:
        """Work that goes on for as long as the runner does."""
        task = asyncio.create_task(work, name=name)
        task.add_done_callback(lambda _: self._changed.set())
        self._helpers.append(task)

    def _check_helpers(self) -> None:
        for task in self._helpers:
            if task.done():
                error = task.exception()
                log.error("%s ended", task.get_name(), exc_info=error)
                raise Broken(f"{task.get_name()} ended unexpectedly ({error!r})")

    async def _begin(self) -> None:
        configured = {bot.name: bot for bot in self._settings.bots}
        left = [path.name for path in sorted(self._tools.bots_dir.iterdir()) if path.is_dir()]
        for name in dict.fromkeys([*configured, *left]):
            self._bots[name] = BotRunner(name, configured.get(name), self._tools)
        for name in set(self._tools.journal.bots()) - set(self._bots):
            del self._tools.journal[name]
        await asyncio.gather(*(self._begin_bot(bot) for bot in self._bots.values()))
        self._applied.begin(self._settings, self._has_process, left)

    def _has_process(self, name: str) -> bool:
        bot = self._bots.get(name)
        return bot is not None and bot.living() is not None

    async def _begin_bot(self, bot: BotRunner) -> None:
        try:
            await bot.begin()
        except OSError as error:
            log.error("%s: cannot be kept: %s", bot.name, error)
            bot.cannot_be_kept(str(error))
        except Exception as error:  # whatever it is, the others are kept
            log.exception("%s: cannot be kept", bot.name)
            bot.cannot_be_kept(f"{error!r}; the runner's log says more")
        self._tasks[bot.name] = asyncio.create_task(bot.run(), name=bot.name)

    async def _keep_writing(self) -> None:
        while True:
            self._look_for_trouble()
            await asyncio.sleep(WRITE_AGAIN_S)

    def _look_for_trouble(self) -> None:
        if error := self._link.unreadable:
            self._short_of(error.errno)
        unwritten, unwatchable = self._write_again(), self._tools.tail.unwatchable > 0
        self._watch.look(unwritten=unwritten, unwatchable=unwatchable, wall=time.time(), now=boot_clock())
        self._troubles.set("holes", holes.trouble())
        self._budgets.look_at_disk()

    def _write_again(self) -> list[Unwritten]:
        """What the disk had no room for, if anything. Returns what it still has none for."""
        files = [self._tools.journal.write_again(), self._applied.write_again()]
        records = [unwritten for bot in self._bots.values() for unwritten in bot.write_again()]
        return [*filter(None, files), *records]

    async def _until_stopped(self) -> None:
        while self._stop is None:
            self._changed.clear()
            self._check_helpers()
            await self._forget_gone_bots()
            await self._changed.wait()
        if self._stop is signal.SIGINT:
            await self._take_bots_along()
        else:
            log.info("The runner ends; the bots go on.")

    async def _take_bots_along(self) -> None:
        """SIGINT. A SIGTERM meanwhile leaves the rest as it is."""
        log.info("The runner ends and stops its bots.")
        for bot in self._bots.values():
            bot.leave()
        await self._wait_until(lambda: self._stop is not signal.SIGINT or all(bot.idle for bot in self._bots.values()))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LAST_SHIPMENT_S):
                await self._wait_until(lambda: self._stop is not signal.SIGINT or self._link.caught_up)

    async def _wait_until(self, condition: Callable[[], bool]) -> None:
        while not condition():
            self._changed.clear()
            await self._changed.wait()

    def _on_stop(self, number: signal.Signals) -> None:
        self._stop = number
        self._changed.set()

    # Configuration.

    def _reload(self) -> None:
        try:
            settings = load_settings(self._settings.path)
        except ConfigError as error:
            self._refuse(f"The configuration stays as it was, for the new one is broken: {error}")
            return
        if settings.data_dir != self._settings.data_dir:
            self._refuse("data_dir cannot be changed while the runner runs; the configuration stays as it was.")
            return
        self._settings = settings
        log.info("%s was read again.", settings.path)
        changed = self._applied.change(settings, self._has_process)
        for name, bot in self._bots.items():
            bot.configure(settings.bot(name), new_process=name in changed)
        adding = asyncio.create_task(self._add([bot.name for bot in settings.bots]))
        self._adding.add(adding)
        adding.add_done_callback(self._adding.discard)

    def _refuse(self, trouble: str) -> None:
        log.error("%s", trouble)
        self._applied.refused(trouble)

    async def _add(self, names: list[str]) -> None:
        for name in names:
            if name in self._bots:  # also when another reading of the configuration added it meanwhile
                continue
            bot = self._bots[name] = BotRunner(name, self._settings.bot(name), self._tools)
            await self._begin_bot(bot)
        self._link.report_fleet()
        self._applied.done()
        self._changed.set()

    async def _forget_gone_bots(self) -> None:
        self._applied.forget(self._settings, self._has_process)
        gone = [bot for bot in self._bots.values() if bot.gone]
        for bot in gone:  # at once, for the next reading of the configuration may bring one of them back
            log.info("%s: gone", bot.name)
            del self._bots[bot.name]
            bot.erase()
        if gone:
            self._link.report_fleet()
            await _cancel([task for bot in gone if (task := self._tasks.pop(bot.name, None))])


def main(argv: list[str]) -> int:
    """0: it ended as told; 1: it could not work; 2: bad configuration or usage."""
    parser = argparse.ArgumentParser(prog="botdeck.runner", description="Keeps bots running and reports to a deck.")
    parser.add_argument("--config", type=Path, help=f"the {CONFIG_NAME} to use; otherwise the nearest one above")
    parser.add_argument("--deck", metavar="URL", help="the deck to report to; otherwise the one of the data directory")
    parser.add_argument("--name", help="what this runner is called; default: as it joined, or else the host")
    options = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s runner %(levelname)s %(message)s", stream=sys.stderr)
    logging.getLogger("websockets").setLevel(logging.CRITICAL)  # what matters of it is said here, in one line
    try:
        settings = load_settings(options.config or find_config(Path.cwd()))
        if options.deck is not None:
            parse_url(options.deck)
    except (ConfigError, NoDeck) as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 2
    try:
        _raise_limit_of_open_files()
        keep_freed_memory()
        asyncio.run(_run(settings, options))
    except (BotdeckError, OSError) as error:
        print(f"The runner cannot work: {error}", file=sys.stderr)  # noqa: T201
        return 1
    return 0


async def _run(settings: Settings, options: argparse.Namespace) -> None:
    await Runner(settings, name=options.name, deck_url=options.deck).run()


def _raise_limit_of_open_files() -> None:
    """Two files and two pidfds a bot; the bots themselves keep the limit that this program was started with."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 65536 if hard == resource.RLIM_INFINITY else min(hard, 65536)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _make_folder(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(
        OSError
    ):  # a file system that can only be read: the bots in it are taken over all the same
        folder.chmod(FOLDER_MODE)  # whatever the umask says


def _take_runner_lock(path: Path, data_dir: Path) -> int:
    lock = hold_lock(path)
    if lock is None:
        first = lock_holder(path)
        raise AnotherRunner(f"another runner (pid {first}) keeps the bots of {data_dir} already. End that one first.")
    return lock


def instance_of(data_dir: Path) -> str:
    """Which runner this is, whatever it is called: the same after a crash, another for a copy of the folder or of the
    whole machine."""
    folder = data_dir.stat()
    return hashlib.sha256(f"{boot_id()}/{folder.st_dev}/{folder.st_ino}".encode()).hexdigest()[:16]


def _lay_out_sdk(target: Path) -> Path | None:
    try:
        return copy_sdk(target)
    except OSError as error:
        log.error("Bots are not instrumented, for %s cannot be written: %s", target, error.strerror)
        return None


async def _cancel(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
