"""Noticing what is written, when looking fails."""

import asyncio
import contextlib
import errno
import os
import resource
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from botdeck.runner.stream import Stream
from botdeck.runner.tail import Tail


class Watched:
    """A tail at work, and what it noticed."""

    def __init__(self) -> None:
        self.grown: asyncio.Queue[Stream] = asyncio.Queue()
        self.tail = Tail(self.grown.put_nowait)

    async def noticed(self) -> Stream:
        async with asyncio.timeout(10):
            return await self.grown.get()


@pytest.fixture
async def watched() -> AsyncIterator[Watched]:
    watched = Watched()
    task = asyncio.create_task(watched.tail.run())
    yield watched
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def test_a_look_that_fails_is_not_the_last(
    tmp_path: Path, watched: Watched, caplog: pytest.LogCaptureFixture
) -> None:
    def no_room() -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    path = tmp_path / "out"
    path.touch()
    stream = Stream("b/r/out", path, remember=no_room)
    watched.tail.watch(stream)
    path.write_bytes(b"before")
    await watched.noticed()

    path.write_bytes(b"")
    async with asyncio.timeout(10):
        while "cannot be read now" not in caplog.text:
            await asyncio.sleep(0.005)
    path.write_bytes(b"after")

    assert await watched.noticed() is stream


async def test_a_file_that_is_not_there_for_a_while_is_followed_when_it_is(tmp_path: Path, watched: Watched) -> None:
    path = tmp_path / "out"
    stream = Stream("b/r/out", path)
    watched.tail.watch(stream)
    await asyncio.sleep(0)

    path.write_bytes(b"text")

    assert await watched.noticed() is stream


async def test_what_cannot_be_read_is_told_and_told_again_when_it_can(tmp_path: Path) -> None:
    told: asyncio.Queue[tuple[str, str | None]] = asyncio.Queue()
    tail = Tail(lambda _: None, lambda key, sentence: told.put_nowait((key, sentence)))
    task = asyncio.create_task(tail.run())
    path = tmp_path / "out"
    tail.watch(Stream("b/r/out", path))
    async with asyncio.timeout(10):
        missing = await told.get()
        path.touch()
        there = await told.get()
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task

    assert missing == ("unreadable", f"What bots write cannot be read now, and is shipped later: {path}.")
    assert there == ("unreadable", None)


async def test_files_without_a_watch_are_counted_and_followed_all_the_same(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    free = os.dup(0)
    os.close(free)
    resource.setrlimit(resource.RLIMIT_NOFILE, (free, hard))  # so that the system refuses what gives watches
    try:
        watched = Watched()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    path = tmp_path / "out"
    path.touch()
    stream = Stream("b/r/out", path)
    watched.tail.watch(stream)

    task = asyncio.create_task(watched.tail.run())
    async with asyncio.timeout(20):
        while not watched.tail.unwatchable:
            await asyncio.sleep(0.005)
    path.write_bytes(b"text")
    noticed = await watched.noticed()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    stream.close()

    assert noticed is stream
