"""How a run ended, from what its shim noted and what the disk shows."""

import errno
import random
import signal
from dataclasses import replace
from datetime import UTC, datetime

from botdeck import lifecycle
from botdeck.lifecycle import CannotStart, Ended, Life
from botdeck.models import Cause, PostMortem
from botdeck.runner import process
from botdeck.runner.environment import in_words
from botdeck.runner.process import TICKS_PER_S
from botdeck.runner.run_dir import RunDirectory
from botdeck.settings import BotSettings

PASSING = frozenset({errno.EAGAIN, errno.ENOMEM, errno.ENOSPC, errno.ETXTBSY, errno.EMFILE, errno.ENFILE, errno.EIO})
"""Why a program could not be started, when another attempt may do: the system is short of something, or the file of the
program is just being written."""


def finish(run: RunDirectory, life: Life, settings: BotSettings | None, remains: PostMortem) -> CannotStart | Ended:
    """Write the end into the run's record; `life` is the one during the run. Returns what happened, for lifecycle."""
    happening = _what_happened(run, settings)
    if isinstance(happening, CannotStart):
        close(run, f"did not start: {happening.reason}")
    elif happening.trouble:
        close(run, happening.in_words())
    elif run.identity() is None and run.exit() is None:
        close(run, "did not start: its runner ended first")
    else:
        _write_end(run, life, happening, remains)
    return happening


def close(run: RunDirectory, reason: str) -> None:
    """End a run that never had a process."""
    run.ended(replace(run.run, ended_at=_ended_at(run), reason=reason, cause=Cause.CANNOT_START))


def _write_end(run: RunDirectory, life: Life, ended: Ended, remains: PostMortem) -> None:
    ending, note = lifecycle.ending_of(life, ended), run.exit()
    run.ended(
        replace(
            run.run,
            ended_at=_ended_at(run),
            exit_code=ended.exit_code,
            signal=ended.signal,
            reason=lifecycle.end_in_words(life, ended),
            cause=ending.cause,
            operator=ending.operator,
            stop_timed_out=ending.timed_out,
            cpu_s=None if note is None or note.user_s is None else round(note.user_s + (note.system_s or 0.0), 3),
            peak_memory_bytes=None if note is None or note.peak_kib is None else note.peak_kib * 1024,
            post_mortem=remains,
        )
    )


def _what_happened(run: RunDirectory, settings: BotSettings | None) -> CannotStart | Ended:
    note, identity = run.exit(), run.identity()
    luck = random.random()  # noqa: S311 - no secret
    if note is None:
        lived_s = (_ended_at(run) - run.run.started_at).total_seconds()
        host_lost = identity is not None and identity.boot_id != process.boot_id()
        return Ended(lived_s=max(0.0, lived_s), luck=luck, host_lost=host_lost)
    if note.trouble is not None:
        reason = in_words(note.trouble, settings, events=run.events.path)
        if note.trouble.get("errno") in PASSING:
            return Ended(lived_s=0.0, luck=luck, trouble=reason)
        return CannotStart(reason=reason)
    return Ended(
        lived_s=max(0.0, note.at - identity.start_tick / TICKS_PER_S) if identity else 0.0,
        exit_code=note.code if note.code >= 0 else None,
        signal=_signal_name(-note.code) if note.code < 0 else None,
        oom=note.oom,
        luck=luck,
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
