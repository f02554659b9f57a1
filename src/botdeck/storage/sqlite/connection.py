"""How connections to the file are opened, and what its complaints mean in words."""

import os
import sqlite3
from pathlib import Path

from botdeck.errors import StorageError
from botdeck.storage.port import Unstorable

_UNFIT = (OverflowError, UnicodeEncodeError, RecursionError, sqlite3.DataError, sqlite3.IntegrityError)
"""About values that do not fit."""
_PAGE_BYTES = 8192
"""Output is stored a quarter cheaper than with the usual 4096; with more, single events would be dearer."""
Refusal = (sqlite3.Error, *_UNFIT)
"""What sqlite3 (and json on the way to it) raises when it cannot do what was asked."""


def open_writer(path: Path, *, busy_timeout_s: float, max_bytes: int | None) -> sqlite3.Connection:
    """The one connection that writes. The file is made when there is none, readable by its owner only."""
    _make_private(path)
    connection = _connect(f"{path.absolute().as_uri()}?mode=rw", busy_timeout_s)
    try:
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        if pages == 0:
            # Possible only before the first page is written, and choosing WAL writes it.
            connection.execute(f"PRAGMA page_size = {_PAGE_BYTES}")
            connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        # Some builds write zeros over all that is removed, which costs as much as storing it did.
        connection.execute("PRAGMA secure_delete = FAST")
        connection.execute("PRAGMA cache_size = -16384")
        connection.execute(f"PRAGMA journal_size_limit = {64 << 20}")
        if max_bytes is not None:
            (page_size,) = connection.execute("PRAGMA page_size").fetchone()
            connection.execute(f"PRAGMA max_page_count = {max_bytes // page_size}")
    except BaseException:
        connection.close()
        raise
    return connection


def open_reader(path: Path, *, busy_timeout_s: float) -> sqlite3.Connection:
    connection = _connect(f"{path.absolute().as_uri()}?mode=ro", busy_timeout_s)
    connection.execute("PRAGMA query_only = 1")
    return connection


def in_words(error: BaseException, path: Path, *, waited_s: float) -> StorageError:
    """One sentence (or two) for the operator: which file, what is so, what to do."""
    if isinstance(error, _UNFIT):
        return Unstorable(f"A value cannot be stored in {path}: {error}.")
    name = getattr(error, "sqlite_errorname", "") or ""
    match name.removeprefix("SQLITE_").partition("_")[0]:
        case "FULL":
            return StorageError(
                f"The disk that holds {path} is full, or the database reached its size limit; nothing was stored. "
                "Free some space, and storing goes on by itself."
            )
        case "NOTADB":
            return StorageError(f"{path} is not a database. Restore a backup, or move the file away to begin anew.")
        case "CORRUPT":
            return StorageError(f"{path} is damaged ({error}). Restore a backup, or move the file away to begin anew.")
        case "BUSY" | "LOCKED":
            return StorageError(
                f"{path} has been locked by another program for more than {waited_s:g} s. "
                "End that program: a second deck, or a tool that has the file open."
            )
        case "READONLY" | "PERM" | "AUTH":
            return StorageError(f"{path} cannot be written. Let user id {os.geteuid()} write the file and its folder.")
        case "CANTOPEN":
            return StorageError(
                f"{path} cannot be opened. Let its folder exist, and user id {os.geteuid()} write in it."
            )
        case "IOERR":
            return StorageError(f"{path} cannot be read or written ({error}, {name}). Look at the disk and its cable.")
    return StorageError(f"The database {path} refused: {error}.")


def _connect(uri: str, busy_timeout_s: float) -> sqlite3.Connection:
    # isolation_level None: the module opens no transactions of its own, so that none is left open by accident; one
    # forgotten read transaction keeps the WAL growing. Each connection is used by one thread at a time.
    return sqlite3.connect(uri, uri=True, timeout=busy_timeout_s, isolation_level=None, check_same_thread=False)


def _make_private(path: Path) -> None:
    """Make the file, or take others' rights to it away. SQLite gives its -wal and -shm the same mode."""
    try:
        # Only a new file is opened here: closing any descriptor of a database in use drops this process's locks on it.
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    except FileExistsError:
        if path.stat().st_uid == os.geteuid():
            path.chmod(0o600)
    except OSError as error:
        raise StorageError(f"{path} cannot be made: {error.strerror}. Let its folder exist and be writable.") from None
