"""What a deck keeps of runs that are over, and tells those who ask why they ended."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from botdeck.models import Cause, MemoryPoint, PostMortem, Run
from botdeck.protocol import frames
from botdeck.protocol.codec import from_json

from ..unit.deck_house import House, ScriptedRunner, a_deck

pytestmark = pytest.mark.process

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
DIED = Run(
    id="r1",
    bot="helper",
    started_at=NOON,
    ended_at=NOON,
    exit_code=3,
    reason="exited with code 3",
    cause=Cause.EXIT,
    cpu_s=0.5,
    peak_memory_bytes=9 << 20,
    post_mortem=PostMortem(last_output=["Traceback"], memory=[MemoryPoint(at_s=1.0, bytes=8 << 20)]),
)


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with a_deck(tmp_path) as house:
        yield house


async def report(runner: ScriptedRunner, run: Run) -> None:
    known = len(runner.stored)
    await runner.socket.send(frames.encode(frames.RunReport(run=run)))
    await runner.until(lambda: len(runner.stored) > known)


async def log(runner: ScriptedRunner, *lines: str, run: str = "r1", final: bool = False) -> None:
    """The bot says this through its logging handler."""
    stream = frames.stream_name("helper", run, "events")
    said = [
        {"v": 1, "event": "log", "time": NOON.isoformat(), "run": run, "body": line, "severity_text": "INFO"}
        for line in lines
    ]
    payload = "".join(json.dumps(line) + "\n" for line in said).encode()
    await runner.acknowledged(stream, await runner.send_data(stream, payload, final=final))


async def told(house: House, run: str = "r1") -> Run:
    async with house.cli() as cli:
        answer = await cli.get(f"api/bots/helper/runs/{run}")
    assert answer.status_code == 200, answer.text
    return from_json(Run, answer.json())


def left(run: Run) -> PostMortem:
    assert run.post_mortem is not None
    return run.post_mortem


@pytest.mark.parametrize("end_first", [True, False], ids=["the end comes first", "the events come first"])
async def test_the_last_log_lines_are_frozen_into_the_record(house: House, end_first: bool) -> None:
    async with house.runner("local", "helper") as runner:
        await log(runner, *(f"line {number}" for number in range(150)))
        if end_first:
            await report(runner, DIED)
            assert left(await told(house)).last_log == []
        await runner.say("helper", *(f"output {number}" for number in range(1500)))
        await log(runner, *(f"line {number}" for number in range(150, 300)), "x" * 5000, final=True)
        if not end_first:
            await report(runner, DIED)
        await log(runner, "the next life", run="r2")

    whole = PostMortem(
        last_output=["Traceback"],
        last_log=[*(f"line {number}" for number in range(101, 300)), "x" * 1000],
        memory=[MemoryPoint(at_s=1.0, bytes=8 << 20)],
    )
    assert await told(house) == replace(DIED, post_mortem=whole)


async def test_an_end_that_is_reported_once_more_keeps_its_log_lines(house: House) -> None:
    async with house.runner("local", "helper") as runner:
        await log(runner, "bye", final=True)
        await report(runner, DIED)
        await report(runner, DIED)

    assert left(await told(house)).last_log == ["bye"]


async def test_log_lines_that_the_runner_sent_are_kept(house: House) -> None:
    sent = PostMortem(last_log=["as the runner saw it"])
    async with house.runner("local", "helper") as runner:
        await log(runner, "bye", final=True)
        await report(runner, replace(DIED, post_mortem=sent))

    assert left(await told(house)) == sent


async def test_a_list_of_runs_says_how_they_ended_without_what_they_left(house: House) -> None:
    async with house.runner("local", "helper") as runner, house.cli() as cli:
        await report(runner, DIED)
        listed = (await cli.get("api/bots/helper/runs")).json()

    assert [from_json(Run, run) for run in listed] == [replace(DIED, post_mortem=None)]


async def test_a_run_that_nobody_knows_is_answered_in_words(house: House) -> None:
    async with house.runner("local", "helper"), house.cli() as cli:
        answer = await cli.get("api/bots/helper/runs/r9")
        no_bot = await cli.get("api/bots/nobody/runs/r1")

    assert (answer.status_code, answer.json()["code"]) == (404, "unknown_run")
    assert answer.json()["detail"].startswith("helper has no run 'r9'.")
    assert (no_bot.status_code, no_bot.json()["code"]) == (404, "unknown_bot")
