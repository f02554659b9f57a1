"""Brings the file's schema up to date: numbered SQL files, each applied once, in a transaction of its own."""

import os
import re
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from botdeck import __version__
from botdeck.errors import NewerDatabase, StorageError

APPLICATION_ID = 0x426F7444
"""Marks the file as Botdeck's ("BotD"), see `PRAGMA application_id`."""


@dataclass(frozen=True, slots=True)
class Migration:
    version: int
    sql: str


def migrations() -> list[Migration]:
    """In order. The number at the beginning of a file's name is the version that it leads to."""
    folder = resources.files(__package__) / "migrations"
    found = [
        Migration(int(number[0]), entry.read_text("utf-8"))
        for entry in folder.iterdir()
        if (number := re.match(r"\d{4}(?=_\w+\.sql$)", entry.name))
    ]
    return sorted(found, key=lambda migration: migration.version)


def migrate(connection: sqlite3.Connection, path: Path, steps: Sequence[Migration]) -> None:
    """Raises NewerDatabase. A database that held something is copied to `PATH.vN` (N: its version) first."""
    version = _version(connection)
    newest = steps[-1].version
    if version > newest:
        raise NewerDatabase(
            f"{path} was written by a newer Botdeck: its format is {version}, and this one ({__version__}) reads up "
            f"to {newest}. Install the newer Botdeck again, or put a copy of the older database in its place."
        )
    if version == newest:
        return
    if version == 0:
        _refuse_strangers(connection, path)
    else:
        _copy(connection, path.with_name(f"{path.name}.v{version}"))
    for step in steps:
        _apply(connection, step)


def _version(connection: sqlite3.Connection) -> int:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    return int(version)


def _refuse_strangers(connection: sqlite3.Connection, path: Path) -> None:
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    if tables or application not in (0, APPLICATION_ID):
        raise StorageError(f"{path} is a database of another program. Name another file, or move this one away.")


def _apply(connection: sqlite3.Connection, step: Migration) -> None:
    connection.execute("BEGIN IMMEDIATE")
    try:
        # Asked again under the lock: another process may have been faster.
        if _version(connection) < step.version:
            for statement in _statements(step.sql):
                connection.execute(statement)
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {step.version}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _statements(sql: str) -> Iterator[str]:
    """One by one, since `executescript` would commit the transaction it finds open."""
    statement = ""
    for line in sql.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""


def _copy(connection: sqlite3.Connection, target: Path) -> None:
    """A whole copy appears under its name at once, or not at all."""
    unfinished = target.with_name(target.name + ".part")
    unfinished.unlink(missing_ok=True)
    # VACUUM INTO takes an empty file as it is, with the mode it has.
    os.close(os.open(unfinished, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    connection.execute("VACUUM INTO ?", (str(unfinished),))
    unfinished.replace(target)
