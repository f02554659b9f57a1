"""One runner and a deck that keeps what it is sent: bots do what operators say, and it is all reported."""

import asyncio
import json
import os
import shutil
import signal
import stat
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from botdeck.models import Action, Wanted
from tests.process.fake_deck import FakeDeck
from tests.process.runner_house import PYTHON, STUBBORN, RunnerHouse, lines

pytestmark = pytest.mark.process

SLEEP = "import time; time.sleep(600)"


async def test_orders_start_stop_restart_and_kill_a_bot(house: RunnerHouse, fake_deck: FakeDeck) -> None:
    house.configure(bot=house.python(SLEEP, autostart=False, description="Sleeps."))
    await house.start("--name", "here")
    await fake_deck.until(lambda: fake_deck.is_("bot", "stopped"))

    started = await fake_deck.order("bot", Action.START)
    await fake_deck.until(lambda: fake_deck.is_("bot", "running"))
    running = fake_deck.status("bot")
    await fake_deck.order("bot", Action.RESTART)
    await fake_deck.until(lambda: fake_deck.is_("bot", "running") and len(fake_deck.runs_of("bot")) == 2)
    again = fake_deck.status("bot")
    await fake_deck.order("bot", Action.STOP, "ben")
    await fake_deck.until(lambda: fake_deck.is_("bot", "stopped"))
    await fake_deck.order("bot", Action.START)
    await fake_deck.until(lambda: fake_deck.is_("bot", "running"))
    await fake_deck.order("bot", Action.KILL)
    await fake_deck.until(lambda: fake_deck.is_("bot", "stopped"))
    await fake_deck.until(lambda: all(run.ended_at for run in fake_deck.runs_of("bot")))

    assert started.error is None
    assert "starting" in fake_deck.states("bot")
    assert running is not None
    assert again is not None
    assert running.pid != again.pid
    assert (running.runner, running.description, running.wanted) == ("here", "Sleeps.", Wanted.RUNNING)
    assert [(run.signal, run.reason) for run in fake_deck.runs_of("bot")] == [
        ("SIGTERM", "restarted by ann"),
        ("SIGTERM", "stopped by ben"),
        ("SIGKILL", "killed by ann"),
    ]
    assert house.processes() == []


async def test_an_order_that_makes_no_sense_is_refused_in_words(house: RunnerHouse, fake_deck: FakeDeck) -> None:
    house.configure(bot=house.python(SLEEP))
    await house.start()
    await fake_deck.until(lambda: fake_deck.is_("bot", "running"))

    again = await fake_deck.order("bot", Action.START)
    unknown = await fake_deck.order("nobody", Action.START)

    assert again.error == "bot: it is already running"
    assert unknown.error == "No bot named 'nobody'. Known bots: bot."


async def test_uptime_and_start_are_the_kernels(house: RunnerHouse, fake_deck: FakeDeck) -> None:
    house.configure(bot=house.python(SLEEP))
    before = datetime.now(UTC)
    await house.start()
    await fake_deck.until(lambda: fake_deck.is_("bot", "running"))

    status = fake_deck.status("bot")
    assert status is not None
    age = _age_s(status.pid)

    assert status.uptime_s is not None
    assert status.started_at is not None
    assert 0 <= age - status.uptime_s < 2
    assert abs((datetime.now(UTC) - status.started_at).total_seconds() - age) < 0.5
    assert status.started_at >= before.replace(microsecond=0)


async def test_everything_a_bot_writes_arrives_once_and_in_order(house: RunnerHouse, fake_deck: FakeDeck) -> None:
    house.configure(bot=house.counter(20_000, ending="end"))
    await house.start()

    await fake_deck.until(lambda: len(fake_deck.streams) == 2 and all(s.final for s in fake_deck.streams.values()))
    await house.until(lambda: house.run_dirs("bot") == [])

    assert fake_deck.all_bytes("bot") == lines(20_000)
    assert fake_deck.all_bytes("bot", "events") == lines(20_000, "events")
    assert fake_deck.refused == 0
    assert fake_deck.is_("bot", "exited")


async def test_a_prompt_arrives_while_its_bot_waits(house: RunnerHouse, fake_deck: FakeDeck) -> None:
    house.configure(bot=house.python("import os, time; os.write(1, b'password: '); time.sleep(600)"))
    await house.start()

    await fake_deck.until(lambda: fake_deck.all_bytes("bot") == b"password: ")


async def test_half_a_line_arrives_as_final_when_the_run_is_over(house: RunnerHouse, fake_deck: FakeDeck) -> None:
    text = "import os; os.write(1, b'whole\\nhalf'); os.write(os.open(os.environ['BOTDECK_EVENTS'], 1), b'{\\n{\"v')"
    house.configure(bot=house.python(text, restart="never"))
    await house.start()

    await fake_deck.until(lambda: len(fake_deck.streams) == 2 and all(s.final for s in fake_deck.streams.values()))

    assert fake_deck.all_bytes("bot") == b"whole\nhalf"
    assert fake_deck.all_bytes("bot", "events") == b'{\n{"v'


async def test_a_bot_that_crashes_is_started_again_later_and_later(house: RunnerHouse, fake_deck: FakeDeck) -> None:
    house.configure(bot={"command": ["sh", "-c", "exit 3"]}, killed={"command": ["sh", "-c", "kill -SEGV $$"]})
    await house.start()

    await fake_deck.until(lambda: (status := fake_deck.status("bot")) and status.restarts >= 3)
    await fake_deck.until(lambda: fake_deck.is_("bot", "backoff") and fake_deck.runs_of("killed"))
    await fake_deck.until(lambda: fake_deck.runs_of("killed")[0].ended_at)

    status, runs = fake_deck.status("bot"), fake_deck.runs_of("bot")
    assert status is not None
    assert status.retry_in_s is not None
    assert 1.5 < status.retry_in_s < 2.5
    assert status.reason.startswith("exited with code 3 after 0.")
    assert all((run.exit_code, run.reason) == (3, "exited with code 3") for run in runs)
    first, second, third = (run.started_at for run in runs[:3])
    assert (second - first).total_seconds() < 0.5
    assert 0.8 <= (third - second).total_seconds() < 2.0
    assert (fake_deck.runs_of("killed")[0].signal, fake_deck.runs_of("killed")[0].reason) == (
        "SIGSEGV",
        "ended by SIGSEGV",
    )


CANNOT: dict[str, tuple[dict[str, object], str]] = {
    "missing": ({"command": "no-such-command --token=secret"}, "there is no command 'no-such-command' on the PATH"),
    "missing_path": ({"command": "./nothing"}, "there is no command './nothing' in "),
    "not_executable": ({"command": "./plain.txt"}, "the command './plain.txt' is not executable"),
    "no_interpreter": ({"command": "./orphan.sh"}, "its first line names does not"),
    "no_program": ({"command": "./noise"}, "is no program for this machine, and has no '#!' line"),
    "folder": ({"command": "true", "cwd": "gone"}, "cannot be entered: No such file or directory"),
    "env_file": ({"command": "true", "env_file": "gone.env"}, "gone.env: the env_file cannot be read"),
    "env_line": ({"command": "true", "env_file": "bad.env"}, "bad.env:2: expected NAME=value"),
    "user": ({"command": "true", "user": "nobody-here"}, "there is no user 'nobody-here' on this host"),
}


async def test_what_cannot_run_is_failed_with_the_reason_in_words(house: RunnerHouse, fake_deck: FakeDeck) -> None:
    (house.folder / "plain.txt").write_text("text")
    for name, content in (("orphan.sh", b"#!/no/such/sh\n"), ("noise", b"\x00\x01noise")):
        (house.folder / name).write_bytes(content)
        (house.folder / name).chmod(0o755)
    (house.folder / "bad.env").write_text("A=1\nnonsense\n")
    house.configure(**{name: settings for name, (settings, _) in CANNOT.items()})
    await house.start()

    await fake_deck.until(lambda: all(fake_deck.is_(name, "failed") for name in CANNOT))
    await fake_deck.until(lambda: len(fake_deck.runs) == len(CANNOT))

    for name, (_, words) in CANNOT.items():
        status, run = fake_deck.status(name), fake_deck.runs_of(name)[0]
        assert status is not None
        assert words in status.reason
        assert (status.wanted, status.pid) == (Wanted.RUNNING, None)
        assert run.reason == f"did not start: {status.reason}"
        assert run.ended_at is not None


async def test_a_command_that_appears_later_can_be_started(house: RunnerHouse, fake_deck: FakeDeck) -> None:
    house.configure(bot={"command": "./late"})
    await house.start()
    await fake_deck.until(lambda: fake_deck.is_("bot", "failed"))

    (house.folder / "late").write_text("#!/bin/sh\nexec sleep 600\n")
    (house.folder / "late").chmod(0o755)
    await fake_deck.order("bot", Action.START)

    await fake_deck.until(lambda: fake_deck.is_("bot", "running"))


async def test_a_program_that_is_just_being_written_is_started_when_it_is_done(
    house: RunnerHouse, fake_deck: FakeDeck
) -> None:
    program = house.folder / "program"
    shutil.copy("/bin/sleep", program)
    house.configure(bot={"command": ["./program", "600"]})

    with program.open("r+b"):
        await house.start()
        await fake_deck.until(lambda: fake_deck.is_("bot", "backoff"))
        busy = fake_deck.status("bot")
        run = fake_deck.runs_of("bot")[0]
    await fake_deck.until(lambda: fake_deck.is_("bot", "running"))

    assert busy is not None
    assert busy.reason == "did not start: the command './program' cannot be run: Text file busy"
    assert run.reason == busy.reason
    assert "failed" not in fake_deck.states("bot")


async def test_an_env_file_that_is_a_fifo_holds_up_nobody(house: RunnerHouse, fake_deck: FakeDeck) -> None:
    os.mkfifo(house.folder / "env")
    house.configure(good=house.python(SLEEP), bad=house.python(SLEEP, env_file="env"))
    runner = await house.start()

    await fake_deck.until(lambda: fake_deck.is_("good", "running") and fake_deck.is_("bad", "failed"))
    bad = fake_deck.status("bad")
    await fake_deck.order("good", Action.STOP)
    await fake_deck.until(lambda: fake_deck.is_("good", "stopped"))

    assert bad is not None
    assert bad.reason == f"{house.folder}/env: the env_file is no regular file"
    assert await house.kill(runner, signal.SIGTERM) == 0


async def test_a_program_that_exits_with_127_was_started(house: RunnerHouse, fake_deck: FakeDeck) -> None:
    house.configure(bot={"command": ["sh", "-c", "exit 127"], "restart": "never"})
    await house.start()

    await fake_deck.until(lambda: fake_deck.is_("bot", "exited"))
    await fake_deck.until(lambda: fake_deck.runs_of("bot") and fake_deck.runs_of("bot")[0].ended_at)

    assert fake_deck.runs_of("bot")[0].exit_code == 127


async def test_a_stop_leaves_nothing_of_a_bot_that_ignores_it(house: RunnerHouse, fake_deck: FakeDeck) -> None:
    house.configure(bot={"command": [*PYTHON, house.script(STUBBORN)], "stop_timeout_s": 0.5})
    await house.start()
    await fake_deck.until(lambda: fake_deck.all_bytes("bot") == b"ready\n" and fake_deck.is_("bot", "running"))
    before = len(house.processes())

    began = time.monotonic()
    await fake_deck.order("bot", Action.STOP)
    await fake_deck.until(lambda: fake_deck.is_("bot", "stopped"))
    took = time.monotonic() - began
    await fake_deck.until(lambda: fake_deck.runs_of("bot")[0].ended_at)

    assert before == 3
    assert house.processes() == []
    assert house.shims() == []
    assert 0.5 <= took < 2
    assert fake_deck.runs_of("bot")[0].reason == "stopped by ann; killed, for it did not end within 0.5 s"


async def test_a_bot_that_leaves_a_daemon_behind_is_over_and_the_daemon_too(
    house: RunnerHouse, fake_deck: FakeDeck
) -> None:
    text = (
        "import os, time\n"
        "if os.fork() == 0:\n os.setsid()\n if os.fork() == 0: time.sleep(600)\n os._exit(0)\n"
        "os.wait()"
    )
    house.configure(bot=house.python(text, restart="never"))
    await house.start()

    await fake_deck.until(lambda: fake_deck.is_("bot", "exited"))

    assert house.processes() == []


async def test_a_bot_finds_its_environment_and_none_of_ours(house: RunnerHouse, fake_deck: FakeDeck) -> None:
    (house.folder / "bot.env").write_text("FROM_FILE=file\nBOTH='file'\n")
    house.configure(
        bot=house.python(
            "import os, signal, json; print(json.dumps([dict(os.environ), os.getsid(0) == os.getpid(), os.getcwd(),"
            " [int(f) for f in os.listdir('/proc/self/fd')], str(signal.getsignal(signal.SIGINT)),"
            " len(os.read(0, 9))]))",
            env={"BOTH": "table", "BOTDECK_RUN": "forged"},
            env_file="bot.env",
            restart="never",
            instrument=True,
        )
    )
    await house.start(env={"BOTDECK_SECRET": "hush", "PLAIN": "yes"})
    await fake_deck.until(lambda: any(s.final for name, s in fake_deck.streams.items() if name.endswith("out")))

    environment, session, cwd, fds, sigint, read = json.loads(fake_deck.all_bytes("bot"))
    run = fake_deck.runs_of("bot")[0].id
    assert {environment[name] for name in ("FROM_FILE", "BOTH", "PLAIN")} == {"file", "table", "yes"}
    assert {name: value for name, value in environment.items() if name.startswith("BOTDECK_")} == {
        "BOTDECK_BOT": "bot",
        "BOTDECK_RUN": run,
        "BOTDECK_EVENTS": str(house.data_dir / "runner" / "bots" / "bot" / run / "events"),
    }
    assert environment["PYTHONPATH"].startswith(str(house.data_dir / "runner" / "sdk"))
    assert environment["NODE_OPTIONS"].startswith(f'--require "{house.data_dir}/runner/sdk/')
    assert session
    assert cwd == str(house.folder)
    assert [fd for fd in fds if fd > 2 and fd < 64 and fd != max(f for f in fds if f < 64)] == []
    assert len([fd for fd in fds if fd >= 64]) == 1
    assert "default_int_handler" in sigint
    assert read == 0


async def test_what_a_bot_is_run_with_never_goes_to_the_deck(house: RunnerHouse, fake_deck: FakeDeck) -> None:
    house.configure(
        bot={"command": ["sh", "-c", "sleep 600", "--token=hush"], "env": {"TOKEN": "hush-too"}},
        other=house.python(SLEEP, env={"TOKEN": "hush-too"}),
    )
    await house.start()
    await fake_deck.until(lambda: fake_deck.runs_of("bot") and fake_deck.is_("other", "running"))

    told = repr((fake_deck.fleets, fake_deck.statuses, fake_deck.runs, fake_deck.hellos))

    assert "hush" not in told
    assert "sleep" not in told


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can run bots as another user")
async def test_a_bot_runs_as_its_user(house: RunnerHouse, fake_deck: FakeDeck) -> None:
    text = (
        "import os; print(os.getresuid(), os.getresgid(), os.getgroups(), os.environ['USER'], os.environ['HOME']);"
        "os.write(os.open(os.environ['BOTDECK_EVENTS'], os.O_WRONLY | os.O_APPEND), b'mine\\n')"
    )
    _open_the_way(house.data_dir)
    house.configure(
        bot={"command": ["/usr/bin/env", "python3", "-c", text], "user": "nobody", "restart": "never", "cwd": "/"}
    )
    await house.start()

    await fake_deck.until(lambda: len(fake_deck.streams) == 2 and all(s.final for s in fake_deck.streams.values()))

    assert fake_deck.all_bytes("bot").startswith(b"(65534, 65534, 65534) (65534, 65534, 65534) [65534] nobody /")
    assert fake_deck.all_bytes("bot", "events") == b"mine\n"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can run bots as another user")
async def test_a_user_who_cannot_reach_the_events_file_is_told_what_to_do(
    house: RunnerHouse, fake_deck: FakeDeck
) -> None:
    house.folder.chmod(0o700)
    house.configure(bot={"command": ["true"], "user": "nobody", "cwd": "/"})
    await house.start()

    await fake_deck.until(lambda: fake_deck.is_("bot", "failed"))

    status = fake_deck.status("bot")
    assert status is not None
    assert status.reason.startswith(f"user 'nobody' cannot open {house.data_dir}/runner/bots/bot/")
    assert f"{house.folder} passable (chmod o+x)" in status.reason


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can run bots as another user")
async def test_a_closed_data_directory_stays_closed_and_is_named_to_whom_it_locks_out(
    house: RunnerHouse, fake_deck: FakeDeck
) -> None:
    _open_the_way(house.folder)
    house.data_dir.chmod(0o700)
    house.configure(bot={"command": ["true"], "user": "nobody", "cwd": "/"})
    await house.start()

    await fake_deck.until(lambda: fake_deck.is_("bot", "failed"))

    status = fake_deck.status("bot")
    assert status is not None
    assert f"make {house.data_dir} passable (chmod o+x)" in status.reason
    assert stat.S_IMODE(house.data_dir.stat().st_mode) == 0o700


async def test_a_data_directory_that_the_runner_makes_lists_nothing_to_others(house: RunnerHouse) -> None:
    house.data_dir.rmdir()
    house.configure(bot=house.python(SLEEP))
    await house.start()

    await house.until(house.journal.exists)

    assert stat.S_IMODE(house.data_dir.stat().st_mode) == 0o711


async def test_the_runners_folders_list_nothing_to_others_and_keeps_records_to_itself(
    house: RunnerHouse, fake_deck: FakeDeck
) -> None:
    house.configure(bot=house.python(SLEEP))
    await house.start()
    await fake_deck.until(lambda: fake_deck.is_("bot", "running"))

    run = house.run_dirs("bot")[0]
    folders = [run, run.parent, run.parent.parent, house.data_dir / "runner"]

    assert {stat.S_IMODE(folder.stat().st_mode) for folder in folders} == {0o711}
    assert {stat.S_IMODE((run / name).stat().st_mode) for name in ("pid", "run.json")} == {0o600}
    assert {stat.S_IMODE((run / name).stat().st_mode) for name in ("out", "events")} == {0o640}
    assert stat.S_IMODE((house.data_dir / "runner" / "journal.json").stat().st_mode) == 0o600


async def test_one_bad_bot_does_not_disturb_the_others(house: RunnerHouse, fake_deck: FakeDeck) -> None:
    house.configure(bad=house.python(SLEEP), good=house.python(SLEEP))
    (house.data_dir / "runner" / "bots").mkdir(parents=True)
    (house.data_dir / "runner" / "bots" / "bad").write_text("in the way")
    await house.start()

    await fake_deck.until(lambda: fake_deck.is_("good", "running") and fake_deck.is_("bad", "failed"))
    answer = await fake_deck.order("bad", Action.STOP)

    assert answer.error is None
    assert "Traceback" not in house.log_text()


async def test_quiet_bots_cost_the_runner_next_to_nothing(house: RunnerHouse, fake_deck: FakeDeck) -> None:
    house.configure(**{f"bot{number}": house.python(SLEEP) for number in range(8)})
    runner = await house.start()
    await fake_deck.until(lambda: all(fake_deck.is_(f"bot{number}", "running") for number in range(8)))
    await asyncio.sleep(1)  # the files are looked at for a fifth of a second, then left to the kernel

    before = _cpu_s(runner.pid)
    await asyncio.sleep(3)

    assert _cpu_s(runner.pid) - before < 0.03


async def test_the_deck_is_said_to_be_away_once_and_once_that_it_is_back(
    house: RunnerHouse, fake_deck: FakeDeck
) -> None:
    house.configure(bot=house.python(SLEEP))
    await house.start()
    await fake_deck.until(lambda: fake_deck.is_("bot", "running"))

    await fake_deck.close()
    await house.until(lambda: "No link to the deck" in house.log_text())
    await asyncio.sleep(2)  # several dials
    await fake_deck.open()
    await house.until(lambda: house.log_text().count("Linked to the deck") == 2)

    assert house.log_text().count("No link to the deck") == 1
    assert "Traceback" not in house.log_text()


async def test_a_deck_that_refuses_the_token_is_said_so(house: RunnerHouse, fake_deck: FakeDeck) -> None:
    house.configure(bot=house.python(SLEEP))
    (house.data_dir / "runner-token").write_text("wrong\n")
    await house.start()

    await house.until(
        lambda: "No link to the deck: it closed the link" in house.log_text() or "sign in" in house.log_text()
    )

    assert "sign in" in house.log_text()
    assert fake_deck.hellos == []
    assert "wrong" not in house.log_text()


async def test_a_deck_that_cannot_be_an_address_is_said_at_once(house: RunnerHouse) -> None:
    house.configure(bot=house.python(SLEEP))

    runner = await house.start("--deck", "http://h:99999/")
    async with asyncio.timeout(20):
        status = await runner.wait()

    assert status == 2
    assert house.log_text() == (
        "'http://h:99999/' is no address of a deck; expected one like https://deck.example.org/\n"
    )
    assert house.processes() == []


def _open_the_way(folder: Path) -> None:
    """pytest's folders are closed to others."""
    for part in (folder, *folder.parents):
        if part != Path("/tmp") and str(part).startswith("/tmp"):
            part.chmod(part.stat().st_mode | 0o011)


def _age_s(pid: int | None) -> float:
    tick = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19])
    return time.clock_gettime(time.CLOCK_BOOTTIME) - tick / os.sysconf("SC_CLK_TCK")


def _cpu_s(pid: int) -> float:
    return sum(int(path.read_text().split()[0]) for path in Path(f"/proc/{pid}/task").glob("*/schedstat")) / 1e9
