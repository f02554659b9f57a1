"""The storage port. An adapter is chosen by a URL and passes the contract suite in tests/contract/.

All methods are coroutines and may be called concurrently. Each raises StorageError (a sentence for the operator)
when the database cannot do what was asked; nothing was changed then. When it is what was given that cannot be stored,
today or ever, that is Unstorable. "Durable" means that a crash of the machine does
not undo it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol

from botdeck.errors import StorageError
from botdeck.models import Event, LogLine, Run
from botdeck.storage.log_pieces import Piece

POST_MORTEMS_PER_BOT = 50
"""As many as a list of runs shows: one may have half a megabyte, and a crash loop ends a thousand times a day."""


class Unstorable(StorageError):
    """A value does not fit into the database, however well that works."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cursor:
    """How far a stream has been applied. `carry` is the beginning of a line whose end has not come yet."""

    offset: int = 0
    carry: bytes = b""
    over: bool = False
    """The stream's end was applied; once set it stays."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """What one Data frame holds, parsed: applied as a whole or not at all."""

    stream: str
    bot: str
    run: str
    offset: int
    """Where the batch begins: it is applied only when the stream's cursor stands there."""
    after: Cursor
    """Where the cursor stands once it is applied."""
    events: Sequence[Event] = ()
    lines: Sequence[Piece] = ()
    """In order. LogLines have id 0; the adapter gives the ids, one after the other."""
    dropped_bytes: int = 0
    """Bytes of the stream that never came, added to the bot's count of them."""
    received_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Ingested:
    """What became of a batch."""

    cursor: Cursor
    """The cursor now, whether the batch was applied or not."""
    applied: bool
    lines: Sequence[LogLine] = ()
    """The stored lines with their ids, in order. Only those that are looked at are cut out of their output, so whoever
    wants a few asks for a slice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """Counts of one bot over [since, until), users over all time."""

    total_users: int
    messages_received: int
    messages_sent: int
    active_commands: int
    dropped_bytes: int = 0
    """Over all time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A small record of the deck's own: an operator, a session, a bot. `version` grows with every change."""

    id: str
    body: dict[str, Any] = field(default_factory=dict)
    version: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """How long and how much is kept. Counts, users and runs are kept for good."""

    events_for: timedelta = timedelta(days=7)
    events_per_bot: int = 1_000_000
    lines_for: timedelta = timedelta(days=30)
    lines_per_bot: int = 1_000_000


class Storage(Protocol):
    async def open(self) -> None:
        """Connect and bring the schema up to date. Raises NewerDatabase when a newer Botdeck wrote it. Idempotent."""

    async def close(self) -> None:
        """Finish what was begun and let go. Idempotent."""

    async def health(self) -> None:
        """Read and write something trivial. Raises StorageError, in words, when that is not possible."""

    async def cursor(self, stream: str) -> Cursor:
        """The stream's cursor; a new one when nothing of it was applied."""

    async def offsets(self, bots: Sequence[str]) -> dict[str, int]:
        """Offsets of all streams of these bots that are not over. The cursor of one that is over is kept for
        months, for it may be sent once more."""

    async def ingest(self, batch: Batch) -> Ingested:
        """Apply a batch and move the cursor, in one durable transaction; return when that is committed.

        When the cursor does not stand at `batch.offset` nothing is applied and `applied` is False. Applying means:
        every event and line is stored; a message.received from a person (`user.bot` not true) adds one to the count of
        its 15-minute bucket of UTC, by the event's time, unless (chat.platform, chat.channel.id, chat.message.id) was
        counted before (events without a message id always count); message.sent adds to the other count;
        command.started opens an active command (bot, run, `id`), command.finished closes it; every `user.id` with
        `user.bot` not true is a user of the bot, with first and last time, count of messages and latest `user.name`.
        """

    async def totals(self, bot: str, since: datetime, until: datetime, now: datetime) -> Totals:
        """The figures of the dashboard. Active are commands younger than 15 minutes at `now` whose run has not ended.
        Costs the same with a million events as with none."""

    async def logs(
        self, bot: str, *, before: int | None = None, after: int | None = None, limit: int = 200
    ) -> tuple[list[LogLine], bool]:
        """At most `limit` lines, oldest first, and whether there are more on the far side. `before`: the newest lines
        with a smaller id; `after`: the oldest lines with a larger id; neither: the newest lines. Lines of output come
        as they are shown: `stream_lines.shown`. Costs the same however long the output is that they were cut from."""

    async def events(self, bot: str, *, after: int = 0, limit: int = 1000) -> list[tuple[int, Event]]:
        """At most `limit` events with an id larger than `after`, each with its id, in the order they were stored."""

    async def put_run(self, run: Run) -> None:
        """Insert or replace by (bot, id), durably; an end once stored is never unset, and a report without a
        post-mortem leaves the one there is. Of each bot the POST_MORTEMS_PER_BOT that were first stored last are kept.
        A run with an end closes its active commands."""

    async def runs(self, bot: str, limit: int = 50) -> list[Run]:
        """Newest first, each without its `post_mortem`."""

    async def run(self, bot: str, run_id: str) -> Run | None:
        """One run with its `post_mortem`."""

    async def put_document(self, kind: str, document: Document) -> Document:
        """Store `body` when the stored version equals `document.version` (0: there is none yet), durably. Returns the
        document with its new version. Raises StorageConflict when the version differs."""

    async def document(self, kind: str, key: str) -> Document | None: ...

    async def documents(self, kind: str) -> list[Document]:
        """All of a kind, by id."""

    async def document_versions(self, kind: str) -> dict[str, int]:
        """The version of every document of a kind, by id: to find out which are new, changed or gone since it was asked
        last. Bodies are not parsed, nor handed over: it is asked twice a second."""

    async def delete_document(self, kind: str, key: str) -> None:
        """No error when it is not there."""

    async def append_record(self, kind: str, at: datetime, body: dict[str, Any]) -> None:
        """Add to an append-only list (the audit), durably."""

    async def records(self, kind: str, limit: int = 100) -> list[tuple[datetime, dict[str, Any]]]:
        """Newest first."""

    async def retain(self, policy: Retention, now: datetime, budget_ms: float = 200) -> bool:
        """Remove events and lines that were received longer ago than `policy` says, and the oldest of those a bot has
        too many of; counts do not change by it. A stretch of output goes as a whole, once no line of it is to be kept.
        Works in steps of at most 1000 rows or a few megabytes, between which others get their turn, and begins none
        once `budget_ms` is used up. True when nothing is left to remove. A message whose event is gone by age may
        count again if it is reported once more."""
