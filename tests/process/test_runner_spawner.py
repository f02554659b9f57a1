"""The spawner process, when it does not do its part."""

import asyncio
import os
import signal
from datetime import UTC, datetime
from pathlib import Path

import pytest

from botdeck.models import Run
from botdeck.runner import process, spawner
from botdeck.runner.launch import launch, take_bot_lock
from botdeck.runner.run_dir import RunDirectory
from botdeck.runner.spawner import Spawner, SpawnTrouble
from botdeck.settings import BotSettings

pytestmark = pytest.mark.process

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


async def run_true(spawner: Spawner, folder: Path, number: int) -> int | None:
    """Its exit code."""
    settings = BotSettings(name="bot", command=("true",), cwd=folder, instrument=False)
    run = RunDirectory.create(folder, Run(id=f"20261122T120000-{number:06x}", bot="bot", started_at=NOON), None)
    lock = await take_bot_lock(folder / f"lock{number}", None)
    try:
        shim = await launch(
            spawner, settings, run, lock=lock, user=None, own_environment=os.environ.copy(), autoload=None
        )
    finally:
        os.close(lock)
    async with asyncio.timeout(20):
        while not process.has_ended(shim):
            await asyncio.sleep(0.005)
    os.close(shim)
    note = run.exit()
    return None if note is None else note.code


async def test_a_spawner_that_hangs_is_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mine = Spawner({})
    try:
        before = await run_true(mine, tmp_path, 1)
        (hung,) = [child for child in children() if b"spawner_main" in Path(f"/proc/{child}/cmdline").read_bytes()]
        os.kill(hung, signal.SIGSTOP)
        with monkeypatch.context() as impatient:
            impatient.setattr(spawner, "ANSWER_TIMEOUT_S", 0.2)
            with pytest.raises(SpawnTrouble, match=r"gave no answer for 0\.2 s"):
                await run_true(mine, tmp_path, 2)
        after = await run_true(mine, tmp_path, 3)
    finally:
        mine.close()

    assert (before, after) == (0, 0)
    assert not Path(f"/proc/{hung}").exists()


def children() -> list[int]:
    return [int(child) for child in Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()]
