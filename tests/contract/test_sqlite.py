"""What is SQLite's own: the file, its troubles in words, migrations, and the writer that groups commits."""

import asyncio
import sqlite3
import stat
import threading
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from botdeck.errors import NewerDatabase, StorageError
from botdeck.models import Run
from botdeck.storage import open_storage
from botdeck.storage.port import Document, Retention
from botdeck.storage.sqlite import SqliteStorage, retention
from botdeck.storage.sqlite import adapter as sqlite_adapter
from botdeck.storage.sqlite.migrate import Migration, migrate, migrations
from botdeck.storage.sqlite.writer import Writer
from tests.contract.test_storage import NOON, Feed, event, figures, line, output, received


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a folder with % and ?" / "deck.db"


@pytest.fixture
async def storage(path: Path) -> AsyncIterator[SqliteStorage]:
    path.parent.mkdir()
    storage = SqliteStorage(path, busy_timeout_s=0.1)
    await storage.open()
    yield storage
    await storage.close()


def ask(path: Path, sql: str) -> Any:
    """One value, by a connection that has nothing to do with the storage."""
    connection = sqlite3.connect(path)
    try:
        return connection.execute(sql).fetchone()[0]
    finally:
        connection.close()


async def refusal(path: Path) -> str:
    with pytest.raises(StorageError) as caught:
        await SqliteStorage(path, busy_timeout_s=0.1).open()
    return str(caught.value)


# The factory


@pytest.mark.parametrize("form", ["{}", "sqlite:///{}"])
async def test_a_path_and_a_url_name_the_same_database(tmp_path: Path, form: str) -> None:
    storage = await open_storage(form.format(tmp_path / "deck.db"))
    await storage.close()

    assert (tmp_path / "deck.db").is_file()


@pytest.mark.parametrize("url", ["mysql://host/db", "sqlite://host/db", "sqlite:///"])
async def test_an_unknown_url_is_refused_without_repeating_its_secrets(url: str) -> None:
    with pytest.raises(StorageError, match="expected sqlite:///PATH") as caught:
        await open_storage(url.replace("host", "ann:hunter2@host"))

    assert "hunter2" not in str(caught.value)


# The file


async def test_only_its_owner_can_read_the_files(storage: SqliteStorage, path: Path) -> None:
    await Feed(storage).send(line("x"))

    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}

    assert modes == {"deck.db": 0o600, "deck.db-wal": 0o600, "deck.db-shm": 0o600}


async def test_a_file_that_others_could_read_is_made_private(storage: SqliteStorage, path: Path) -> None:
    await storage.close()
    path.chmod(0o644)

    await storage.open()

    assert stat.S_IMODE(path.stat().st_mode) == 0o600


async def test_the_file_is_in_wal_mode_with_incremental_vacuum(storage: SqliteStorage, path: Path) -> None:
    assert ask(path, "PRAGMA journal_mode") == "wal"
    assert ask(path, "PRAGMA auto_vacuum") == 2


async def test_reads_leave_no_transaction_open(storage: SqliteStorage, path: Path) -> None:
    feed = Feed(storage)
    await feed.send(received(), line("x"))
    await asyncio.gather(*[storage.logs("greeter") for _ in range(20)], storage.runs("greeter"), figures(storage))
    await feed.send(line("y"))

    # A reader with an old snapshot would make this answer 1 (busy) and let the WAL grow for ever.
    assert ask(path, "PRAGMA wal_checkpoint(TRUNCATE)") == 0
    assert path.with_name("deck.db-wal").stat().st_size == 0


async def test_the_dashboards_figures_are_found_by_index_alone(storage: SqliteStorage, path: Path) -> None:
    values = {"bot": "greeter", "since": 0, "until": 1, "active_since": 0}
    connection = sqlite3.connect(path)
    plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {sqlite_adapter._TOTALS}", values)]
    connection.close()

    assert not [step for step in plan if step.startswith("SCAN") and step != "SCAN CONSTANT ROW"]
    assert not [step for step in plan if " event " in step or " person " in step or " log_chunk " in step]


async def test_removed_rows_give_their_space_back(storage: SqliteStorage, path: Path) -> None:
    feed = Feed(storage)
    for _ in range(20):
        await feed.send(*[line("x" * 1000) for _ in range(1000)])
    full = path.stat().st_size + path.with_name("deck.db-wal").stat().st_size

    for _ in range(30):
        await storage.retain(Retention(lines_per_bot=10), NOON, budget_ms=60_000)
    await storage.close()

    assert path.stat().st_size < full / 2
    assert ask(path, "PRAGMA integrity_check") == "ok"


async def test_much_output_is_removed_in_several_steps(storage: SqliteStorage, monkeypatch: pytest.MonkeyPatch) -> None:
    feed = Feed(storage)
    for _ in range(20):
        await feed.send(output("x" * 1000))
    monkeypatch.setattr(retention, "MOST_BYTES", 5000)
    kinds = retention.steps(["greeter"], Retention(lines_per_bot=2), NOON)
    step = [*kinds][1]

    outcomes = [(await storage._write(step), len((await storage.logs("greeter"))[0])) for _ in range(4)]

    assert outcomes == [(True, 15), (True, 10), (True, 5), (False, 2)]


# Troubles in words


async def test_a_newer_database_is_refused_and_left_alone(storage: SqliteStorage, path: Path) -> None:
    await storage.close()
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    before = path.read_bytes()

    newest = migrations()[-1].version
    with pytest.raises(
        NewerDatabase, match=rf"newer Botdeck: its format is 99, and this one \(.*\) reads up to {newest}\."
    ) as e:
        await storage.open()

    assert str(path) in str(e.value)
    assert path.read_bytes() == before


async def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    path = tmp_path / "deck.db"
    path.write_bytes(b"These are not the bytes you are looking for. " * 200)

    assert "is not a database" in await refusal(path)
    assert path.read_bytes().startswith(b"These are not")


async def test_another_programs_database(tmp_path: Path) -> None:
    path = tmp_path / "deck.db"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE recipes (cake TEXT)")
    connection.close()

    assert "is a database of another program" in await refusal(path)
    assert ask(path, "SELECT count(*) FROM sqlite_schema") == 1


async def test_a_damaged_database(storage: SqliteStorage, path: Path) -> None:
    feed = Feed(storage)
    await feed.send(*[line("x" * 500) for _ in range(200)])
    await storage.close()
    half = path.stat().st_size // 2
    with path.open("r+b") as file:
        file.seek(half)
        file.write(b"\xde\xad" * (half // 2))

    await storage.open()
    with pytest.raises(StorageError, match=r"is damaged \(.*\)\. Restore a backup"):
        await storage.logs("greeter")
    with pytest.raises(StorageError, match="is damaged"):
        await feed.send(line("x"))


async def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    assert "cannot be made: No such file or directory" in await refusal(tmp_path / "missing" / "deck.db")


async def test_a_folder_in_place_of_the_file(tmp_path: Path) -> None:
    assert "cannot be opened" in await refusal(tmp_path)


async def test_a_database_locked_by_another_program(storage: SqliteStorage, path: Path) -> None:
    feed = Feed(storage)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StorageError, match=r"has been locked by another program for more than 0\.1 s"):
        await feed.send(line("x"))
    assert await storage.logs("greeter") == ([], False)

    other.execute("ROLLBACK")
    other.close()

    await feed.send(line("x"))


async def test_a_text_that_cannot_be_stored(storage: SqliteStorage) -> None:
    with pytest.raises(StorageError, match="A value cannot be stored"):
        await storage.put_document("operator", Document(id="half a character: \ud800"))

    await storage.health()


async def test_a_full_disk_refuses_whole_batches_and_storing_goes_on_when_there_is_room(tmp_path: Path) -> None:
    storage = SqliteStorage(tmp_path / "deck.db", max_bytes=1_000_000)
    await storage.open()
    feed = Feed(storage)
    stored = 0
    refused = ""
    while not refused:
        try:
            await feed.send(*[line("x" * 1000) for _ in range(20)], received())
            stored += 20
        except StorageError as error:
            refused = str(error)

    assert "is full, or the database reached its size limit" in refused
    assert stored > 100
    assert (await storage.cursor(feed.stream)).offset == feed.offset
    assert (await figures(storage))[1] == stored // 20
    assert len((await storage.logs("greeter", limit=9999))[0]) == stored

    # Some rows go, though every step of that needs to write as well.
    assert await storage.retain(Retention(lines_per_bot=10), NOON, budget_ms=60_000)
    await feed.send(*[line("x" * 1000) for _ in range(20)])
    await storage.close()
    assert ask(tmp_path / "deck.db", "PRAGMA integrity_check") == "ok"


async def test_on_a_full_disk_the_small_is_stored_though_the_large_beside_it_is_not(tmp_path: Path) -> None:
    storage = SqliteStorage(tmp_path / "deck.db", max_bytes=600_000)
    await storage.open()
    large = Feed(storage, run="large").batch(*[line("x" * 10_000) for _ in range(100)])
    small = [Feed(storage, run=f"small{n}").batch(line("x"), received(f"m{n}")) for n in range(20)]

    outcomes = await asyncio.gather(
        *map(storage.ingest, small[:10]),
        storage.ingest(large),
        *map(storage.ingest, small[10:]),
        return_exceptions=True,
    )

    assert [type(outcome).__name__ for outcome in outcomes].count("StorageError") == 1
    assert isinstance(outcomes[10], StorageError)
    assert (await figures(storage))[1] == 20
    await storage.close()


# Migrations

FIRST = Migration(1, "CREATE TABLE a (x);\nINSERT INTO a VALUES ('kept; not lost');")
SECOND = Migration(2, "ALTER TABLE a ADD COLUMN y;\nUPDATE a SET y = 2;")
BROKEN = Migration(2, "ALTER TABLE a ADD COLUMN y;\nUPDATE nothing SET y = 2;")


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    return tmp_path / "plain.db"


def run_migrations(path: Path, *steps: Migration) -> None:
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        migrate(connection, path, steps)
    finally:
        connection.close()


def test_the_shipped_migrations_are_numbered_without_a_gap() -> None:
    assert [step.version for step in migrations()] == list(range(1, len(migrations()) + 1))


def test_a_new_database_needs_no_copy(plain: Path) -> None:
    run_migrations(plain, FIRST, SECOND)

    assert ask(plain, "PRAGMA user_version") == 2
    assert ask(plain, "SELECT y FROM a") == 2
    assert [file.name for file in plain.parent.iterdir()] == ["plain.db"]


def test_an_older_database_is_copied_and_then_brought_up_to_date(plain: Path) -> None:
    run_migrations(plain, FIRST)

    run_migrations(plain, FIRST, SECOND)
    run_migrations(plain, FIRST, SECOND)

    copy = plain.with_name("plain.db.v1")
    assert ask(plain, "SELECT y FROM a") == 2
    assert ask(copy, "PRAGMA user_version") == 1
    assert ask(copy, "SELECT x FROM a") == "kept; not lost"
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    assert {file.name for file in plain.parent.iterdir()} == {"plain.db", "plain.db.v1"}


def test_a_migration_that_fails_leaves_the_database_as_it_was(plain: Path) -> None:
    run_migrations(plain, FIRST)

    with pytest.raises(sqlite3.OperationalError):
        run_migrations(plain, FIRST, BROKEN)

    assert ask(plain, "PRAGMA user_version") == 1
    assert ask(plain, "SELECT count(*) FROM pragma_table_info('a')") == 1
    run_migrations(plain, FIRST, SECOND)
    assert ask(plain, "SELECT y FROM a") == 2


RECEIVED = int(NOON.timestamp()) * 1_000_000
OLD_LINES = [
    (3, "greeter", "r1", 1_000_000, RECEIVED, "out", None, "x" * 16_384 + "… (20 bytes more)"),
    (4, "other", "r9", 1_000_000, RECEIVED, "out", None, "noise"),
    (7, "greeter", "r1", 1_000_001, RECEIVED, "log", "error", "it broke\nTraceback ..."),
    (9, "greeter", "r2", 1_000_002, RECEIVED, "out", "warning", ""),
]


async def test_lines_of_the_first_format_stay_as_they_were(plain: Path) -> None:
    run_migrations(plain, *migrations()[:1])
    connection = sqlite3.connect(plain)
    sql = "INSERT INTO log (id, bot, run, time, received, stream, level, text) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
    connection.executemany(sql, OLD_LINES)
    connection.execute("INSERT INTO counter VALUES ('greeter', 'lines', 3)")
    connection.execute("UPDATE sqlite_sequence SET seq = 12")  # the newest were removed
    connection.commit()
    connection.close()

    storage = SqliteStorage(plain)
    await storage.open()
    old, _ = await storage.logs("greeter")
    (new,) = (await Feed(storage).send(output("new"))).lines
    lines, _ = await storage.logs("greeter")
    await storage.retain(Retention(lines_per_bot=2), NOON)
    kept, _ = await storage.logs("greeter")
    await storage.close()

    assert [(line.id, line.bot, line.run, line.stream, line.level, line.text) for line in old] == [
        (number, bot, run, stream, level, text)
        for number, bot, run, _, _, stream, level, text in OLD_LINES
        if bot == "greeter"
    ]
    assert [line.time.microsecond for line in old] == [0, 1, 2]
    assert new.id > 12
    assert lines == [*old, new]
    assert kept == [old[-1], new]


async def test_lines_that_came_into_an_empty_database_of_the_first_format_begin_at_one(plain: Path) -> None:
    run_migrations(plain, *migrations()[:1])
    storage = SqliteStorage(plain)
    await storage.open()

    assert [line.id for line in (await Feed(storage).send(output("a", "b"))).lines] == [1, 2]
    await storage.close()


async def test_runs_of_the_first_format_are_kept(plain: Path) -> None:
    run_migrations(plain, *migrations()[:1])
    connection = sqlite3.connect(plain)
    connection.execute(
        "INSERT INTO run (bot, id, started, ended, exit_code, reason) VALUES ('greeter', 'r1', 0, 0, 1, '')"
    )
    connection.commit()
    connection.close()

    storage = await open_storage(plain)

    epoch = datetime.fromtimestamp(0, UTC)
    assert await storage.runs("greeter") == [Run(id="r1", bot="greeter", started_at=epoch, ended_at=epoch, exit_code=1)]
    await storage.close()


# The writer


async def test_what_waits_together_is_committed_together(plain: Path) -> None:
    connection = sqlite3.connect(plain, isolation_level=None, check_same_thread=False)
    connection.execute("CREATE TABLE t (n INTEGER UNIQUE)")
    statements: list[str] = []
    connection.set_trace_callback(statements.append)
    writer = Writer(connection)
    go = threading.Event()
    first = asyncio.create_task(writer.run(lambda _: go.wait(20)))

    def insert(number: int) -> Any:
        return writer.run(lambda c: c.execute("INSERT INTO t VALUES (?)", (number,)).rowcount)

    others = [asyncio.create_task(insert(number)) for number in range(64)]
    await asyncio.sleep(0)  # all have joined the queue
    go.set()
    await asyncio.gather(first, *others)
    await writer.close()

    assert ask(plain, "SELECT count(*) FROM t") == 64
    assert statements.count("COMMIT") < 16


async def test_one_that_fails_takes_no_other_down(plain: Path) -> None:
    connection = sqlite3.connect(plain, isolation_level=None, check_same_thread=False)
    connection.execute("CREATE TABLE t (n INTEGER UNIQUE)")
    writer = Writer(connection)

    def insert(number: int) -> Any:
        return writer.run(lambda c: c.execute("INSERT INTO t VALUES (?)", (number,)).rowcount)

    outcomes = await asyncio.gather(*[insert(n // 2) for n in range(40)], return_exceptions=True)

    assert outcomes.count(1) == 20
    assert sum(isinstance(outcome, sqlite3.IntegrityError) for outcome in outcomes) == 20
    with pytest.raises(ZeroDivisionError):
        await writer.run(lambda _: 1 / 0)
    assert await insert(100) == 1
    await writer.close()
    assert ask(plain, "SELECT count(*) FROM t") == 21


async def test_a_caller_that_gave_up_does_not_disturb_the_rest(storage: SqliteStorage) -> None:
    tasks = [asyncio.create_task(Feed(storage, run=f"r{n}").send(received(f"m{n}"))) for n in range(10)]
    await asyncio.sleep(0)
    for task in tasks[::2]:
        task.cancel()

    outcomes = await asyncio.gather(*tasks, return_exceptions=True)

    assert sum(isinstance(outcome, asyncio.CancelledError) for outcome in outcomes) == 5
    await storage.health()
    # Whether or not the caller still listened, each batch is stored as a whole.
    users, messages, *_ = await figures(storage)
    assert users == 1
    assert messages == len(await storage.events("greeter"))
    assert 5 <= messages <= 10


async def test_abandoned_commands_and_finished_streams_are_forgotten_at_last(
    storage: SqliteStorage, path: Path
) -> None:
    feed = Feed(storage)
    await feed.send(event("command.started", id="c1"), over=True)
    await Feed(storage, run="r2").send(line("x"))

    await storage.retain(Retention(), NOON + timedelta(days=2))
    assert ask(path, "SELECT count(*) FROM active_command") == 0
    assert ask(path, "SELECT count(*) FROM cursor") == 2

    await storage.retain(Retention(), NOON + timedelta(days=91))
    assert ask(path, "SELECT group_concat(stream) FROM cursor") == "greeter/r2/events"


# What later pages will read and no method asks for yet


async def test_commands_are_counted_by_quarter_name_and_outcome(storage: SqliteStorage, path: Path) -> None:
    def finished(duration: Any, outcome: str = "ok", name: str = "ping", **more: Any) -> Any:
        return event("command.finished", command_name=name, outcome=outcome, duration_ms=duration, **more)

    feed = Feed(storage)
    await feed.send(finished(2), finished(5.5), finished(1, "error"), finished(9, name="roll"))
    await feed.send(finished(4), finished("slow"), finished(7, time=NOON + timedelta(minutes=15)))

    quarter = int(NOON.timestamp()) // 900
    connection = sqlite3.connect(path)
    rows = connection.execute(
        "SELECT bucket, command, outcome, n, duration_ms_sum, duration_ms_max FROM command_bucket ORDER BY 1, 2, 3"
    ).fetchall()
    connection.close()
    assert rows == [
        (quarter, "ping", "error", 1, 1.0, 1.0),
        (quarter, "ping", "ok", 4, 11.5, 5.5),
        (quarter, "roll", "ok", 1, 9.0, 9.0),
        (quarter + 1, "ping", "ok", 1, 7.0, 7.0),
    ]


async def test_a_person_has_first_and_last_time_messages_and_latest_name(storage: SqliteStorage, path: Path) -> None:
    def seen(name: str | None, minute: int) -> Any:
        return event("user.seen", user_id="irc:ann", user_name=name, time=NOON + timedelta(minutes=minute))

    def person() -> Any:
        connection = sqlite3.connect(path)
        first, last, n, name = connection.execute("SELECT first, last, n, name FROM person").fetchone()
        connection.close()
        noon = int(NOON.timestamp())
        return (first // 1_000_000 - noon) // 60, (last // 1_000_000 - noon) // 60, n, name

    feed = Feed(storage)
    await feed.send(seen(None, 0), received("m1"), received("m1"), received())
    assert person() == (0, 0, 2, None)
    await feed.send(seen("Ann", 5), seen("Ann B.", 10), seen("Old", 7))
    assert person() == (0, 10, 2, "Ann B.")
    await Feed(storage, run="r0").send(seen("Older", -5))  # the tail of an earlier run comes late
    assert person() == (-5, 10, 2, "Ann B.")
    await feed.send(seen(None, 20), received("m2", time=NOON + timedelta(minutes=30)))
    assert person() == (-5, 30, 3, "Ann B.")


async def test_a_commit_waits_for_the_disk(storage: SqliteStorage) -> None:
    (level,) = await storage._write(lambda c: c.execute("PRAGMA synchronous").fetchone())

    assert level == 2  # FULL: the WAL is synced at every commit
