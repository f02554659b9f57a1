"""What taking in an event costs: Intake and SQLite, beside a bare executemany of the rows that result; and what a
million lines of output cost.

    make bench-ingest [ARGS="--json --rounds 3"]

CPU time counts all threads of the process, kernel work included; the best round of each is shown. The mix is that of a
chatty bot: per ten events six messages received, one sent, one command (begun and ended) and one log record. The lines
have 100 bytes and come as a runner sends them: in frames of 256 KiB, eight of them on the way at a time.
"""

import argparse
import asyncio
import json
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from botdeck.deck.intake import Intake
from botdeck.protocol.codec import rfc3339
from botdeck.protocol.frames import MAX_DATA_BYTES, Data
from botdeck.storage.sqlite import SqliteStorage, migrate
from botdeck.storage.sqlite.connection import open_writer

EVENTS = {1: 2_000, 100: 20_000, 1000: 50_000}
"""How many events are sent in batches of so many."""
PRODUCERS = 64
LINES = 1_000_000
AT_ONCE = 8
BEGIN = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
ROW = {
    "event": "INSERT INTO event (bot, run, seq, time, received, event, fields) VALUES (?, ?, ?, ?, ?, ?, ?)",
    "log": "INSERT INTO log_chunk (id, bot, run, time, received, count, stream, level, data) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
}
Cost = tuple[float, float]
"""Microseconds of CPU an event, and events a second."""


def lines(count: int) -> Iterator[bytes]:
    for number in range(count):
        event, fields = kind_of(number)
        moment = rfc3339(BEGIN + timedelta(milliseconds=100 * number))
        head = {"v": 1, "event": event, "time": moment, "run": "20261122T080000-0a1b2c", "seq": number + 1}
        yield json.dumps({**head, **fields}, separators=(",", ":")).encode() + b"\n"


def kind_of(number: int) -> tuple[str, dict[str, Any]]:
    chat = {"chat.platform": "irc", "chat.server.id": "libera", "chat.channel.id": "#botdeck"}
    user = {"user.id": f"irc:libera/user{number * 7919 % 500}"}
    match number % 10:
        case 6:
            return "message.sent", {**chat, "size": 21}
        case 7:
            return "command.started", {"id": f"c{number}", "command.name": f"cmd{number % 30}", **user, **chat}
        case 8:
            ended = {"id": f"c{number - 1}", "command.name": f"cmd{(number - 1) % 30}"}
            return "command.finished", {**ended, "duration_ms": number % 97 / 7, "outcome": "ok"}
        case 9:
            body = f"handled request {number} for somebody in 12 ms"
            return "log", {"severity_number": 9, "severity_text": "INFO", "logger": "bot.core", "body": body}
    return "message.received", {**user, **chat, "chat.message.id": f"m{number}", "size": 21}


async def through_intake(folder: Path, batch: int) -> Cost:
    storage = SqliteStorage(folder / "deck.db")
    await storage.open()
    everything = list(lines(EVENTS[batch]))
    payloads = [b"".join(everything[at : at + batch]) for at in range(0, len(everything), batch)]
    meter = Meter()
    await send(Intake(storage), "greeter", payloads)
    cost = meter.read(len(everything))
    await storage.close()
    return cost


async def through_many_intakes(folder: Path) -> Cost:
    """PRODUCERS streams at once, an event a frame: what group commit is for."""
    storage = SqliteStorage(folder / "deck.db")
    await storage.open()
    each = list(lines(200))
    intake = Intake(storage)
    meter = Meter()
    await asyncio.gather(*[send(intake, f"bot{number}", each) for number in range(PRODUCERS)])
    cost = meter.read(len(each) * PRODUCERS)
    await storage.close()
    return cost


async def send(intake: Intake, bot: str, payloads: list[bytes]) -> None:
    offset = 0
    for payload in payloads:
        data = Data(stream=f"{bot}/20261122T080000-0a1b2c/events", offset=offset, time=BEGIN, payload=payload)
        offset = (await intake.apply("bench", data)).cursor


async def a_million_lines(folder: Path) -> dict[str, float]:
    """And whether all of them are there: a page at either end is read, too."""
    storage = SqliteStorage(folder / "deck.db")
    await storage.open()
    whole = b"".join(b"%09d %s\n" % (number, b"x" * 89) for number in range(LINES))
    frames = [
        Data(stream="noisy/r1/out", offset=at, time=BEGIN, payload=whole[at : at + MAX_DATA_BYTES])
        for at in range(0, len(whole), MAX_DATA_BYTES)
    ]
    intake, window = Intake(storage), asyncio.Semaphore(AT_ONCE)

    async def apply(frame: Data) -> int:
        applied = await intake.apply("bench", frame)
        window.release()
        return len(applied.lines)

    meter, tasks = Meter(), []
    for frame in frames:
        await window.acquire()
        tasks.append(asyncio.create_task(apply(frame)))
    stored = sum(await asyncio.gather(*tasks))
    cpu_us, rate = meter.read(LINES)
    begun = time.perf_counter()
    newest, _ = await storage.logs("noisy")
    page_ms = (time.perf_counter() - begun) * 1000
    oldest, _ = await storage.logs("noisy", after=0)
    await storage.close()
    assert (stored, newest[-1].text[:9], oldest[0].text[:9]) == (LINES, f"{LINES - 1:09d}", f"{0:09d}")
    return {"cpu_s": cpu_us, "lines_per_s": rate, "mb": (folder / "deck.db").stat().st_size / 1e6, "page_ms": page_ms}


def bare(folder: Path, batch: int) -> Cost:
    """The same rows into the same tables of another file with the same settings, and nothing else."""
    rows = stored_rows(folder / "deck.db")
    path = folder / "bare.db"
    connection = open_writer(path, busy_timeout_s=5, max_bytes=None)
    migrate.migrate(connection, path, migrate.migrations())
    meter = Meter()
    for at in range(0, len(rows), batch):
        connection.execute("BEGIN IMMEDIATE")
        for table, sql in ROW.items():
            chosen = [values for kind, values in rows[at : at + batch] if kind == table]
            if chosen:
                connection.executemany(sql, chosen)
        connection.execute("COMMIT")
    cost = meter.read(len(rows))
    connection.close()
    return cost


def stored_rows(path: Path) -> list[tuple[str, tuple[Any, ...]]]:
    connection = sqlite3.connect(path)
    events = connection.execute("SELECT bot, run, seq, time, received, event, fields FROM event").fetchall()
    logs = connection.execute(
        "SELECT id, bot, run, time, received, count, stream, level, data FROM log_chunk"
    ).fetchall()
    connection.close()
    # By time, as they came.
    return sorted(
        [("event", row) for row in events] + [("log", row) for row in logs],
        key=lambda r: r[1][-4 if r[0] == "event" else -6],
    )


class Meter:
    def __init__(self) -> None:
        self.cpu, self.wall = time.process_time(), time.perf_counter()

    def read(self, events: int) -> Cost:
        cpu, wall = time.process_time() - self.cpu, time.perf_counter() - self.wall
        return cpu / events * 1e6, events / wall


def best(costs: list[Cost]) -> dict[str, float]:
    return {
        "cpu_us_per_event": round(min(cpu for cpu, _ in costs), 2),
        "events_per_s": round(max(rate for _, rate in costs)),
    }


def measure(rounds: int) -> dict[str, Any]:
    batches: dict[str, Any] = {}
    for batch in EVENTS:
        intake, plain = [], []
        for _ in range(rounds):
            with tempfile.TemporaryDirectory() as folder:
                intake.append(asyncio.run(through_intake(Path(folder), batch)))
                plain.append(bare(Path(folder), batch))
        cell = {"intake": best(intake), "executemany": best(plain)}
        cell["ratio"] = round(cell["intake"]["cpu_us_per_event"] / cell["executemany"]["cpu_us_per_event"], 2)
        batches[str(batch)] = cell
    many = []
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as folder:
            many.append(asyncio.run(through_many_intakes(Path(folder))))
    noisy = []
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as folder:
            noisy.append(asyncio.run(a_million_lines(Path(folder))))
    return {
        "bench": "ingest",
        "batches": batches,
        "producers": {"count": PRODUCERS, **best(many)},
        "million_lines": min(noisy, key=lambda figures: figures["cpu_s"]),
    }


def table(figures: dict[str, Any]) -> str:
    rows = [f"{'events a frame':<18}{'intake':>22}{'bare executemany':>22}{'CPU ratio':>12}"]
    for batch, cell in figures["batches"].items():
        rows.append(f"{batch:<18}{_cell(cell['intake']):>22}{_cell(cell['executemany']):>22}{cell['ratio']:>12.2f}")
    rows.append(f"{'1, 64 at once':<18}{_cell(figures['producers']):>22}")
    noisy = figures["million_lines"]
    rows.append(
        f"{LINES:,} lines of 100 bytes: {noisy['cpu_s']:.2f} s CPU, {noisy['lines_per_s']:,.0f} lines/s, "
        f"{noisy['mb']:.0f} MB on disk, newest 200 lines in {noisy['page_ms']:.1f} ms"
    )
    return "\n".join(rows)


def _cell(cost: dict[str, float]) -> str:
    return f"{cost['cpu_us_per_event']:.1f} us {cost['events_per_s']:,.0f}/s"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--json", action="store_true", help="print the figures as one JSON object on the last line")
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    figures = measure(arguments.rounds)
    print(table(figures))
    if arguments.json:
        print(json.dumps(figures))


if __name__ == "__main__":
    main()
