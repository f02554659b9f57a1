"""A living process of a bot, held by pidfds, whether this runner started it or an earlier one."""

import asyncio
import os
import signal
from collections.abc import Iterable
from pathlib import Path

from botdeck.runner import process
from botdeck.runner.process import Identity
from botdeck.runner.run_dir import RunDirectory

FIND_PATIENCE_S = 2.0
"""An earlier runner may have been killed between asking for a bot and its shim's first note."""


class Instance:
    """`pid` is None when the bot ended before anybody could look, or its shim could not start it; what is left then is
    a shim that sees to its end."""

    def __init__(self, identity: Identity | None, *, bot: int | None, shim: int | None) -> None:
        self._identity = identity
        self._bot = bot
        self._shim = shim

    @classmethod
    def of_shim(cls, run: RunDirectory, shim: int) -> "Instance":
        """The one just started; `shim` is a pidfd."""
        identity = run.identity()
        bot = process.open_process(identity.pid, identity.start_tick) if identity else None
        return cls(identity, bot=bot, shim=shim)

    @property
    def pid(self) -> int | None:
        return self._identity.pid if self._identity and self._bot is not None else None

    @property
    def identity(self) -> Identity | None:
        """None when no process is known to live."""
        return self._identity if self._bot is not None else None

    @property
    def watched(self) -> int:
        """The pidfd that tells the end: the shim's, since its note is written then; without a shim the bot's own."""
        fd = self._shim if self._shim is not None else self._bot
        assert fd is not None
        return fd

    def age_s(self) -> float | None:
        return process.age_s(self._identity.start_tick) if self._identity and self._bot is not None else None

    def terminate(self, number: signal.Signals) -> None:
        if self._bot is not None:
            process.terminate(self._bot, number)

    def kill(self) -> None:
        if self._identity is not None and self._bot is not None:
            process.kill_session(self._identity.pid, self._bot)

    def lost_its_shim(self) -> bool:
        """Called when `watched` told an end. True when it was only the shim's: the bot lives and is watched itself from
        now on, and its exit status will not be known."""
        if self._shim is None or self._bot is None or process.has_ended(self._bot):
            return False
        os.close(self._shim)
        self._shim = None
        return True

    def close(self) -> None:
        for fd in (self._bot, self._shim):
            if fd is not None:
                os.close(fd)
        self._bot = self._shim = None


async def find_instance(lock: Path, runs: Iterable[RunDirectory]) -> tuple[RunDirectory, Instance] | None:
    """What lives of a bot when a new runner begins; `runs` newest first. The lock is the truth: when it is free
    nothing lives, unless somebody deleted it."""
    runs = [run for run in runs if not run.over]
    deadline = process.boot_clock() + FIND_PATIENCE_S
    while True:
        held = _is_held(lock)
        for run in runs:
            if instance := _living(run, lock, free=not held):
                return run, instance
        if not held or process.boot_clock() > deadline:
            return None
        await asyncio.sleep(0.01)


def _is_held(lock: Path) -> bool:
    fd = process.take_lock(lock)
    if fd is None:
        return True
    os.close(fd)
    return False


def _living(run: RunDirectory, lock: Path, *, free: bool) -> Instance | None:
    identity = run.identity()
    if identity is None or (free and identity.boot_id != process.boot_id()):
        return None
    # Somebody deleted the lock; or this is a copy of the folder, and what lives is another runner's.
    if free and not process.lives_in(identity, lock.parent):
        return None
    bot = process.open_process(identity.pid, identity.start_tick)
    if bot is None:
        return _ending(identity, lock)
    shim = process.open_parent(identity.pid, expected=identity.shim)
    # A tick lasts 10 ms, in which somebody else may have got the pid.
    if shim is None and not process.carries_run(identity.pid, run.run.id) and not process.has_open(identity.pid, lock):
        os.close(bot)
        return None
    return Instance(identity, bot=bot, shim=shim)


def _ending(identity: Identity, lock: Path) -> Instance | None:
    """The bot is gone, and its shim has still to say how or to end what was left behind."""
    try:
        shim = os.pidfd_open(identity.shim)
    except OSError:
        return None
    if process.has_open(identity.shim, lock):
        return Instance(identity, bot=None, shim=shim)
    os.close(shim)
    return None
