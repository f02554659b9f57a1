"""How a run ended, from what its shim noted and what the disk shows."""

import errno
import random
import signal
from datetime import UTC, datetime

from botdeck import lifecycle
from botdeck.lifecycle import CannotStart, Ended, Life
from botdeck.runner.environment import in_words
from botdeck.runner.process import TICKS_PER_S
from botdeck.runner.run_dir import RunDirectory
from botdeck.settings import BotSettings

PASSING = frozenset({errno.EAGAIN, errno.ENOMEM, errno.ENOSPC, errno.ETXTBSY, errno.EMFILE, errno.ENFILE, errno.EIO})
"""Why a program could not be started, when another attempt may do: the system is short of something, or the file of the
program is just being written."""


def finish(run: RunDirectory, life: Life, settings: BotSettings | None) -> CannotStart | Ended:
    """Write the end into the run's record; `life` is the one during the run. Returns what happened, for lifecycle."""
    happening = _what_happened(run, settings)
    if isinstance(happening, CannotStart):
        close(run, f"did not start: {happening.reason}")
    elif happening.trouble:
        close(run, happening.in_words())
    elif run.identity() is None and run.exit() is None:
        close(run, "did not start: its runner ended first")
    else:
        run.ended(
            at=_ended_at(run),
            exit_code=happening.exit_code,
            signal=happening.signal,
            reason=lifecycle.end_in_words(life, happening),
        )
    return happening


def close(run: RunDirectory, reason: str) -> None:
    """End a run that never had a process."""
    run.ended(at=_ended_at(run), exit_code=None, signal=None, reason=reason)


def _what_happened(run: RunDirectory, settings: BotSettings | None) -> CannotStart | Ended:
    exit_note = run.exit()
    if exit_note is None:
        lived_s = (_ended_at(run) - run.run.started_at).total_seconds()
        return Ended(lived_s=max(0.0, lived_s), luck=random.random())  # noqa: S311 - no secret
    if exit_note.trouble is not None:
        reason = in_words(exit_note.trouble, settings, events=run.events.path)
        if exit_note.trouble.get("errno") in PASSING:
            return Ended(lived_s=0.0, luck=random.random(), trouble=reason)  # noqa: S311 - no secret
        return CannotStart(reason=reason)
    identity = run.identity()
    return Ended(
        lived_s=max(0.0, exit_note.at - identity.start_tick / TICKS_PER_S) if identity else 0.0,
        exit_code=exit_note.code if exit_note.code >= 0 else None,
        signal=_signal_name(-exit_note.code) if exit_note.code < 0 else None,
        luck=random.random(),  # noqa: S311 - no secret
    )


def _ended_at(run: RunDirectory) -> datetime:
    """When the shim noted the end, or else the last sign of life on disk."""
    for names in (["exit"], ["out", "events", "pid", "run.json"]):
        times = [(run.path / name).stat().st_mtime for name in names if (run.path / name).exists()]
        if times:
            return datetime.fromtimestamp(max(times), UTC)
    return run.run.started_at


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"  # a real-time one
