"""`botdeck reload`: what differs between botdeck.toml and what the runner runs with, and only that is touched.

It needs no deck: the runner's note says what it runs with, and SIGHUP has it read the file.
"""

import json
import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.text import Text

from botdeck.changes import (
    Applied,
    NotApplied,
    differing,
    needs_new_process,
    prints_of_bot,
    prints_of_programs,
    read_applied,
)
from botdeck.cli.ground import Config, fail, out, settings_of
from botdeck.data_dir import lock_holder
from botdeck.errors import BotdeckError
from botdeck.models import State
from botdeck.settings import BotSettings, Settings

READING_S = 20.0
"""For the runner to read the file; after that something is wrong with it."""
BEGINNING_S = 5.0
"""For a bot to show whether it works; after that it is told to be starting."""
_BETWEEN = frozenset({"", State.STARTING, State.STOPPING})
_BAD = frozenset({State.BACKOFF, State.FAILED})


class ReloadFailed(BotdeckError):
    """The runner did not take the configuration; bots are as they were."""


@dataclass(frozen=True, slots=True)
class Changes:
    """What differs. `changed` has the names of the settings."""

    added: list[BotSettings]
    removed: list[str]
    changed: dict[str, list[str]]
    programs: list[str]

    @classmethod
    def between(cls, applied: Applied, settings: Settings) -> "Changes":
        prints = {bot.name: prints_of_bot(bot, applied.key) for bot in settings.bots}
        differences = {name: differing(applied.bots[name], prints[name]) for name in prints if name in applied.bots}
        return cls(
            added=[bot for bot in settings.bots if bot.name not in applied.bots],
            removed=[name for name in applied.bots if name not in prints],
            changed={name: what for name, what in differences.items() if what},
            programs=differing(applied.programs, prints_of_programs(settings, applied.key)),
        )

    @property
    def of_bots(self) -> bool:
        return bool(self.added or self.removed or self.changed)

    def restarted(self) -> list[str]:
        return [name for name, what in self.changed.items() if any(map(needs_new_process, what))]


def reload(
    config: Config = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what differs.")] = False,
) -> None:
    """Read botdeck.toml again: show what differs, and touch only that. Other bots keep running as they are."""
    settings = settings_of(config)
    try:
        runner, applied = _runner(settings)
        changes = Changes.between(applied, settings)
        _show(changes, settings)
        if dry_run or not changes.of_bots:
            return
        _have_it_read(runner, applied, settings)
        good = _tell_outcome(changes, settings, applied)
    except BotdeckError as error:
        fail(error)
    raise typer.Exit(0 if good else 1)


def refuse_other_changes(settings: Settings, bot: str | None) -> None:
    """Raises ReloadFailed when a reload would touch another bot than this."""
    _, applied = _runner(settings)
    changes = Changes.between(applied, settings)
    others = {*(new.name for new in changes.added), *changes.removed, *changes.changed} - {bot}
    if others:
        raise ReloadFailed(
            f"{settings.path} also differs from what the runner runs in: {', '.join(sorted(others))}. Say `botdeck "
            "reload` first, which shows what differs and applies it, or take that back. Nothing was started."
        )


def bring_in(settings: Settings) -> None:
    """Have the runner run what the file says, when it does not yet. Raises ReloadFailed."""
    runner, applied = _runner(settings)
    if Changes.between(applied, settings).of_bots:
        _have_it_read(runner, applied, settings)


def _runner(settings: Settings) -> tuple[int, Applied]:
    """Pid of the runner, and what it runs with."""
    pid = lock_holder(settings.data_dir / "runner" / "lock")
    if pid is None:
        raise ReloadFailed(f"No runner runs with {settings.data_dir}; one that starts reads the file. Say: botdeck up")
    try:
        applied = read_applied(settings.data_dir)
    except PermissionError as error:
        raise ReloadFailed(f"{error.filename} may not be read by you; run this as the user of the runner.") from None
    except NotApplied as error:
        again = "Start the runner anew, which leaves the bots running: botdeck down --keep-bots, and botdeck up"
        raise ReloadFailed(f"The runner (pid {pid}) does not tell what it runs with: {error}. {again}") from None
    if applied.config != str(settings.path):
        raise ReloadFailed(
            f"The runner (pid {pid}) reads {applied.config}, not {settings.path}. Say: --config {applied.config}"
        )
    return pid, applied


# What differs.


def _show(changes: Changes, settings: Settings) -> None:
    for bot in changes.added:
        _say(f"+ {bot.name}{'' if bot.autostart else '  (autostart = false: it waits for `botdeck start`)'}", "green")
    for name in changes.removed:
        _say(f"- {name}  (is stopped)", "red")
    for name, what in changes.changed.items():
        effect = "needs a new process" if name in changes.restarted() else "counts at once"
        _say(f"~ {name}: {', '.join(map(_named, what))}  ({effect})", "yellow")
    if not changes.of_bots:
        _say(f"The bots of {settings.path} are as the runner runs them.")
    if changes.programs:
        sections = {key.partition(".")[0] for key in changes.programs}
        keys = ", ".join(f"[{section}] {key}" for section, _, key in (one.partition(".") for one in changes.programs))
        programs = " and ".join(f"the {section}" for section in sorted(sections))
        again = "say `botdeck down --keep-bots` and `botdeck up`; the bots go on"
        _say(f"{keys} changed since the runner started. For {programs} {again}.")


def _named(setting: str) -> str:
    return f"{setting} (value hidden)" if setting.startswith("env.") else setting


def _say(line: str, style: str = "") -> None:
    out.print(Text(line, style=style), soft_wrap=True)


# Having it done.


def _have_it_read(runner: int, before: Applied, settings: Settings) -> None:
    """Returns when the runner has read the file and ordered what follows. Raises ReloadFailed."""
    try:
        os.kill(runner, signal.SIGHUP)
    except PermissionError:
        raise ReloadFailed(f"The runner (pid {runner}) is another user's; run this as that user.") from None
    except ProcessLookupError:
        raise ReloadFailed("The runner ended just now; one that starts reads the file.") from None
    if not _until(lambda: _applied(settings, before).generation != before.generation, READING_S):
        raise ReloadFailed(f"The runner (pid {runner}) did not read the file within {READING_S:g} s; see its log.")
    if trouble := _applied(settings, before).trouble:
        raise ReloadFailed(f"The runner refused: {trouble}")


def _tell_outcome(changes: Changes, settings: Settings, before: Applied) -> bool:
    """Wait until it is done, and say how each bot is that was touched. True when all is well."""
    patience_s = max((bot.stop_timeout_s for bot in settings.bots), default=0.0) + READING_S
    _until(lambda: not Changes.between(_applied(settings, before), settings).of_bots, patience_s)
    left = Changes.between(_applied(settings, before), settings)
    touched = [*(bot.name for bot in changes.added if bot.autostart), *changes.restarted()]
    _until(lambda: not any(_state(settings.data_dir, name)[0] in _BETWEEN for name in touched), BEGINNING_S)
    states = {name: _state(settings.data_dir, name) for name in touched}
    for name, (state, reason) in states.items():
        old = ", still with its old definition" if name in left.changed else ""
        _say(f"{name} is {state or 'not begun'}{old}{f': {reason}' if reason else ''}")
    for name in changes.removed:
        _say(f"{name} {'is still being stopped' if name in left.removed else 'is gone'}")
    return not left.of_bots and not any(state in _BAD for state, _ in states.values())


def _applied(settings: Settings, otherwise: Applied) -> Applied:
    try:
        return read_applied(settings.data_dir)
    except (NotApplied, PermissionError):
        return otherwise


def _state(data_dir: Path, bot: str) -> tuple[str, str]:
    """Its state and the reason, as the runner keeps them; empty when it keeps none."""
    try:
        entry: Any = json.loads((data_dir / "runner" / "journal.json").read_text("utf-8"))["bots"][bot]
        return str(entry["state"]), str(entry.get("reason", ""))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return "", ""


def _until(condition: Callable[[], bool], patience_s: float) -> bool:
    deadline = time.monotonic() + patience_s
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True
