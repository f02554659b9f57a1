"""Runner, deck, shim and connection are killed; bots go on, and what they wrote arrives once and in order."""

import asyncio
import itertools
import json
import os
import random
import shutil
import signal
from datetime import timedelta
from pathlib import Path

import pytest

from botdeck.models import Action, State, Wanted
from tests.process.fake_deck import FakeDeck
from tests.process.runner_house import PYTHON, STUBBORN, RunnerHouse, lines

pytestmark = pytest.mark.process

SLEEP = "import time; time.sleep(600)"
COUNT = 20_000


async def test_a_runner_killed_mid_burst_loses_and_doubles_nothing(house: RunnerHouse, fake_deck: FakeDeck) -> None:
    house.configure(bot=house.counter(COUNT, pause_s=0.00005))
    luck, pids = random.Random(7), set()

    for _ in range(4):
        runner = await house.start()
        more = luck.randrange(1, len(lines(COUNT)) // 6)
        enough = min(
            len(lines(COUNT)), len(fake_deck.all_bytes("bot")) + more
        )  # a bot may be done before the kills are
        await fake_deck.until(lambda enough=enough: len(fake_deck.all_bytes("bot")) >= enough)
        await house.kill(runner)
        pids |= set(house.processes())
    await house.start()
    await fake_deck.until(lambda: len(fake_deck.all_bytes("bot", "events")) >= len(lines(COUNT, "events")))
    await fake_deck.until(lambda: len(fake_deck.all_bytes("bot")) >= len(lines(COUNT)))

    assert fake_deck.all_bytes("bot") == lines(COUNT)
    assert fake_deck.all_bytes("bot", "events") == lines(COUNT, "events")
    assert len(pids) == 1
    assert house.processes() == list(pids)
    assert len(fake_deck.runs_of("bot")) == 1


async def test_a_link_cut_mid_burst_with_lost_acknowledgements_loses_and_doubles_nothing(
    house: RunnerHouse, fake_deck: FakeDeck
) -> None:
    house.configure(bot=house.counter(COUNT, pause_s=0.00005, ending="end"))
    fake_deck.apply_limit = 3
    await house.start()

    for limit in (1, 5, 2, 4):
        await fake_deck.until(lambda: fake_deck.apply_limit is None)
        fake_deck.apply_limit = limit
    await fake_deck.until(lambda: len(fake_deck.streams) == 2 and all(s.final for s in fake_deck.streams.values()))
    await house.until(lambda: house.run_dirs("bot") == [])

    assert fake_deck.all_bytes("bot") == lines(COUNT)
    assert fake_deck.all_bytes("bot", "events") == lines(COUNT, "events")
    assert len(fake_deck.hellos) >= 5


async def test_half_a_line_is_not_given_up_before_the_deck_knows_that_it_is_all(
    house: RunnerHouse, fake_deck: FakeDeck
) -> None:
    os.mkfifo(house.folder / "fifo")
    house.configure(bot={"command": ["sh", "-c", "printf half; read line < fifo"], "restart": "never"})
    fake_deck.deaf_to_final = True
    await house.start()
    await fake_deck.until(lambda: fake_deck.all_bytes("bot") == b"half")
    (house.folder / "fifo").write_text("go\n")
    await fake_deck.until(lambda: fake_deck.is_("bot", "exited") and fake_deck.runs_of("bot")[0].ended_at)
    await fake_deck.until(lambda: fake_deck.finals_lost >= 1)
    kept = house.run_dirs("bot")

    fake_deck.deaf_to_final = False
    fake_deck.cut()
    await fake_deck.until(lambda: len(fake_deck.streams) == 2 and all(s.final for s in fake_deck.streams.values()))
    await house.until(lambda: house.run_dirs("bot") == [])

    assert len(kept) == 1
    assert fake_deck.all_bytes("bot") == b"half"


async def test_a_deck_that_was_away_gets_the_times_at_which_the_runner_saw_the_bytes(
    house: RunnerHouse, fake_deck: FakeDeck
) -> None:
    text = "import os, time\nfor n in range(6): os.write(1, b'%d\\n' % n); time.sleep(0.5)"
    house.configure(bot=house.python(text, restart="never"))
    await house.start()
    await fake_deck.until(lambda: fake_deck.all_bytes("bot").startswith(b"0\n"))

    await fake_deck.close()
    out = house.run_dirs("bot")[0] / "out"
    await house.until(lambda: out.stat().st_size >= 10)
    await fake_deck.open()
    await fake_deck.until(lambda: len(fake_deck.all_bytes("bot")) >= 12)

    (stored,) = (s for name, s in fake_deck.streams.items() if name.endswith("out") and len(s.data) >= 12)
    times = [time for _, length, time in stored.frames if length]
    assert bytes(stored.data[:12]) == b"0\n1\n2\n3\n4\n5\n"
    assert [length for _, length, _ in stored.frames if length][:5] == [2] * 5
    for earlier, later in itertools.pairwise(times):
        assert timedelta(seconds=0.4) < later - earlier < timedelta(seconds=0.9)


async def test_a_new_runner_takes_over_what_runs(house: RunnerHouse, fake_deck: FakeDeck) -> None:
    house.configure(**{f"bot{n}": house.python(SLEEP) for n in range(4)})
    first = await house.start()
    await fake_deck.until(lambda: all(fake_deck.is_(f"bot{n}", "running") for n in range(4)))
    before = {n: fake_deck.status(f"bot{n}") for n in range(4)}

    await house.kill(first)
    fake_deck.statuses.clear()
    await house.start()
    await fake_deck.until(lambda: all(fake_deck.is_(f"bot{n}", "running") for n in range(4)))

    for number, old in before.items():
        new = fake_deck.status(f"bot{number}")
        assert old is not None
        assert new is not None
        assert old.started_at is not None
        assert new.started_at is not None
        assert (new.pid, new.run, new.since, new.restarts) == (old.pid, old.run, old.since, 0)
        assert abs(new.started_at - old.started_at) < timedelta(seconds=0.1)
    assert len(house.processes()) == 4


async def test_sigterm_leaves_the_bots_and_the_next_runner_takes_them_over(
    house: RunnerHouse, fake_deck: FakeDeck
) -> None:
    house.configure(bot=house.python(SLEEP))
    first = await house.start()
    await fake_deck.until(lambda: fake_deck.is_("bot", "running"))
    pids = house.processes()

    status = await house.kill(first, signal.SIGTERM)
    left = house.processes()
    fake_deck.statuses.clear()
    await house.start()
    await fake_deck.until(lambda: fake_deck.is_("bot", "running"))

    assert status == 0
    assert left == pids == house.processes()


async def test_sigint_stops_the_bots_and_the_next_runner_starts_them_again(
    house: RunnerHouse, fake_deck: FakeDeck
) -> None:
    house.configure(
        bot=house.python(SLEEP, restart="never"),
        stopped=house.python(SLEEP),
        ended={"command": "true", "restart": "on-failure"},
        waiting={"command": "false"},
    )
    first = await house.start()
    await fake_deck.until(lambda: fake_deck.is_("bot", "running") and fake_deck.is_("stopped", "running"))
    await fake_deck.order("stopped", Action.STOP)
    await fake_deck.until(lambda: fake_deck.is_("stopped", "stopped") and fake_deck.is_("ended", "exited"))
    await fake_deck.until(lambda: fake_deck.is_("waiting", "backoff"))

    status = await house.kill(first, signal.SIGINT)
    last = fake_deck.status("bot")
    runs = [(run.signal, run.reason) for run in fake_deck.runs_of("bot")]
    left = house.processes()
    fake_deck.statuses.clear()
    await house.start()
    await fake_deck.until(lambda: fake_deck.is_("bot", "running") and len(fake_deck.runs_of("waiting")) > 2)

    assert status == 0
    assert left == []
    assert last is not None
    assert (last.state, last.wanted) == (State.STOPPED, Wanted.RUNNING)
    assert runs == [("SIGTERM", "stopped with its runner")]
    assert fake_deck.states("stopped") == ["stopped"]
    assert fake_deck.states("ended") == ["exited"]
    assert (again := fake_deck.status("bot")) is not None
    assert again.restarts == 0


async def test_sigterm_while_bots_are_being_stopped_leaves_the_rest(house: RunnerHouse, fake_deck: FakeDeck) -> None:
    house.configure(bot={"command": [*PYTHON, house.script(STUBBORN)], "stop_timeout_s": 60})
    runner = await house.start()
    await fake_deck.until(lambda: fake_deck.all_bytes("bot") == b"ready\n")
    runner.send_signal(signal.SIGINT)
    await fake_deck.until(lambda: fake_deck.is_("bot", "stopping"))

    status = await house.kill(runner, signal.SIGTERM)

    assert status == 0
    assert len(house.processes()) == 3


@pytest.mark.parametrize(
    ("command", "exit_code", "signal_name", "reason"),
    [
        ("read line < fifo; exit 0", 0, None, "exited with code 0"),
        ("read line < fifo; exit 3", 3, None, "exited with code 3"),
        ("read line < fifo; kill -SEGV $$", None, "SIGSEGV", "ended by SIGSEGV"),
        ("read line < fifo; kill -KILL $$", None, "SIGKILL", "ended by SIGKILL"),
    ],
)
async def test_how_a_bot_ended_while_no_runner_lived_is_known_to_the_next(
    house: RunnerHouse,
    fake_deck: FakeDeck,
    command: str,
    exit_code: int | None,
    signal_name: str | None,
    reason: str,
) -> None:
    os.mkfifo(house.folder / "fifo")
    house.configure(bot={"command": ["sh", "-c", command], "restart": "never"})
    first = await house.start()
    await fake_deck.until(lambda: fake_deck.is_("bot", "running"))

    await house.kill(first)
    (house.folder / "fifo").write_text("go\n")
    await house.until(lambda: house.processes() == [] and house.shims() == [])
    await house.start()
    await fake_deck.until(lambda: fake_deck.is_("bot", "exited"))
    await fake_deck.until(lambda: fake_deck.runs_of("bot")[0].ended_at)

    (run,) = fake_deck.runs_of("bot")
    assert (run.exit_code, run.signal, run.reason) == (exit_code, signal_name, reason)


async def test_a_crash_while_no_runner_lived_is_a_restart_and_counted(house: RunnerHouse, fake_deck: FakeDeck) -> None:
    house.configure(bot=house.python(SLEEP))
    first = await house.start()
    await fake_deck.until(lambda: fake_deck.is_("bot", "running"))

    await house.kill(first)
    os.kill(house.processes()[0], signal.SIGKILL)
    await house.until(lambda: house.shims() == [])
    fake_deck.statuses.clear()
    await house.start()
    await fake_deck.until(lambda: fake_deck.is_("bot", "running"))

    assert (status := fake_deck.status("bot")) is not None
    assert status.restarts == 1
    assert [run.signal for run in fake_deck.runs_of("bot")] == ["SIGKILL", None]


async def test_a_second_runner_is_refused_in_one_sentence(house: RunnerHouse, fake_deck: FakeDeck) -> None:
    house.configure(bot=house.python(SLEEP))
    first = await house.start()
    await fake_deck.until(lambda: fake_deck.is_("bot", "running"))
    house.log.write_text("")

    second = await house.start()
    async with asyncio.timeout(20):
        status = await second.wait()

    assert status == 1
    assert house.log_text().splitlines() == [
        (
            f"The runner cannot work: another runner (pid {first.pid}) keeps the bots of {house.data_dir} already. "
            "End that one first."
        )
    ]
    assert len(house.processes()) == 1


async def test_a_broken_configuration_names_the_line_and_ends_with_2(house: RunnerHouse) -> None:
    house.config.write_text('[bots.bot]\ncommand = "true"\nrestart = "sometimes"\n')

    runner = await house.start()
    async with asyncio.timeout(20):
        status = await runner.wait()

    assert status == 2
    assert house.log_text().startswith(f"{house.config}:3: bots.bot.restart: restart should be")


async def test_a_stop_under_way_is_finished_by_the_next_runner(house: RunnerHouse, fake_deck: FakeDeck) -> None:
    house.configure(bot={"command": [*PYTHON, house.script(STUBBORN)], "stop_timeout_s": 1})
    first = await house.start()
    await fake_deck.until(lambda: fake_deck.all_bytes("bot") == b"ready\n")
    await fake_deck.order("bot", Action.STOP)
    await house.kill(first)
    left = len(house.processes())

    await house.start()
    await fake_deck.until(lambda: fake_deck.is_("bot", "stopped"))
    await fake_deck.until(lambda: fake_deck.runs_of("bot")[0].ended_at)

    assert left == 3
    assert house.processes() == []
    assert fake_deck.runs_of("bot")[0].reason == "stopped by ann; killed, for it did not end within 1 s"


async def test_a_runner_killed_while_it_starts_bots_never_makes_two_or_none(
    house: RunnerHouse, fake_deck: FakeDeck
) -> None:
    """The bots' own lock is the witness: the file each would write shows a second copy at once."""
    text = (
        "import fcntl, os, sys, time\n"
        "f = open(sys.argv[1] + '.witness', 'a'); fcntl.flock(f, fcntl.LOCK_EX | fcntl.LOCK_NB)\n"
        "os.write(1, b'alone\\n'); time.sleep(600)"
    )
    bots = {f"bot{n}": {"command": [*PYTHON, "-c", text, f"bot{n}"]} for n in range(3)}
    house.configure(**bots)
    luck = random.Random(3)

    for _ in range(6):
        runner = await house.start()
        await house.until(lambda: (house.data_dir / "runner" / "journal.json").exists())
        await asyncio.sleep(luck.random() * 0.15)
        await house.kill(runner)
    await house.start()
    await fake_deck.until(lambda: all(fake_deck.is_(name, "running") for name in bots))

    assert len(house.processes()) == 3
    assert all(fake_deck.all_bytes(name) == b"alone\n" for name in bots)
    assert all(len(fake_deck.runs_of(name)) <= 7 for name in bots)


async def test_a_bot_outlives_its_shim(house: RunnerHouse, fake_deck: FakeDeck) -> None:
    house.configure(bot=house.python(SLEEP, restart="never"))
    await house.start()
    await fake_deck.until(lambda: fake_deck.is_("bot", "running"))
    (pid,), (shim,) = house.processes(), house.shims()

    os.kill(shim, signal.SIGKILL)
    await house.until(lambda: "its shim was killed" in house.log_text())
    alive = house.processes()
    os.kill(pid, signal.SIGKILL)
    await fake_deck.until(lambda: fake_deck.is_("bot", "exited"))
    await fake_deck.until(lambda: fake_deck.runs_of("bot")[0].ended_at)

    assert alive == [pid]
    assert fake_deck.runs_of("bot")[0].reason == "ended, and nobody saw how"


async def test_strays_of_a_bot_without_a_shim_are_ended_too(house: RunnerHouse, fake_deck: FakeDeck) -> None:
    house.configure(bot={"command": [*PYTHON, house.script(STUBBORN)], "stop_timeout_s": 0.2})
    await house.start()
    await fake_deck.until(lambda: fake_deck.is_("bot", "running"))
    os.kill(house.shims()[0], signal.SIGKILL)
    await house.until(lambda: "its shim was killed" in house.log_text())

    await fake_deck.order("bot", Action.STOP)
    await fake_deck.until(lambda: fake_deck.is_("bot", "stopped"))

    await house.until(lambda: house.processes() == [])


async def test_a_shim_that_is_slow_to_say_how_its_bot_ended_is_waited_for(
    house: RunnerHouse, fake_deck: FakeDeck
) -> None:
    house.configure(bot=house.python(SLEEP, restart="never"))
    runner = await house.start()
    await fake_deck.until(lambda: fake_deck.is_("bot", "running"))
    (pid,), (shim,) = house.processes(), house.shims()
    await house.kill(runner)
    os.kill(shim, signal.SIGSTOP)
    os.kill(pid, signal.SIGKILL)

    await house.start()
    await house.until(lambda: "taken over" in house.log_text() or "exited" in house.log_text())
    os.kill(shim, signal.SIGCONT)
    await fake_deck.until(lambda: fake_deck.is_("bot", "exited"))
    await fake_deck.until(lambda: fake_deck.runs_of("bot")[0].ended_at)

    assert fake_deck.runs_of("bot")[0].signal == "SIGKILL"


async def test_strays_of_a_bot_that_ended_without_a_shim_and_a_runner_are_ended_by_the_next(
    house: RunnerHouse, fake_deck: FakeDeck
) -> None:
    house.configure(bot={"command": [*PYTHON, house.script(STUBBORN)], "restart": "never"})
    runner = await house.start()
    await fake_deck.until(lambda: fake_deck.all_bytes("bot") == b"ready\n" and fake_deck.is_("bot", "running"))
    status = fake_deck.status("bot")
    await house.kill(runner)
    os.kill(house.shims()[0], signal.SIGKILL)
    assert status is not None
    assert status.pid is not None
    os.kill(status.pid, signal.SIGKILL)

    await house.start()
    await fake_deck.until(lambda: fake_deck.is_("bot", "exited"))

    await house.until(lambda: house.processes() == [])


async def test_a_spawner_that_is_killed_is_replaced(house: RunnerHouse, fake_deck: FakeDeck) -> None:
    house.configure(bot=house.python(SLEEP))
    runner = await house.start()
    await fake_deck.until(lambda: fake_deck.is_("bot", "running"))
    (spawner,) = Path(f"/proc/{runner.pid}/task/{runner.pid}/children").read_text().split()

    os.kill(int(spawner), signal.SIGKILL)
    await fake_deck.order("bot", Action.RESTART)

    await fake_deck.until(lambda: fake_deck.is_("bot", "running") and len(fake_deck.runs_of("bot")) >= 2)


async def test_a_deleted_lock_file_makes_no_second_copy(house: RunnerHouse, fake_deck: FakeDeck) -> None:
    house.configure(bot=house.python(SLEEP))
    first = await house.start()
    await fake_deck.until(lambda: fake_deck.is_("bot", "running"))
    pids = house.processes()

    await house.kill(first)
    (house.data_dir / "runner" / "bots" / "bot" / "lock").unlink()
    fake_deck.statuses.clear()
    await house.start()
    await fake_deck.until(lambda: fake_deck.is_("bot", "running"))

    assert house.processes() == pids


async def test_bots_are_not_taken_over_by_the_runner_of_a_copied_folder(
    house: RunnerHouse, fake_deck: FakeDeck, tmp_path: Path
) -> None:
    house.configure(bot=house.python(SLEEP))
    await house.start()
    await fake_deck.until(lambda: fake_deck.is_("bot", "running"))
    pids = house.processes()
    (tmp_path / "copy").mkdir()
    copy = RunnerHouse(tmp_path / "copy")
    copy.configure(bot=copy.python(SLEEP))
    shutil.copytree(house.data_dir, copy.data_dir, dirs_exist_ok=True)

    await copy.start("--deck", "http://127.0.0.1:1/")
    await copy.until(copy.processes)
    await copy.kill(copy.last_runner, signal.SIGINT)

    assert copy.processes() == []
    assert house.processes() == pids


async def test_a_damaged_journal_is_kept_aside_and_running_bots_are_taken_over(
    house: RunnerHouse, fake_deck: FakeDeck
) -> None:
    house.configure(bot=house.python(SLEEP))
    first = await house.start()
    await fake_deck.until(lambda: fake_deck.is_("bot", "running"))
    pids = house.processes()

    await house.kill(first)
    (house.data_dir / "runner" / "journal.json").write_text('{"version": 1, "bots": {"bot"')
    fake_deck.statuses.clear()
    await house.start()
    await fake_deck.until(lambda: fake_deck.is_("bot", "running"))

    assert house.processes() == pids
    assert len(list((house.data_dir / "runner").glob("journal.json.2*"))) == 1


async def test_nonsense_about_one_bot_in_the_journal_keeps_no_other_from_being_taken_over(
    house: RunnerHouse, fake_deck: FakeDeck
) -> None:
    house.configure(odd=house.python(SLEEP), bot=house.python(SLEEP))
    runner = await house.start()
    await fake_deck.until(lambda: fake_deck.is_("odd", "running") and fake_deck.is_("bot", "running"))
    await house.kill(runner)
    document = json.loads(house.journal.read_text())
    document["bots"]["odd"]["starts"] = {"this morning": 3}
    house.journal.write_text(json.dumps(document))
    pids = {bot: status.pid for bot in ("odd", "bot") if (status := fake_deck.status(bot))}
    fake_deck.statuses.clear()

    await house.start()
    await fake_deck.until(lambda: fake_deck.is_("bot", "running") and fake_deck.is_("odd", "running"))

    again = {bot: status.pid for bot in ("odd", "bot") if (status := fake_deck.status(bot))}
    assert again == pids
    assert "what it says of odd cannot be used" in house.log_text()


async def test_on_a_full_disk_orders_are_done_and_not_forgotten(house: RunnerHouse, fake_deck: FakeDeck) -> None:
    house.configure(stopped=house.python(SLEEP), killed=house.python(SLEEP))
    runner = await house.start()
    await fake_deck.until(lambda: fake_deck.is_("stopped", "running") and fake_deck.is_("killed", "running"))

    house.no_room_for(house.journal)
    stop = await fake_deck.order("stopped", Action.STOP)
    kill = await fake_deck.order("killed", Action.KILL)
    await fake_deck.until(lambda: fake_deck.is_("stopped", "stopped") and fake_deck.is_("killed", "stopped"))
    left = house.processes()
    house.room_for(house.journal)
    await house.until(lambda: "journal.json was written again" in house.log_text())
    await house.kill(runner)
    fake_deck.statuses.clear()
    await house.start()
    await fake_deck.until(lambda: fake_deck.is_("stopped", "stopped") and fake_deck.is_("killed", "stopped"))

    assert (stop.error, kill.error) == (None, None)
    assert left == []
    assert house.log_text().count("journal.json cannot be written") == 1
    assert "Traceback" not in house.log_text()


async def test_on_a_full_disk_what_runs_is_taken_over(house: RunnerHouse, fake_deck: FakeDeck) -> None:
    """Although the end of an older run cannot be noted."""
    house.configure(bot=house.python(SLEEP))
    first = await house.start()
    await fake_deck.until(lambda: fake_deck.is_("bot", "running"))
    pids = house.processes()
    await house.kill(first)
    older = house.data_dir / "runner" / "bots" / "bot" / "20200101T000000-000001"
    older.mkdir()
    house.no_room_for(older / "run.json")

    fake_deck.statuses.clear()
    await house.start()
    await fake_deck.until(lambda: fake_deck.is_("bot", "running"))
    taken_over = house.processes()
    await fake_deck.order("bot", Action.STOP)
    await fake_deck.until(lambda: fake_deck.is_("bot", "stopped"))

    assert taken_over == pids
    assert "failed" not in fake_deck.states("bot")
    assert house.processes() == []


async def test_a_run_that_ends_on_a_full_disk_ends_for_the_deck_too(house: RunnerHouse, fake_deck: FakeDeck) -> None:
    house.configure(bot=house.python("import os, time; os.write(1, b'half'); time.sleep(600)"))
    await house.start()
    await fake_deck.until(lambda: fake_deck.is_("bot", "running") and fake_deck.all_bytes("bot") == b"half")
    (run,) = house.run_dirs("bot")

    house.no_room_for(run / "run.json")
    os.kill(house.processes()[0], signal.SIGKILL)
    await fake_deck.until(lambda: fake_deck.runs[run.name].ended_at)
    await fake_deck.until(lambda: fake_deck.streams[f"bot/{run.name}/out"].final)
    await fake_deck.until(lambda: fake_deck.is_("bot", "running") and len(fake_deck.runs_of("bot")) == 2)

    assert fake_deck.runs[run.name].signal == "SIGKILL"
    await house.until(lambda: not run.exists())


async def test_sighup_with_a_broken_file_changes_nothing(house: RunnerHouse, fake_deck: FakeDeck) -> None:
    house.configure(bot=house.python(SLEEP))
    runner = await house.start()
    await fake_deck.until(lambda: fake_deck.is_("bot", "running"))
    pids, fleets = house.processes(), len(fake_deck.fleets)

    house.config.write_text("[bots.bot\n")
    runner.send_signal(signal.SIGHUP)
    await house.until(lambda: f"{house.config}:1:" in house.log_text())

    assert house.processes() == pids
    assert len(fake_deck.fleets) == fleets
    assert (await fake_deck.order("bot", Action.RESTART)).error is None


async def test_sighup_adds_changes_and_removes_bots(house: RunnerHouse, fake_deck: FakeDeck) -> None:
    stays, changed = house.python(SLEEP), {"command": ["sh", "-c", "echo changed; exec sleep 600"]}
    house.configure(stays=stays, changes=house.python(SLEEP), goes=house.python(SLEEP))
    runner = await house.start()
    await fake_deck.until(lambda: all(fake_deck.is_(name, "running") for name in ("stays", "changes", "goes")))
    kept = fake_deck.status("stays")

    house.configure(new=house.python(SLEEP), stays=stays, changes=changed)
    runner.send_signal(signal.SIGHUP)
    await fake_deck.until(lambda: fake_deck.is_("new", "running"))
    names = ["new", "stays", "changes"]
    await fake_deck.until(lambda: [member.bot.name for member in fake_deck.fleets[-1].members] == names)
    await fake_deck.until(lambda: fake_deck.all_bytes("changes") == b"changed\n")

    after = fake_deck.status("stays")
    assert kept is not None
    assert after is not None
    assert after.pid == kept.pid
    assert len(fake_deck.runs_of("changes")) == 2
    assert fake_deck.runs_of("goes")[0].reason == "taken out of the configuration"
    assert not (house.data_dir / "runner" / "bots" / "goes").exists()


async def test_a_bot_removed_while_no_runner_lived_is_stopped_and_what_it_wrote_arrives(
    house: RunnerHouse, fake_deck: FakeDeck
) -> None:
    house.configure(goes=house.counter(50), stays=house.python(SLEEP))
    first = await house.start()
    await fake_deck.until(lambda: fake_deck.is_("goes", "running") and fake_deck.is_("stays", "running"))
    await house.kill(first)

    house.configure(stays=house.python(SLEEP))
    await house.start()
    await fake_deck.until(lambda: [member.bot.name for member in fake_deck.fleets[-1].members] == ["stays"])

    assert fake_deck.all_bytes("goes") == lines(50)
    assert all(stored.final for name, stored in fake_deck.streams.items() if name.startswith("goes/"))
    assert len(house.processes()) == 1


async def test_space_is_given_back_while_a_run_goes_on_and_a_deck_without_memory_is_no_trouble(
    house: RunnerHouse, fake_deck: FakeDeck
) -> None:
    text = (
        "import os, time\n"
        "for n in range(24): os.write(1, (b'%07d\\n' % n) * 131072)\n"
        "while not os.path.exists('more'): time.sleep(0.02)\n"
        "os.write(1, b'more\\n'); time.sleep(600)"
    )
    house.configure(bot=house.python(text))
    first = await house.start()
    await fake_deck.until(lambda: len(fake_deck.all_bytes("bot")) == 24 << 20, timeout=40)
    out = house.run_dirs("bot")[0] / "out"
    await house.until(lambda: out.stat().st_blocks * 512 <= 8 << 20)

    # A deck whose database was lost asks for everything from the start; the holes come as a gap and not as NULs.
    await house.kill(first)
    fake_deck.streams.clear()
    await house.start()
    (house.folder / "more").touch()
    await fake_deck.until(lambda: fake_deck.all_bytes("bot").endswith(b"more\n"))
    after_loss = fake_deck.all_bytes("bot")
    (stored,) = (stored for name, stored in fake_deck.streams.items() if name.endswith("/out"))
    ((begin, missing),) = stored.gaps

    # And the next runner knows what the offsets mean now.
    await house.kill(house.last_runner)
    await house.start()
    hellos = len(fake_deck.hellos)
    await fake_deck.until(lambda: len(fake_deck.hellos) > hellos or fake_deck.is_("bot", "running"))
    await fake_deck.order("bot", Action.STOP)
    await fake_deck.until(lambda: any(s.final for s in fake_deck.streams.values()))

    assert begin == 0
    assert b"\0" not in after_loss[missing:]
    assert len(after_loss) == (24 << 20) + len(b"more\n")
    assert fake_deck.all_bytes("bot") == after_loss


async def test_a_file_that_is_truncated_is_survived_and_said(house: RunnerHouse, fake_deck: FakeDeck) -> None:
    text = (
        "import os, time\n"
        "os.write(1, b'before\\n' * 100)\n"
        "while not os.path.exists('more'): time.sleep(0.02)\n"
        "os.write(1, b'after\\n'); time.sleep(600)"
    )
    house.configure(bot=house.python(text))
    await house.start()
    await fake_deck.until(lambda: fake_deck.all_bytes("bot") == b"before\n" * 100)

    os.truncate(house.run_dirs("bot")[0] / "out", 0)
    await house.until(lambda: "Somebody truncated" in house.log_text())
    (house.folder / "more").touch()

    await fake_deck.until(lambda: fake_deck.all_bytes("bot") == b"before\n" * 100 + b"after\n")
    (stored,) = (stored for name, stored in fake_deck.streams.items() if name.endswith("/out"))
    assert stored.gaps == []
    (notice,) = stored.notices
    assert notice.startswith("Somebody truncated the file that this output goes to. Please do not rotate")


async def test_a_file_that_is_moved_away_is_followed(house: RunnerHouse, fake_deck: FakeDeck) -> None:
    text = (
        "import os, time\n"
        "os.write(1, b'before\\n')\n"
        "while not os.path.exists('more'): time.sleep(0.02)\n"
        "os.write(1, b'after\\n'); time.sleep(600)"
    )
    house.configure(bot=house.python(text))
    await house.start()
    await fake_deck.until(lambda: fake_deck.all_bytes("bot") == b"before\n")

    (house.run_dirs("bot")[0] / "out").rename(house.folder / "rotated")
    (house.folder / "more").touch()

    await fake_deck.until(lambda: fake_deck.all_bytes("bot") == b"before\nafter\n")
