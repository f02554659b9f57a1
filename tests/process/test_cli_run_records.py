"""`botdeck runs` and `botdeck why`, in a terminal, against a deck that really listens."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from botdeck.models import Cause, LastCommand, MemoryPoint, PostMortem, Run
from botdeck.protocol.codec import from_json

from ..unit.deck_house import House, a_deck

pytestmark = pytest.mark.process

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
STOPPED = Run(
    id="20261122T120000-000001",
    bot="helper",
    started_at=NOON,
    pid=7,
    ended_at=NOON + timedelta(hours=2, minutes=3),
    signal="SIGKILL",
    reason="stopped by ann, and killed after 10 s",
    cause=Cause.OPERATOR,
    operator="ann",
    stop_timed_out=True,
    cpu_s=75.0,
    peak_memory_bytes=3 << 29,
    post_mortem=PostMortem(
        last_output=[f"line {number}" for number in range(30)] + ["\x1b[31mred\x07", "two\nlines"],
        last_log=["logged"],
        last_commands=[
            LastCommand(
                name="roll", user="ann", started_at=NOON + timedelta(hours=2), duration_ms=12.4, outcome="success"
            ),
            LastCommand(name="hang", user=None, started_at=NOON + timedelta(hours=2), duration_ms=None, outcome=None),
        ],
        memory=[MemoryPoint(at_s=60.0 * number, bytes=(number + 1) << 20) for number in range(120)],
    ),
)
LIVING = Run(id="20261122T150000-000002", bot="helper", started_at=NOON + timedelta(hours=3), pid=8)


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    (tmp_path / "botdeck.toml").write_text(f'data_dir = "{tmp_path}"\n')
    async with a_deck(tmp_path) as house, house.runner("local", "helper", "fresh"):
        for run in (STOPPED, LIVING):
            await house.storage.put_run(run)
        yield house


async def say(house: House, *words: str) -> tuple[int, str, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "botdeck.cli", *words, cwd=house.data_dir, env={**os.environ, "TZ": "UTC"},
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    async with asyncio.timeout(60):
        out, errors = await process.communicate()
    return process.returncode or 0, out.decode(), errors.decode()


async def test_runs_are_a_table_of_how_each_ended(house: House) -> None:
    code, out, errors = await say(house, "runs", "helper")

    assert (code, errors) == (0, "")
    heading, living, stopped = out.splitlines()
    assert heading.split() == ["RUN", "STARTED", "LIVED", "HOW", "IT", "ENDED", "WHO", "CPU", "PEAK"]
    assert living.split()[:3] == [LIVING.id, "2026-11-22", "15:00:00"]
    assert living.split()[-4:] == ["runs", "-", "-", "-"]
    assert " ".join(stopped.split()) == (
        f"{STOPPED.id} 2026-11-22 12:00:00 2h 3m stopped by ann, and killed after 10 s ann 1m 15s 1.6 GB"
    )


async def test_why_tells_the_last_end_and_what_came_before_it(house: House) -> None:
    code, out, errors = await say(house, "why", "helper")

    assert (code, errors) == (0, "")
    assert out.splitlines()[:4] == [
        "helper stopped by ann, and killed after 10 s",
        f"  run {STOPPED.id}: started 2026-11-22 12:00:00, ended 2026-11-22 14:03:00, lived 2h 3m",
        "  asked for by ann",
        "  used 1m 15s of processor time, at most 1.6 GB of memory",
    ]
    assert "█  125.8 MB at the end, 125.8 MB at most" in out
    assert "  roll by ann, 3m before: 12 ms, success\n  hang by somebody, 3m before: not finished\n" in out
    assert "Last log lines\n  logged\n" in out
    assert "Last output (20 of 32; --all shows them)\n  line 12\n" in out
    assert out.endswith("  line 29\n  \\x1b[31mred\\x07\n  two\n  lines\n")


async def test_why_shows_all_lines_or_json_when_asked(house: House) -> None:
    _, everything, _ = await say(house, "why", "helper", STOPPED.id, "--all")
    _, as_json, _ = await say(house, "why", "helper", "--json")
    _, runs_as_json, _ = await say(house, "runs", "helper", "--json", "--limit", "1")

    assert "Last output\n  line 0\n" in everything
    assert from_json(Run, json.loads(as_json)) == STOPPED
    assert [from_json(Run, run) for run in json.loads(runs_as_json)] == [LIVING]


async def test_what_cannot_be_told_is_said_in_words(house: House) -> None:
    answers = [
        await say(house, *words.split())
        for words in (
            "runs nobody",
            "why nobody",
            "why fresh",
            "why helper nonsense",
            "runs fresh",
            f"why helper {LIVING.id}",
        )
    ]

    assert [code for code, _, _ in answers] == [1, 1, 1, 1, 0, 0]
    assert "No bot named 'nobody'." in answers[0][2]
    assert "No bot named 'nobody'." in answers[1][2]
    assert answers[2][2] == "botdeck: No run of fresh has ended yet.\n"
    assert answers[3][2].startswith("botdeck: helper has no run 'nonsense'.")
    assert answers[4][1] == "fresh has not run yet.\n"
    assert answers[5][1].startswith("helper runs\n")


async def test_a_run_that_never_began_is_not_said_to_have_lived(house: House) -> None:
    never = replace(LIVING, pid=None, ended_at=NOON + timedelta(hours=4), reason="did not start: no such command")
    await house.storage.put_run(replace(never, cause=Cause.CANNOT_START))

    told, table = await say(house, "why", "helper"), await say(house, "runs", "helper", "-n", "1")

    assert "tried 2026-11-22 15:00:00" in told[1]
    assert "lived" not in told[1]
    assert "1h" not in table[1]
