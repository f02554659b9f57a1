"""A bot that died while no runner lived, and a stranger that has its pid now."""

import asyncio
import contextlib
import json
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.process.fake_deck import FakeDeck
from tests.process.runner_house import RunnerHouse

pytestmark = pytest.mark.process


@pytest.fixture
async def stranger() -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec("sleep", "600")
    yield process
    with contextlib.suppress(ProcessLookupError):
        process.kill()
    await process.wait()


async def test_a_stranger_with_the_pid_and_the_start_tick_of_a_bot_is_neither_taken_for_it_nor_ended(
    house: RunnerHouse, fake_deck: FakeDeck, stranger: asyncio.subprocess.Process
) -> None:
    house.configure(bot=house.python("import time; time.sleep(600)"))
    first = await house.start()
    await fake_deck.until(lambda: fake_deck.is_("bot", "running"))
    await house.kill(first)
    for pid in house.shims() + house.processes():
        os.kill(pid, signal.SIGKILL)
    await house.until(lambda: house.processes() + house.shims() == [])
    # Nobody can choose pids here, so the note of who the bot was is made to mean the stranger.
    note = house.run_dirs("bot")[0] / "pid"
    tick = int(Path(f"/proc/{stranger.pid}/stat").read_text().rpartition(")")[2].split()[19])
    note.write_text(json.dumps(json.loads(note.read_text()) | {"pid": stranger.pid, "start_tick": tick}) + "\n")

    fake_deck.statuses.clear()
    second = await house.start()
    await fake_deck.until(lambda: fake_deck.is_("bot", "running"))
    (own,) = house.processes()
    status = fake_deck.status("bot")
    await house.kill(second, signal.SIGINT)
    stranger.kill()

    assert status is not None
    assert status.pid == own != stranger.pid
    assert await stranger.wait() == -signal.SIGKILL
