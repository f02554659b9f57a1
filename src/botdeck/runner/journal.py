"""What must outlive the runner about each bot: what is wanted, and how far its life had come."""

import json
import logging
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from botdeck.errors import ProtocolError
from botdeck.lifecycle import Ending, Life
from botdeck.models import State, Wanted
from botdeck.protocol.codec import from_json, to_json
from botdeck.restart_policy import QUARTER_S, History
from botdeck.runner.whole_file import Unwritten, WholeFile

VERSION = 1
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Starts:
    """How many there were in the quarter of an hour that began then."""

    since: int
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One bot. `run` is the run that belongs to the state; None before the first. Times are of the wall clock, in
    seconds, for the boot clock begins anew with the host."""

    wanted: Wanted
    state: State
    since: datetime
    reason: str = ""
    ending: Ending | None = None
    gave_up: bool = False
    crashes: int = 0
    restarts: int = 0
    crashes_total: int = 0
    operator_restarts: int = 0
    recent_crashes: list[int] = field(default_factory=list)
    recent_deaf_ends: list[int] = field(default_factory=list)
    starts: list[Starts] = field(default_factory=list)
    run: str | None = None

    @classmethod
    def of(cls, life: Life, since: datetime, run: str | None, *, booted_at: float) -> "Entry":
        """`booted_at`: the wall clock when the boot clock was 0."""
        history = life.history
        return cls(
            wanted=life.wanted,
            state=life.state,
            since=since,
            reason=life.reason,
            ending=life.ending,
            gave_up=life.gave_up,
            crashes=history.crashes,
            restarts=history.restarts,
            crashes_total=history.crashes_total,
            operator_restarts=history.operator_restarts,
            recent_crashes=[round(booted_at + at) for at in history.recent_crashes],
            recent_deaf_ends=[round(booted_at + at) for at in history.recent_deaf_ends],
            starts=[Starts(since=round(booted_at + quarter * QUARTER_S), count=n) for quarter, n in history.starts],
            run=run,
        )

    def life(self, *, booted_at: float, now: float) -> Life:
        """`now` by the boot clock: what the wall clock says was later has to be a mistake of the wall clock."""
        history = History(
            crashes=self.crashes,
            restarts=self.restarts,
            crashes_total=self.crashes_total,
            operator_restarts=self.operator_restarts,
            recent_crashes=_on_boot_clock(self.recent_crashes, booted_at, now),
            recent_deaf_ends=_on_boot_clock(self.recent_deaf_ends, booted_at, now),
            starts=_quarters(self.starts, booted_at, now),
        )
        return Life(
            state=self.state,
            wanted=self.wanted,
            reason=self.reason,
            history=history,
            ending=self.ending,
            gave_up=self.gave_up,
        )


def _on_boot_clock(times: list[int], booted_at: float, now: float) -> tuple[float, ...]:
    return tuple(sorted(min(at - booted_at, now) for at in times))


def _quarters(starts: list[Starts], booted_at: float, now: float) -> tuple[tuple[int, int], ...]:
    counts: dict[int, int] = {}
    for some in starts:
        quarter = int(min(some.since - booted_at, now) // QUARTER_S)
        counts[quarter] = counts.get(quarter, 0) + some.count
    return tuple(sorted(counts.items()))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Document:
    version: int
    bots: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Damage:
    """The journal could not be read when the runner began."""

    sentence: str
    aside: Path | None
    """Where it was put; None when it was missing, or could not be moved."""


class Journal:
    """One small JSON file, replaced as a whole, with the version before it beside it. On a full disk it stays behind,
    and bots are kept all the same."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._previous = path.with_name(path.name + ".1")
        self._file = WholeFile(path, self._text, previous=self._previous)
        self.damage: Damage | None = None
        self._entries = self._read()
        self._texts = {bot: _text_of(bot, entry) for bot, entry in self._entries.items()}
        """Each entry as it is written: of two hundred bots one changes at a time."""

    def __getitem__(self, bot: str) -> Entry | None:
        return self._entries.get(bot)

    def __setitem__(self, bot: str, entry: Entry) -> None:
        """On return the entry is written; when an order changed what is wanted, it also survives a power cut. What the
        disk has no room for is written with the next change or by `write_again`."""
        before = self._entries.get(bot)
        if before is not None and replace(before, since=entry.since) == entry:
            self.write_again()
            return
        self._entries[bot] = entry
        self._texts[bot] = _text_of(bot, entry)
        # (What a new bot is wanted to do is in the configuration as well.)
        self._file.write(flush=before is not None and before.wanted != entry.wanted)

    def __delitem__(self, bot: str) -> None:
        if self._entries.pop(bot, None) is not None:
            del self._texts[bot]
            self._file.write(flush=True)

    def write_again(self) -> Unwritten | None:
        """What could not be written, if anything. Returns what still cannot be."""
        return self._file.write_again()

    def bots(self) -> list[str]:
        return list(self._entries)

    def _read(self) -> dict[str, Entry]:
        try:
            entries = _read(self._path)
        except FileNotFoundError:
            return self._read_previous("is missing", None) if self._previous.exists() else {}
        except _Unusable as error:
            return self._read_previous(f"cannot be used ({error})", self._put_aside())
        self._file.trust()
        return entries

    def _read_previous(self, what: str, aside: Path | None) -> dict[str, Entry]:
        """The last change is lost, rather than all."""
        try:
            entries = _read(self._previous)
            instead = "the version before it is used, and what was ordered last may be forgotten"
        except (FileNotFoundError, _Unusable):
            entries, instead = {}, "there is no version before it, and bots begin as configured; those that run go on"
        kept = f" It is kept as {aside.name}: delete that when you have looked at it." if aside else ""
        self.damage = Damage(f"{self._path} {what}; {instead}.{kept}", aside)
        log.error("%s", self.damage.sentence)
        return entries

    def _put_aside(self) -> Path | None:
        aside = self._path.with_name(f"{self._path.name}.{datetime.now(UTC):%Y%m%dT%H%M%S}")
        try:
            self._path.rename(aside)
        except OSError as error:
            log.error("%s cannot be put aside: %s", self._path, error.strerror)
            return None
        return aside

    def _text(self) -> str:
        bots = ",\n".join(self._texts.values())
        return f'{{"version": {VERSION}, "bots": {{\n{bots}\n}}}}\n'


def _text_of(bot: str, entry: Entry) -> str:
    return f" {json.dumps(bot)}: {json.dumps(to_json(entry))}"


class _Unusable(Exception):
    """What it holds is no journal, or none of this Botdeck's."""


def _read(path: Path) -> dict[str, Entry]:
    """Raises FileNotFoundError, _Unusable."""
    try:
        document = from_json(_Document, json.loads(path.read_text("utf-8")))
    except FileNotFoundError:
        raise
    except (OSError, ValueError, RecursionError, ProtocolError) as error:
        raise _Unusable(str(error).rstrip(".")) from None
    if document.version > VERSION:
        raise _Unusable(f"it is of version {document.version}, and this Botdeck reads {VERSION}")
    entries = {}
    for bot, value in document.bots.items():
        try:
            entries[bot] = from_json(Entry, value)
        except ProtocolError as error:
            log.warning("%s: what it says of %s cannot be used: %s", path, bot, error)
    return entries
