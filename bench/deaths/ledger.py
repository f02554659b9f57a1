"""What the bots say they wrote, against what the deck stored: by bot, by run, by the numbers in it."""

import json
import re
import struct
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from bench.house.stack import Stack

_LINE = re.compile(r"line (\d+)$")
Key = tuple[str, str]
"""A bot and its run."""


@dataclass(frozen=True)
class Written:
    """How many writes returned, and whether the bot may have been killed inside another."""

    events: int
    lines: int
    killed: bool


@dataclass
class Balance:
    """Faults are sentences; none means that both agree."""

    events: int = 0
    lines: int = 0
    runs: int = 0
    missing: int = 0
    doubled: int = 0
    faults: list[str] = field(default_factory=list)


def read_ledgers(folder: Path, killed_runs: set[str]) -> dict[Key, Written]:
    found = {}
    for path in (folder / "ledgers").iterdir():
        bot, _, run = path.name.partition(".")
        events, lines = struct.unpack("<QQ", path.read_bytes().ljust(16, b"\0"))
        found[bot, run] = Written(events, lines, run in killed_runs)
    return found


def stored_events(stack: Stack) -> dict[Key, list[int]]:
    numbers = defaultdict(list)
    rows = stack.rows("SELECT bot, run, fields FROM event WHERE event = 'message.received' ORDER BY id")
    for bot, run, fields in rows:
        numbers[bot, run].append(json.loads(fields)["number"])
    return numbers


def stored_lines(stack: Stack, bots: Iterable[str]) -> dict[Key, list[int]]:
    """-1 for a line that no bot wrote."""
    numbers = defaultdict(list)
    for bot in bots:
        for line in stack.lines(bot):
            found = _LINE.fullmatch(line.text)
            numbers[bot, line.run].append(int(found[1]) if found else -1)
    return numbers


def complete(stack: Stack, ledgers: dict[Key, Written]) -> bool:
    """A quick look, by the counters: the deck has at least what the ledgers say."""
    kept = dict(stack.query("SELECT name, sum(n) FROM counter WHERE name IN ('events', 'lines') GROUP BY name"))
    events, lines = sum(w.events for w in ledgers.values()), sum(w.lines for w in ledgers.values())
    return kept.get("events", 0) >= events and kept.get("lines", 0) >= lines


def compare(stack: Stack, ledgers: dict[Key, Written]) -> Balance:
    events, lines = stored_events(stack), stored_lines(stack, sorted({bot for bot, _ in ledgers}))
    balance = Balance(runs=len(ledgers))
    balance.events, balance.lines = sum(map(len, events.values())), sum(map(len, lines.values()))
    for key in sorted({*ledgers, *events, *lines}):
        written = ledgers.get(key, Written(0, 0, False))
        _compare(balance, f"{key[0]}, run {key[1]}: event", events.get(key, []), written.events, written.killed)
        _compare(balance, f"{key[0]}, run {key[1]}: line", lines.get(key, []), written.lines, written.killed)
    counted = stack.query("SELECT coalesce(sum(n), 0) FROM bucket WHERE metric = 'received'")[0][0]
    if counted != balance.events:
        balance.faults.append(f"{counted} messages were counted, and {balance.events} are stored")
    return balance


def _compare(balance: Balance, what: str, numbers: list[int], written: int, killed: bool) -> None:
    """`written` of them, in order; of a killed bot one more may have got in, for its write had no time to return."""
    missing, doubled = _differences(numbers, written)
    balance.missing += missing
    balance.doubled += doubled
    most = written + 1 if killed else written
    if numbers == list(range(len(numbers))) and written <= len(numbers) <= most:
        return
    balance.faults.append(f"{what}s: {written} written, {len(numbers)} stored, {missing} missing, {doubled} twice")


def _differences(numbers: Iterable[int], written: int) -> tuple[int, int]:
    numbers = list(numbers)
    return len(set(range(written)) - set(numbers)), len(numbers) - len(set(numbers))
