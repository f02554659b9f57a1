"""What the runner tells of what its bots use, with real bots that use it."""

import os
import signal

import pytest

from botdeck.models import Sample
from tests.process.fake_deck import FakeDeck
from tests.process.runner_house import RunnerHouse

pytestmark = pytest.mark.process

IDLE = "import time; time.sleep(600)"
BUSY = """
import time
while True:
    until = time.process_time() + 0.05
    while time.process_time() < until:
        pass
    time.sleep(0.1)
"""
BUSY_THROUGH_CHILDREN = """
import os, time
while True:
    if os.fork() == 0:
        while time.process_time() < 0.1:
            pass
        os._exit(0)
    os.wait()
    time.sleep(0.2)
"""
LARGE = "import time; held = b'x' * (64 << 20); time.sleep(600)"
MANY_FILES = "import time; held = [open('/dev/null') for _ in range(40)]; time.sleep(600)"
MANY_PROCESSES = """
import os, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        time.sleep(600)
    os._exit(0)  # what it began is an orphan, in another session
os.fork()
time.sleep(600)
"""
THREADS = """
import threading, time
for _ in range(5):
    threading.Thread(target=time.sleep, args=(600,), daemon=True).start()
time.sleep(600)
"""
PATIENCE_S = 40.0
"""A few readings; there is one every five seconds."""


async def test_what_bots_use_shows_in_their_samples(house: RunnerHouse, fake_deck: FakeDeck) -> None:
    programs = {
        "idle": IDLE,
        "busy": BUSY,
        "children": BUSY_THROUGH_CHILDREN,
        "large": LARGE,
        "files": MANY_FILES,
        "family": MANY_PROCESSES,
        "threads": THREADS,
    }
    house.configure(**{name: house.python(text) for name, text in programs.items()})
    await house.start()

    def last(bot: str) -> Sample | None:
        return next((sample for sample in reversed(fake_deck.samples) if sample.bot == bot), None)

    def all_shown() -> bool:
        samples = {name: last(name) for name in programs}
        if not all(samples.values()):
            return False
        idle, busy, children, large, files, family, threads = (sample for sample in samples.values() if sample)
        return (
            busy.cpu_percent >= 5 > idle.cpu_percent
            and children.cpu_percent >= 5
            and large.memory_bytes - idle.memory_bytes > 60 << 20
            and files.open_files == idle.open_files + 40
            and family.children == 2  # the orphan and the last one; what is between is a zombie that nobody waits for
            and threads.threads == 6
            and (idle.threads, idle.children) == (1, 0)
        )

    await fake_deck.until(all_shown, PATIENCE_S)

    loads = fake_deck.loads
    assert loads[0].cpus == os.cpu_count()
    assert loads[-1].memory_available_bytes < loads[-1].memory_total_bytes
    assert loads[-1].disk_free_bytes < loads[-1].disk_total_bytes


async def test_a_status_carries_the_last_sample_and_a_bot_that_ended_is_not_sampled(
    house: RunnerHouse, fake_deck: FakeDeck
) -> None:
    house.configure(a=house.python(IDLE), b=house.python(IDLE, restart="never"))
    await house.start()
    await fake_deck.until(lambda: {sample.bot for sample in fake_deck.samples} == {"a", "b"}, PATIENCE_S)
    status = fake_deck.status("b")
    assert status is not None
    assert status.pid is not None
    sampled = [sample for sample in fake_deck.samples if sample.bot == "b"]

    fake_deck.cut()
    await fake_deck.until(lambda: len(fake_deck.fleets) == 2)
    os.kill(status.pid, signal.SIGKILL)
    await fake_deck.until(lambda: fake_deck.is_("b", "failed") or fake_deck.is_("b", "exited"))
    fake_deck.samples.clear()
    await fake_deck.until(lambda: fake_deck.samples, PATIENCE_S)

    again = {member.bot.name: member.status.sample for member in fake_deck.fleets[1].members}
    last = fake_deck.status("b")
    assert again["b"] == sampled[-1]
    assert last is not None
    assert last.sample is None
    assert {sample.bot for sample in fake_deck.samples} == {"a"}
