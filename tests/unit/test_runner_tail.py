"""Noticing what is written, when looking fails."""

import asyncio
import contextlib
import errno
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from botdeck.runner.stream import Stream
from botdeck.runner.tail import NO_WATCHES, Tail


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


async def test_that_there_are_no_more_watches_is_told_once_and_files_are_looked_at(tmp_path: Path) -> None:
    told, grown = list[tuple[str, str | None]](), asyncio.Queue[Stream]()
    tail = Tail(grown.put_nowait, lambda key, sentence: told.append((key, sentence)))
    os.close(tail._inotify)
    tail._inotify = -1
    task = asyncio.create_task(tail.run())
    for name in ("one", "two"):
        (tmp_path / name).touch()
        tail.watch(Stream(f"b/r/{name}", tmp_path / name))
    async with asyncio.timeout(10):
        while not told:
            await asyncio.sleep(0.005)
        (tmp_path / "two").write_bytes(b"text")
        stream = await grown.get()
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task

    assert stream.name == "b/r/two"
    assert told == [("watches", NO_WATCHES)]
