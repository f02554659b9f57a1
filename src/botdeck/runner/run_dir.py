"""The directory of one run, `bots/NAME/RUNID/`:

    out       what the process printed, stdout and stderr, appended by the process itself
    events    what it said through the SDK, one JSON object a line
    pid       who it is, noted by its shim before the program runs
    exit      how it ended, noted by its shim
    run.json  its record, as the deck has or will get it
    memory    how its memory went, for a runner that takes it over

It goes when the run is over and the deck has everything of it.
"""

import contextlib
import functools
import json
import os
import secrets
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from botdeck.errors import ProtocolError
from botdeck.models import Run
from botdeck.protocol.codec import from_json, to_json
from botdeck.protocol.frames import stream_name
from botdeck.runner.followed import FileId, file_id, open_through
from botdeck.runner.memory_curve import MemoryCurve
from botdeck.runner.process import Identity, lives_in
from botdeck.runner.spawner import SystemUser
from botdeck.runner.stream import Stream, StreamRecord
from botdeck.runner.whole_file import Unwritten, WholeFile

STAMP = "%Y%m%dT%H%M%S"
FOLDER_MODE = 0o711
"""A bot under another account must be able to reach its events file, and to list nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exit:
    """How a run ended, by its shim's note. `code` is negative for a signal."""

    code: int
    at: float
    """On the boot clock."""
    user_s: float | None = None
    system_s: float | None = None
    peak_kib: int | None = None
    oom: bool = False
    """The kernel killed it for want of memory."""
    trouble: dict[str, Any] | None = None
    """Why the program could not be started: `step`, `errno` and `words`."""


def new_run_id(now: datetime, after: str | None) -> str:
    """Sortable, and later than `after` even if the wall clock was set back. Two bots must not have the same, for what a
    run leaves behind is killed by it: it goes by the microsecond, and bots of one runner begin one after the other."""
    now = now.astimezone(UTC)
    stamp, number = now.strftime(STAMP), now.microsecond << 4 | secrets.randbelow(1 << 4)
    if after is not None and (stamp, number) <= (after[:15], _number(after)):
        stamp, number = after[:15], _number(after) + 1 + secrets.randbelow(4096)
    if number > 0xFFFFFF:
        stamp = (datetime.strptime(stamp, STAMP) + timedelta(seconds=1)).strftime(STAMP)  # noqa: DTZ007 - not shown
        number -= 0xFFFFFF
    return f"{stamp}-{number:06x}"


def _number(run_id: str) -> int:
    try:
        return int(run_id[16:], 16)
    except ValueError:
        return 0xFFFFFF  # a folder that somebody named like a run


def run_started_at(run_id: str) -> datetime | None:
    """The time in a run's id; None when it is no run id."""
    try:
        return datetime.strptime(run_id[:15], STAMP).replace(tzinfo=UTC)
    except ValueError:
        return None


class RunDirectory:
    """One run on disk. `run` is its record; `end_stored` says that the deck has the record with its end."""

    def __init__(self, path: Path, run: Run, streams: Mapping[str, StreamRecord]) -> None:
        self.path = path
        self.run = run
        self.end_stored = False
        self._record = WholeFile(path / "run.json", self._record_text)
        self.out = self._stream("out", streams, whole_lines=False)
        self.events = self._stream("events", streams, whole_lines=True)

    @classmethod
    def create(cls, bot_dir: Path, run: Run, owner: SystemUser | None) -> "RunDirectory":
        """Raises OSError."""
        path = bot_dir / run.id
        path.mkdir(mode=FOLDER_MODE)
        path.chmod(FOLDER_MODE)  # whatever the umask says
        directory = cls(path, run, {})
        for stream in directory.streams:
            stream.fresh = True
        try:
            directory._make_files(owner)
            directory._record.write_now()
        except OSError:
            directory.remove()  # not one more at each attempt
            raise
        return directory

    @classmethod
    def open(cls, path: Path, bot: str) -> "RunDirectory | None":
        """What an earlier runner left; None when the folder is not a run's."""
        started_at = run_started_at(path.name)
        if started_at is None or not path.is_dir():
            return None
        if not any((path / name).exists() for name in ("run.json", "pid", "exit")):
            # A runner was killed while it made it, and nothing had begun, or while it removed it, and all was told.
            shutil.rmtree(path, ignore_errors=True)
            return None
        try:
            record = json.loads((path / "run.json").read_text("utf-8"))
            run, streams = from_json(Run, record["run"]), from_json(dict[str, StreamRecord], record.get("streams", {}))
        except (OSError, ValueError, KeyError, TypeError, ProtocolError):
            # Its runner was killed before it wrote the record.
            run, streams = Run(id=path.name, bot=bot, started_at=started_at), {}
        directory = cls(path, run, streams)
        with contextlib.suppress(OSError):  # a missing one on a full disk; the others are no less ours
            directory._make_files(None)
        return directory

    @property
    def streams(self) -> tuple[Stream, Stream]:
        return self.out, self.events

    @property
    def over(self) -> bool:
        return self.run.ended_at is not None

    @property
    def done(self) -> bool:
        """The deck has all of it."""
        return self.over and self.end_stored and all(stream.complete for stream in self.streams)

    @property
    def lost_its_shim(self) -> bool:
        """It began and is not known to be over, and its shim, if it is gone, noted no end and ended nothing else."""
        return not self.over and self.identity() is not None and self.exit() is None

    def identity(self) -> Identity | None:
        note = _note(self.path / "pid")
        try:
            return None if note is None else from_json(Identity, note)
        except ProtocolError:
            return None

    def exit(self) -> Exit | None:
        """None when the shim had no chance to write it."""
        note = _note(self.path / "exit")
        try:
            return None if note is None else from_json(Exit, note)
        except ProtocolError:
            return None

    def begun(self, *, pid: int, started_at: datetime) -> None:
        self.run = replace(self.run, pid=pid, started_at=started_at)
        self._record.write()

    def ended(self, run: Run) -> None:
        """`run` is its record with the end."""
        self.run = run
        self._record.write()

    def forget_post_mortem(self) -> None:
        self.run = replace(self.run, post_mortem=None)
        self.__dict__.pop("memory", None)  # all that is left of it is for the post-mortem
        self._record.write()

    def write_again(self) -> Unwritten | None:
        """What the disk had no room for, if anything. Returns what still cannot be written."""
        return self._record.write_again()

    @functools.cached_property
    def memory(self) -> MemoryCurve:
        return MemoryCurve.open(self.path / "memory")

    def remove(self) -> None:
        for stream in self.streams:
            stream.close()
        # Its record last: half a directory without one would be taken for a run that never began.
        for name in ("pid", "exit", "memory", "out", "events"):
            with contextlib.suppress(OSError):
                (self.path / name).unlink(missing_ok=True)
        shutil.rmtree(self.path, ignore_errors=True)

    def _stream(self, kind: str, records: Mapping[str, StreamRecord], *, whole_lines: bool) -> Stream:
        return Stream(
            stream_name(self.run.bot, self.run.id, kind),
            self.path / kind,
            records.get(kind),
            whole_lines=whole_lines,
            remember=self._record.write,
            find_nameless=self._find_nameless,
        )

    def _find_nameless(self, wanted: FileId) -> int | None:
        """A file of this run whose name leads elsewhere: its bot has it open."""
        bot = self.identity()
        return open_through(bot, wanted) if bot is not None and lives_in(bot, self.path.parent) else None

    def _make_files(self, owner: SystemUser | None) -> None:
        for stream in self.streams:
            fd = os.open(stream.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o640)
            try:
                if owner is not None:
                    os.fchown(fd, owner.uid, owner.gid)
                if stream.file_id is None:
                    stream.file_id = file_id(fd)
            finally:
                os.close(fd)

    def _record_text(self) -> str:
        streams = {stream.kind: stream.record() for stream in self.streams}
        record = {"run": to_json(self.run), "streams": to_json(streams)}
        return json.dumps(record) + "\n"


def _note(path: Path) -> Any:
    """What a shim wrote, None unless it is complete."""
    try:
        text = path.read_text("utf-8")
        return json.loads(text) if text.endswith("\n") else None
    except (OSError, ValueError):
        return None
