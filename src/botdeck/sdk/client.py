"""The bot's side of the event stream: stamps events, numbers them, and counts what could not be written."""

from __future__ import annotations

import os
import threading
from time import time_ns

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Protocol, TypeVar

    F = TypeVar("F", bound=Callable[..., Any])

    from botdeck.sdk.remote import HttpWriter

    class Writer(Protocol):
        def write(self, line: bytes) -> None: ...


class Client:
    """Writes the events of one process. Safe for threads and forks; no method raises.

    `seq` starts at 1 in each process and grows with every try to write, so that a gap shows a loss. Lines of a forked
    child carry its `process.pid`; but where they go by HTTP, which knows a line by its run and `seq`, a child has a run
    of its own.
    """

    def __init__(self, writer: Writer, *, run: str, bot: str | None = None) -> None:
        from botdeck.sdk import lines  # only bots that report need JSON

        self._line_of, self._body_of = lines.line, lines.body_of
        self._write = writer.write
        self._remote: HttpWriter | None = None
        self._run = run
        self._bot = bot
        self._seq = 0
        self._dropped = 0
        self._started = False
        self._child_pid: int | None = None
        # Reentrant, because a signal handler may emit while its own thread is inside.
        self._lock = threading.RLock()

    def emit(self, event: str, attrs: dict[str, object]) -> None:
        # One function where there could be four: a call costs as much here as what is in it.
        try:
            if not self._started:
                self._announce({})
            if self._child_pid is not None:
                attrs = {**attrs, "process.pid": self._child_pid}
            body = self._body_of(attrs)
            with self._lock:
                if self._dropped:
                    self._tell_what_was_dropped()
                self._seq += 1
                self._write(self._line_of(event, body, self._run, self._seq, time_ns()))
        except Exception:
            self.lost(1)

    def lost(self, count: int) -> None:
        """Events that nobody will read; `telemetry.dropped` tells how many when writing works again."""
        with self._lock:
            self._dropped += count

    def announce(self, framework: dict[str, object]) -> None:
        """`bot.started`, or `bot.instrumented` when events went before it."""
        try:
            if not self._announce(framework):
                self.emit("bot.instrumented", framework)
        except Exception:
            self.lost(1)

    def goes_by_http(self, writer: HttpWriter) -> Client:
        self._remote = writer
        writer.lost = self.lost
        writer.stumbled = lambda exc: report_own_error("HttpWriter", exc)
        return self

    def flush(self, timeout_s: float) -> bool:
        return self._remote is None or self._remote.flush(timeout_s)

    def after_fork_in_child(self) -> None:
        self._lock = threading.RLock()
        self._seq = self._dropped = 0
        if self._remote is None:
            self._child_pid = os.getpid()
            return
        self._remote.after_fork_in_child()
        self._run = f"{self._run}-{os.urandom(4).hex()}"
        self._started = False

    def _announce(self, framework: dict[str, object]) -> bool:
        with self._lock:
            if self._started:
                return False
            self._started = True
            from botdeck import __version__

            about: dict[str, object] = {"service.name": self._bot} if self._bot else {}
            about.update({"service.instance.id": self._run, "process.pid": os.getpid()}, **framework)
            about.update({"telemetry.sdk.language": "python", "telemetry.sdk.version": __version__})
            self.emit("bot.started", about)
        return True

    def _tell_what_was_dropped(self) -> None:
        """Raises OSError while nothing can be written."""
        self._seq += 1
        body = b'"count":%d}\n' % self._dropped
        self._write(self._line_of("telemetry.dropped", body, self._run, self._seq, time_ns()))
        self._dropped = 0


_lock = threading.Lock()
_client: Client | None = None
_asked = False


def current() -> Client | None:
    """The process's client, from the environment as it is at the first use; None when there is nowhere to write."""
    global _client, _asked
    if not _asked:
        with _lock:
            if not _asked:
                _client = _from_environment()
                _asked = True
    return _client


def use(client: Client | None) -> None:
    """Put this one in the place of the environment's, or None to report nothing; for tests."""
    global _client, _asked
    _client, _asked = client, True


def _from_environment() -> Client | None:
    path, url = os.environ.get("BOTDECK_EVENTS"), os.environ.get("BOTDECK_URL")
    try:
        if path:
            from botdeck.sdk.writer import FileWriter

            return _client_of(FileWriter(path))
        return _by_http(url) if url else None
    except OSError:  # a relative path, and the folder we are in is gone
        return None


def _by_http(url: str) -> Client | None:
    from botdeck.sdk import remote

    writer = remote.from_environment(url)
    return None if writer is None else _client_of(writer).goes_by_http(writer)


def _client_of(writer: Writer) -> Client:
    run = os.environ.get("BOTDECK_RUN") or os.urandom(8).hex()
    return Client(writer, run=run, bot=os.environ.get("BOTDECK_BOT"))


def _after_fork_in_child() -> None:
    global _lock
    _lock = threading.Lock()
    if _client is not None:
        _client.after_fork_in_child()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)


def emit(event: str, /, **attrs: object) -> None:
    """Append an event. Names with dots go in as `**{"user.id": "irc:libera/ann"}`. See docs/sdk.md for the events."""
    client = _client if _asked else current()
    if client is not None:
        client.emit(event, attrs)


def error(exc: BaseException, *, where: str | None = None, **attrs: object) -> None:
    """Report an exception that the bot handled; `where` says in a word or two what was being done."""
    client = current()
    if client is None:
        return
    try:
        from botdeck.sdk.lines import exception_fields

        fields = exception_fields(exc)
    except Exception:  # so deep in a recursion that nothing can be called any more
        client.lost(1)
        return
    mark_reported(exc)
    client.emit("error", {**({} if where is None else {"where": where}), **fields, **attrs})


def flush(timeout: float | None = None) -> bool:
    """True when all that was emitted has left the process; waits for that for `timeout` seconds, 2 unless told.

    An event is in the file when `emit` returns, so there this is true at once. By HTTP it waits until the deck or the
    disk has all of it: call it before `exec` or a hard exit.
    """
    client = current()
    try:
        return client is None or client.flush(2.0 if timeout is None else timeout)
    except Exception:
        return False


def mark_reported(exc: BaseException) -> None:
    """Remember on the exception that an event tells of it, so that its log line is not taken for a second error."""
    try:
        exc.__botdeck_reported__ = True  # type: ignore[attr-defined]
    except Exception:  # a class with __slots__
        return


def is_reported(exc: BaseException) -> bool:
    return hasattr(exc, "__botdeck_reported__")


def guard(observer: F) -> F:
    """An observer's own exception becomes `telemetry.error`; the bot never sees it."""

    def guarded(*args: Any, **kwargs: Any) -> Any:
        try:
            return observer(*args, **kwargs)
        except Exception as exc:
            report_own_error(getattr(observer, "__qualname__", "observer"), exc)
            return None

    return guarded  # type: ignore[return-value]


def report_own_error(where: str, exc: BaseException) -> None:
    from botdeck.sdk.lines import exception_fields

    emit("telemetry.error", where=where, **exception_fields(exc))
