"""Every end of a run has a cause, words, and what the run left; limits are kept, and said."""

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from botdeck.models import Action, Cause, Run
from tests.process.fake_deck import FakeDeck
from tests.process.runner_house import PYTHON, RunnerHouse

pytestmark = pytest.mark.process

SLEEP = "import time; print('up', flush=True); time.sleep(600)"
MEMORY_GROUPS = Path("/sys/fs/cgroup/memory")


async def ended(fake_deck: FakeDeck, bot: str, number: int = 1) -> Run:
    """The record of its nth run, once it is over."""
    await fake_deck.until(lambda: sum(run.ended_at is not None for run in fake_deck.runs_of(bot)) >= number)
    return [run for run in fake_deck.runs_of(bot) if run.ended_at is not None][number - 1]


async def test_an_exit_code_a_signal_and_a_missing_command_are_told_apart(
    house: RunnerHouse, fake_deck: FakeDeck
) -> None:
    house.configure(
        exits=house.python("import sys; sys.exit(3)", restart="never"),
        aborts=house.python("import os; os.abort()", restart="never"),
        missing={"command": ["no-such-program"], "restart": "never"},
    )
    await house.start()

    exits, aborts, missing = [await ended(fake_deck, bot) for bot in ("exits", "aborts", "missing")]

    assert (exits.cause, exits.exit_code, exits.signal, exits.reason) == (Cause.EXIT, 3, None, "exited with code 3")
    assert (aborts.cause, aborts.exit_code, aborts.signal) == (Cause.SIGNAL, None, "SIGABRT")
    assert missing.cause is Cause.CANNOT_START
    assert missing.reason == "did not start: there is no command 'no-such-program' on the PATH"
    assert exits.cpu_s is not None
    assert exits.cpu_s > 0
    assert exits.peak_memory_bytes is not None
    assert exits.peak_memory_bytes > 1_000_000


async def test_an_operators_end_says_who_and_whether_it_had_to_be_forced(
    house: RunnerHouse, fake_deck: FakeDeck
) -> None:
    deaf = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(600)"
    )
    house.configure(polite=house.python(SLEEP), deaf=house.python(deaf, stop_timeout_s=0.2))
    await house.start()
    await fake_deck.until(lambda: fake_deck.all_bytes("polite") and fake_deck.all_bytes("deaf"))

    await fake_deck.order("polite", Action.RESTART, "ann")
    await fake_deck.order("deaf", Action.STOP, "ben")
    polite, forced = await ended(fake_deck, "polite"), await ended(fake_deck, "deaf")
    await fake_deck.until(lambda: fake_deck.is_("polite", "running"))
    status = fake_deck.status("polite")

    assert (polite.cause, polite.operator, polite.stop_timed_out) == (Cause.OPERATOR, "ann", False)
    assert (forced.cause, forced.operator, forced.stop_timed_out) == (Cause.OPERATOR, "ben", True)
    assert forced.reason == "stopped by ben; killed, for it did not end within 0.2 s"
    assert status is not None
    assert (status.crashes_total, status.operator_restarts, status.restarts) == (0, 1, 0)


async def test_a_stop_signal_of_ones_own_is_sent(house: RunnerHouse, fake_deck: FakeDeck) -> None:
    bot = (
        "import signal, sys, time\n"
        "signal.signal(signal.SIGINT, lambda *_: sys.exit(7))\n"
        "print('up', flush=True)\ntime.sleep(600)"
    )
    house.configure(bot=house.python(bot, stop_signal="INT"))
    await house.start()
    await fake_deck.until(lambda: fake_deck.all_bytes("bot"))

    await fake_deck.order("bot", Action.STOP)

    assert (await ended(fake_deck, "bot")).exit_code == 7


async def test_what_a_run_left_is_frozen_into_its_record(house: RunnerHouse, fake_deck: FakeDeck) -> None:
    bot = """
import os, sys
for number in range(1000):
    print("line", number)
print("caf\\xe9 \\x1b[31mred\\x1b[0m", flush=True)
sys.stdout.buffer.write(b"10%\\r20%\\r100%\\nhalf \\xff a line")
sys.stdout.flush()
events = os.open(os.environ["BOTDECK_EVENTS"], os.O_WRONLY | os.O_APPEND)
def say(text):
    os.write(events, b'\\n{"v":1,"time":"2026-11-22T20:00:00Z","run":"r",' + text + b'}\\n')
for number in range(30):
    say(b'"event":"command.started","id":"c%d","command.name":"ping","user.id":"irc:ann"' % number)
    if number < 29:
        say(b'"event":"command.finished","id":"c%d","command.name":"ping","duration_ms":1.5,"outcome":"ok"' % number)
say(b'"event":"log","severity_text":"ERROR","body":"it broke"')
os._exit(1)
"""
    house.configure(bot=house.python(bot, restart="never"))
    await house.start()

    left = (await ended(fake_deck, "bot")).post_mortem

    assert left is not None
    assert len(left.last_output) == 200
    assert left.last_output[0] == "line 803"
    assert left.last_output[-3:] == ["caf\u00e9 \x1b[31mred\x1b[0m", "100%", "half \ufffd a line"]
    assert left.last_log == ["ERROR it broke"]
    assert len(left.last_commands) == 20
    assert (left.last_commands[-1].outcome, left.last_commands[-1].duration_ms) == (None, None)
    assert (left.last_commands[-2].outcome, left.last_commands[-2].duration_ms) == ("ok", 1.5)
    assert {command.user for command in left.last_commands} == {"irc:ann"}


async def test_a_run_that_ended_while_no_runner_lived_has_all_of_that_too(
    house: RunnerHouse, fake_deck: FakeDeck
) -> None:
    bot = (
        "import signal, time\nsignal.signal(signal.SIGUSR1, lambda *_: 1 / 0)\nprint('up', flush=True)\ntime.sleep(600)"
    )
    house.configure(bot=house.python(bot, restart="never"))
    runner = await house.start()
    await fake_deck.until(lambda: fake_deck.all_bytes("bot"))
    await house.kill(runner)
    (pid,) = house.processes()
    os.kill(pid, signal.SIGUSR1)
    await house.until(lambda: not house.shims())

    await house.start()
    run = await ended(fake_deck, "bot")

    assert (run.cause, run.exit_code) == (Cause.EXIT, 1)
    assert run.post_mortem is not None
    assert run.post_mortem.last_output[-1] == "ZeroDivisionError: division by zero"


async def test_a_host_that_went_down_is_the_cause_and_the_bot_is_started_again(
    house: RunnerHouse, fake_deck: FakeDeck
) -> None:
    house.configure(bot=house.python(SLEEP, restart="never"))
    runner = await house.start()
    await fake_deck.until(lambda: fake_deck.all_bytes("bot"))
    await house.kill(runner)
    # As a host that lost its power leaves things: nothing lives, nothing was noted, and the kernel is another one.
    for pid in [*house.shims(), *house.processes()]:
        os.kill(pid, signal.SIGKILL)
    await house.until(lambda: not house.shims() and not house.processes())
    (run_dir,) = house.run_dirs("bot")
    note = (run_dir / "pid").read_text()
    (run_dir / "pid").write_text(note.replace(Path("/proc/sys/kernel/random/boot_id").read_text().strip(), "another"))

    await house.start()
    run = await ended(fake_deck, "bot")
    await fake_deck.until(lambda: fake_deck.is_("bot", "running"))
    status = fake_deck.status("bot")

    assert (run.cause, run.reason) == (Cause.HOST, "ended when its host went down")
    assert status is not None
    assert status.crashes_total == 0


async def test_a_crash_loop_is_shown_with_a_countdown_and_survives_the_runner(
    house: RunnerHouse, fake_deck: FakeDeck
) -> None:
    house.configure(bot=house.python("raise SystemExit(4)"))
    runner = await house.start()
    await fake_deck.until(lambda: (now := fake_deck.status("bot")) and now.crash_loop and now.state == "backoff")
    looping = fake_deck.status("bot")
    await house.kill(runner)

    seen = len(fake_deck.statuses)
    await house.start()
    await fake_deck.until(lambda: len(fake_deck.statuses) > seen)
    again = fake_deck.statuses[seen]

    assert looping is not None
    assert looping.retry_in_s is not None
    assert looping.retry_in_s > 5
    assert looping.reason.startswith("exited with code 4 after")
    assert looping.crashes_total == 5
    assert (again.crash_loop, again.crashes_total) == (True, looping.crashes_total)


async def test_a_spent_budget_is_failed_said_and_survives_the_runner(house: RunnerHouse, fake_deck: FakeDeck) -> None:
    house.configure(bot=house.python("raise SystemExit(4)", start_budget=2), patient=house.python(SLEEP))
    runner = await house.start()
    await fake_deck.until(lambda: fake_deck.is_("bot", "failed"))
    failed = fake_deck.status("bot")
    await house.kill(runner)

    await house.start()
    await fake_deck.until(lambda: len(fake_deck.hellos) == 2 and fake_deck.is_("patient", "running"))
    later = fake_deck.status("bot")
    await fake_deck.order("bot", Action.START)
    await fake_deck.until(lambda: len(fake_deck.runs_of("bot")) == 3)

    assert failed is not None
    assert failed.reason.startswith("its start budget is spent: 2 starts in 24 h; last end: exited with code 4")
    assert (failed.starts_24h, failed.start_budget) == (2, 2)
    assert later is not None
    assert (later.state, later.reason, later.starts_24h) == ("failed", failed.reason, 2)
    assert "bot: failed (its start budget is spent" in house.log_text()


async def test_a_bot_above_its_ceiling_is_restarted_for_that(house: RunnerHouse, fake_deck: FakeDeck) -> None:
    house.configure(bot=house.python("import time; hog = b'x' * 60_000_000; time.sleep(600)", memory_max_mb=40))
    await house.start()

    run = await ended(fake_deck, "bot")

    assert run.cause is Cause.MEMORY
    assert "memory_max_mb is 40" in run.reason


async def test_a_bot_is_restarted_when_its_time_comes(house: RunnerHouse, fake_deck: FakeDeck) -> None:
    house.configure(bot=house.python(SLEEP, restart_at="* * * * *"))
    await house.start()
    await fake_deck.until(lambda: fake_deck.is_("bot", "running"))
    first = fake_deck.status("bot")

    await fake_deck.until(lambda: fake_deck.runs_of("bot")[0].ended_at is not None, timeout=90)
    await fake_deck.until(lambda: fake_deck.is_("bot", "running"))
    run = fake_deck.runs_of("bot")[0]
    second = fake_deck.status("bot")

    assert first is not None
    assert first.next_restart_at is not None
    assert run.cause is Cause.SCHEDULE
    assert second is not None
    assert second.crashes_total == 0
    assert second.next_restart_at is not None
    assert second.next_restart_at > first.next_restart_at


@pytest.fixture
def memory_group() -> Iterator[Path]:
    """A group of processes that may use 32 MB together."""
    group = MEMORY_GROUPS / f"botdeck-test-{os.getpid()}"
    try:
        group.mkdir()
        (group / "memory.limit_in_bytes").write_text(str(32 << 20))
    except OSError:
        pytest.skip("memory groups cannot be made here")
    yield group
    group.rmdir()


async def test_a_kernel_out_of_memory_is_the_cause(house: RunnerHouse, fake_deck: FakeDeck, memory_group: Path) -> None:
    hog = house.script("hog = []\nwhile True: hog.append(b'x' * 1_000_000)", "hog.py")
    script = f"echo $$ > {memory_group}/cgroup.procs; exec {sys.executable} -I -S {hog}"
    house.configure(
        hog={"command": ["sh", "-c", script], "restart": "never"},
        killed={"command": [*PYTHON, "-c", "import os; os.kill(os.getpid(), 9)"], "restart": "never"},
    )
    await house.start()

    hogged, killed = await ended(fake_deck, "hog"), await ended(fake_deck, "killed")

    assert (hogged.cause, hogged.signal) == (Cause.OOM, "SIGKILL")
    assert hogged.reason == "killed by the kernel, which was out of memory"
    assert (killed.cause, killed.signal) == (Cause.SIGNAL, "SIGKILL")
