"""Things that go wrong on a host: the runner names them in one sentence, its bots are unharmed, and what is over is
taken back."""

import asyncio
import contextlib
import errno
import os
import resource
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from botdeck.models import Action
from tests.process.fake_deck import FakeDeck
from tests.process.runner_house import RunnerHouse

pytestmark = pytest.mark.process

SLEEP = "import time; time.sleep(600)"
TALKATIVE = "import time\nwhile True:\n    print('still here', flush=True)\n    time.sleep(0.2)"
PATIENCE_S = 40.0
"""It is looked for every five seconds."""


def mount(*arguments: str) -> None:
    done = subprocess.run(["mount", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"nothing can be mounted here: {done.stderr.strip()}")


def unmount(folder: Path) -> None:
    subprocess.run(["umount", "--lazy", str(folder)], check=False, capture_output=True)


def named(deck: FakeDeck, *words: str) -> Callable[[], bool]:
    """One sentence, of those that were told last, holds all these words."""
    return lambda: (
        bool(deck.troubles) and any(all(word in sentence for word in words) for sentence in deck.troubles[-1])
    )


def none_named(deck: FakeDeck) -> bool:
    return bool(deck.troubles) and deck.troubles[-1] == []


async def keep_full(filler: Path) -> None:
    """Also when something else gives room back."""
    while True:
        with filler.open("ab", buffering=0) as file, contextlib.suppress(OSError):
            while file.write(bytes(4096)):
                pass
        await asyncio.sleep(0.02)


@pytest.fixture
def small_disk(house: RunnerHouse) -> Iterator[Path]:
    """The data directory, on a disk of 4 MB."""
    mount("-t", "tmpfs", "-o", "size=4m", "none", str(house.data_dir))
    yield house.data_dir
    house.clean()
    unmount(house.data_dir)


async def test_a_full_disk_is_named_bots_are_unharmed_and_orders_are_done(house: RunnerHouse, small_disk: Path) -> None:
    house.configure(kept=house.python(TALKATIVE), stopped=house.python(SLEEP))
    house.config.write_text("[runner]\ndisk_floor_mb = 1\n\n" + house.config.read_text())
    async with FakeDeck(small_disk) as deck:
        await house.start()
        await deck.until(lambda: deck.is_("kept", "running") and deck.is_("stopped", "running"))
        kept = deck.status("kept")
        filler = asyncio.create_task(keep_full(small_disk / "filler"))
        await deck.until(named(deck, "Less than 1 MB"), PATIENCE_S)

        stop = await deck.order("stopped", Action.STOP)
        await deck.until(lambda: deck.is_("stopped", "stopped"))
        await deck.until(named(deck, "The disk is full", "journal.json", "The bots go on"), PATIENCE_S)
        await deck.until(named(deck, "Less than 1 MB", str(small_disk), "disk_floor_mb"), PATIENCE_S)
        living = deck.status("kept")
        filler.cancel()
        (small_disk / "filler").unlink()
        await deck.until(lambda: none_named(deck), PATIENCE_S)
        deck.streams.clear()
        deck.cut()
        await deck.until(lambda: b"still here" in deck.all_bytes("kept"))

    assert stop.error is None
    assert kept is not None
    assert living is not None
    assert (living.pid, living.state) == (kept.pid, "running")
    assert "Traceback" not in house.log_text()


async def test_a_state_folder_that_became_read_only_is_named_and_the_next_runner_takes_the_bots_over(
    house: RunnerHouse, fake_deck: FakeDeck
) -> None:
    house.configure(kept=house.python(TALKATIVE), stopped=house.python(SLEEP))
    first = await house.start()
    await fake_deck.until(lambda: fake_deck.is_("kept", "running") and fake_deck.is_("stopped", "running"))
    pids = house.processes()
    state = house.data_dir / "runner"
    mount("--bind", str(state), str(state))
    try:
        mount("-o", "remount,bind,ro", str(state))
        await fake_deck.until(named(fake_deck, str(state), "can only be read", "The bots go on"), PATIENCE_S)
        await house.kill(first)
        fake_deck.statuses.clear()
        fake_deck.troubles.clear()
        second = await house.start()
        await fake_deck.until(lambda: fake_deck.is_("kept", "running") and fake_deck.is_("stopped", "running"))
        await fake_deck.until(named(fake_deck, str(state), "can only be read"), PATIENCE_S)
        taken_over = house.processes()
        shipped = len(fake_deck.all_bytes("kept"))
        await fake_deck.until(lambda: len(fake_deck.all_bytes("kept")) > shipped)
        third = await house.start()
        refused = await third.wait()
        stop = await fake_deck.order("stopped", Action.STOP)
        await fake_deck.until(lambda: fake_deck.is_("stopped", "stopped"))
    finally:
        unmount(state)
    await fake_deck.until(lambda: none_named(fake_deck), PATIENCE_S)

    assert taken_over == pids
    assert stop.error is None
    assert refused == 1
    assert "keeps the bots of" in house.log_text()
    assert second.returncode is None
    assert '"stopped"' in house.journal.read_text()
    assert "Traceback" not in house.log_text()


async def test_a_journal_cut_in_half_is_named_and_costs_nothing_but_the_last_change(
    house: RunnerHouse, fake_deck: FakeDeck
) -> None:
    house.configure(kept=house.python(SLEEP), stopped=house.python(SLEEP))
    first = await house.start()
    await fake_deck.until(lambda: fake_deck.is_("kept", "running") and fake_deck.is_("stopped", "running"))
    await fake_deck.order("stopped", Action.STOP)
    await fake_deck.until(lambda: fake_deck.is_("stopped", "stopped"))
    pids = house.processes()
    await house.kill(first)
    os.truncate(house.journal, house.journal.stat().st_size // 2)

    fake_deck.statuses.clear()
    fake_deck.troubles.clear()
    await house.start()
    await fake_deck.until(lambda: fake_deck.is_("kept", "running") and fake_deck.is_("stopped", "stopped"))
    await fake_deck.until(named(fake_deck, "journal.json", "the version before it is used"), PATIENCE_S)
    (aside,) = (house.data_dir / "runner").glob("journal.json.2*")
    aside.unlink()
    await fake_deck.until(lambda: none_named(fake_deck), PATIENCE_S)

    assert house.processes() == pids


async def test_a_limit_of_open_files_that_is_reached_is_named_and_bots_that_run_are_unharmed(
    house: RunnerHouse, fake_deck: FakeDeck
) -> None:
    house.configure(kept=house.python(SLEEP), late=house.python(SLEEP, autostart=False))
    runner = await house.start()
    await fake_deck.until(lambda: fake_deck.is_("kept", "running"))
    pids = house.processes()
    _, most = resource.prlimit(runner.pid, resource.RLIMIT_NOFILE)
    few = max(int(fd) for fd in os.listdir(f"/proc/{runner.pid}/fd")) + 1

    resource.prlimit(runner.pid, resource.RLIMIT_NOFILE, (few, most))
    await fake_deck.order("late", Action.START)
    await fake_deck.until(lambda: fake_deck.is_("late", "backoff"))
    await fake_deck.until(named(fake_deck, f"which is {few} (ulimit -n)", "The bots that run go on"), PATIENCE_S)
    unharmed = house.processes()
    resource.prlimit(runner.pid, resource.RLIMIT_NOFILE, (most, most))
    await fake_deck.until(lambda: fake_deck.is_("late", "running"), PATIENCE_S)

    assert unharmed == pids
    assert os.strerror(errno.EMFILE) in house.log_text()
    assert "Traceback" not in house.log_text()
    assert runner.returncode is None
