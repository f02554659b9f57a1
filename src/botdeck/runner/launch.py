"""Starting a bot: its lock, its run's directory, and the request to the spawner."""

import asyncio
import os
from collections.abc import Mapping
from pathlib import Path

from botdeck.runner import process
from botdeck.runner.environment import bot_environment
from botdeck.runner.run_dir import RunDirectory
from botdeck.runner.spawner import Request, Spawner, SpawnTrouble, SystemUser
from botdeck.settings import BotSettings

LOCK_PATIENCE_S = 1.0
"""What was just killed may hold the lock a moment longer."""


async def take_bot_lock(path: Path, last_run: RunDirectory | None) -> int:
    """The lock of one bot; a stray of its last run that holds it is ended. Raises SpawnTrouble."""
    deadline = process.boot_clock() + LOCK_PATIENCE_S
    lock = process.take_lock(path)
    if lock is None and last_run is not None:
        await asyncio.to_thread(process.kill_strays, last_run.run.id, last_run.events.path)
    while lock is None:
        if process.boot_clock() > deadline:
            raise SpawnTrouble(f"something of an earlier run still lives and holds {path}")
        await asyncio.sleep(0.005)
        lock = process.take_lock(path)
    return lock


async def launch(
    spawner: Spawner,
    settings: BotSettings,
    directory: RunDirectory,
    *,
    lock: int,
    user: SystemUser | None,
    own_environment: Mapping[str, str],
    autoload: Path | None,
) -> int:
    """A pidfd of the new shim. Raises CannotRun if trying again will not help, SpawnTrouble or OSError if it may."""
    environment = await asyncio.to_thread(
        bot_environment,
        settings,
        own=own_environment,
        user=user,
        run=directory.run.id,
        events=directory.events.path,
        autoload=autoload,
    )
    request = Request(
        dir=str(directory.path),
        command=settings.command,
        env=environment,
        cwd=str(settings.cwd),
        user=user,
        events=str(directory.events.path),
    )
    # Appended to, so that what several processes print does not overwrite each other, and a truncated file has no gap.
    output = os.open(directory.out.path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
    try:
        return await spawner.spawn(request, lock=lock, output=output)
    finally:
        os.close(output)
