"""`botdeck up`: a deck and a runner on this machine, kept running. It holds no bot: bots outlive it."""

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType

from botdeck.cli.client import DeckClient
from botdeck.data_dir import hold_lock, lock_holder, make_data_dir, running_deck
from botdeck.errors import BotdeckError
from botdeck.models import BotStatus, State
from botdeck.settings import Settings

PR_SET_PDEATHSIG = 1
RETRY_S = (0.0, 1.0, 2.0, 5.0, 10.0, 30.0)
"""Delays before a program that died is started again; the last one repeats."""
STEADY_AFTER_S = 60.0
"""A program that lived this long starts again at once."""
DECK_STOP_S = 10.0
BEGINNING_S = 5.0
"""For a bot to show whether it works, before `up` says that all is up."""
UP_LOCK = "up.lock"


class AlreadyUp(BotdeckError):
    """Somebody else's `botdeck up` holds this data directory."""


class StackTrouble(BotdeckError):
    """The data directory cannot be used."""


class StackFailed(BotdeckError):
    """A program ended before it worked; it said why itself. `code` is its exit code."""

    def __init__(self, program: str, code: int) -> None:
        self.code = code if code > 0 else 1
        super().__init__(f"The {program} did not start; see the line above.")


@dataclass
class Program:
    """One of the two programs and its present process."""

    name: str
    command: list[str]
    process: subprocess.Popen[bytes] | None = None
    worked: bool = False
    """True once the stack was up with it; before that an end is final, after it, it is started again."""
    failures: int = 0
    started_at: float = 0.0
    due_at: float = 0.0

    def start(self, now: float) -> None:
        # Sessions of their own: Ctrl-C in the terminal reaches `up` alone, which ends them in the right order.
        self.process = subprocess.Popen(
            self.command, stdin=subprocess.DEVNULL, start_new_session=True, preexec_fn=_end_with_parent
        )
        self.started_at = now

    def tend(self, now: float) -> None:
        """Start it again when it is gone and the time has come. Raises StackFailed when it never worked."""
        if self.process is None:
            if now >= self.due_at:
                self._try_to_start(now)
            return
        code = self.process.poll()
        if code is None:
            return
        if not self.worked:
            raise StackFailed(self.name, code)
        if now - self.started_at >= STEADY_AFTER_S:
            self.failures = 0
        self._put_off(now, f"ended (exit code {code})")

    def _try_to_start(self, now: float) -> None:
        try:
            self.start(now)
        except OSError as error:  # no memory or no process to be had just now: no reason to end the other program
            self._put_off(now, f"cannot be started ({error.strerror})")

    def _put_off(self, now: float, why: str) -> None:
        delay = RETRY_S[min(self.failures, len(RETRY_S) - 1)]
        print(f"botdeck: the {self.name} {why}; starting it again in {delay:g} s", file=sys.stderr)
        self.process, self.due_at, self.failures = None, now + delay, self.failures + 1

    def signal(self, number: signal.Signals) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(number)

    def wait(self, timeout_s: float | None) -> bool:
        """True when it is gone."""
        if self.process is None:
            return True
        try:
            self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            return False
        return True


@dataclass
class Stack:
    """Use: `with Stack(settings) as stack: stack.run(on_up)`."""

    settings: Settings
    deck: Program = field(init=False)
    runner: Program = field(init=False)
    _stop_signal: signal.Signals | None = None
    _interrupts: int = 0

    def __post_init__(self) -> None:
        config = ["--config", str(self.settings.path)]
        self.deck = Program("deck", [sys.executable, "-m", "botdeck.deck", *config])
        self.runner = Program("runner", [sys.executable, "-m", "botdeck.runner", *config])

    def __enter__(self) -> "Stack":
        self._lock = take_lock(self.settings.data_dir)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1):
            signal.signal(number, self._on_signal)
        return self

    def __exit__(self, *_: object) -> None:
        self._end()
        os.close(self._lock)

    def run(self, on_up: Callable[[str], None]) -> None:
        """Start both, call `on_up(address)` when they work, and keep them until a signal comes.

        Raises StackFailed when one of them cannot start.
        """
        announced = False
        while self._stop_signal is None:
            now = time.monotonic()
            self.deck.tend(now)
            # Not before the deck works: if it cannot, this is the end, and no bot should have been started for it.
            if self.runner.process or self.deck.worked or self._deck_listens():
                self.runner.tend(now)
            if not announced and self._deck_listens() and (url := address_when_up(self.settings)):
                self.deck.worked = self.runner.worked = announced = True
                on_up(url)
            time.sleep(0.05 if not announced else 0.2)

    def _deck_listens(self) -> bool:
        """Our own: another one's word, or that of one that was killed, does not count."""
        deck = running_deck(self.settings.data_dir)
        return deck is not None and self.deck.process is not None and deck.pid == self.deck.process.pid

    def _on_signal(self, number: int, _: FrameType | None) -> None:
        self._interrupts += 1
        if self._stop_signal is None:
            self._stop_signal = signal.Signals(number)
        elif number == signal.SIGINT and self._interrupts == 2:
            print("botdeck: leaving the bots as they are", file=sys.stderr)
            self.runner.signal(signal.SIGTERM)

    def _end(self) -> None:
        # Without a signal it is `up` itself that failed, which is no operator's will: the bots go on.
        if self._stop_signal in (None, signal.SIGUSR1):
            self.runner.signal(signal.SIGTERM)
        else:
            if self.runner.process is not None and self.runner.worked:
                print("botdeck: stopping the bots (Ctrl-C again leaves them running)", file=sys.stderr)
            self.runner.signal(signal.SIGINT)
        # The deck stays until the runner is done, so that the last lines and ends of runs are stored.
        self.runner.wait(None)
        self.deck.signal(signal.SIGTERM)
        if not self.deck.wait(DECK_STOP_S):
            self.deck.signal(signal.SIGKILL)
            self.deck.wait(None)


def take_lock(data_dir: Path) -> int:
    """The lock that one `botdeck up` holds for its life. Raises AlreadyUp, StackTrouble."""
    try:
        make_data_dir(data_dir)
        lock = hold_lock(data_dir / UP_LOCK)
    except OSError as error:
        raise StackTrouble(f"Botdeck cannot keep anything in {data_dir}: {error}. Say another data_dir.") from None
    if lock is None:
        deck = running_deck(data_dir)
        at = f", at {deck.url}" if deck else ""
        raise AlreadyUp(f"Botdeck is up here already (pid {up_pid(data_dir)}){at}.")
    return lock


def up_pid(data_dir: Path) -> int | None:
    """Pid of the `botdeck up` that holds the data directory, or None."""
    return lock_holder(data_dir / UP_LOCK)


def address_when_up(settings: Settings) -> str | None:
    """The deck's address once it answers and the runner has told it of every bot that it was started or will not be."""
    deck = running_deck(settings.data_dir)
    if deck is None or lock_holder(settings.data_dir / "deck.lock") != deck.pid:
        return None  # another one's word, left behind or copied, while ours still begins
    try:
        client = DeckClient(settings.data_dir)
        known = {bot.bot: bot for bot in client.bots().bots}
    except BotdeckError:
        return None
    return client.url if all(_reported(known.get(bot.name)) for bot in settings.bots) else None


def _reported(bot: BotStatus | None) -> bool:
    if bot is None or bot.state is not State.STARTING:
        return bot is not None and bot.state is not State.UNKNOWN
    # What waits long for `ready`, or begins again and again, keeps nobody waiting for the deck.
    return bot.restarts > 0 or (datetime.now(UTC) - bot.since).total_seconds() > BEGINNING_S


def _end_with_parent() -> None:
    # SIGTERM makes the runner leave its bots alone: after `up` was killed, the next one adopts them.
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
