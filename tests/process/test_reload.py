"""`botdeck reload` on a real runner, mostly without a deck: only what differs is touched."""

import asyncio
import json
import signal
import stat
import sys
from pathlib import Path
from typing import Any

import pytest

from botdeck.models import Action
from tests.process.fake_deck import FakeDeck
from tests.process.runner_house import PYTHON, RunnerHouse

pytestmark = pytest.mark.process

SLEEP = "import time; time.sleep(600)"


class Answer:
    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err


async def reload(house: RunnerHouse, *options: str) -> Answer:
    command = [sys.executable, "-m", "botdeck.cli", "reload", "--config", str(house.config), *options]
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    async with asyncio.timeout(60):
        out, err = await process.communicate()
    return Answer(process.returncode or 0, out.decode(), err.decode())


def applied(house: RunnerHouse) -> dict[str, Any]:
    try:
        return dict(json.loads((house.data_dir / "runner" / "applied.json").read_text()))
    except (OSError, ValueError):
        return {}


async def up(house: RunnerHouse, **bots: dict[str, Any]) -> dict[str, int]:
    """A runner with these bots; their pids."""
    house.configure(**bots)
    await house.start()
    await house.until(lambda: set(pids(house)) == set(bots))
    await house.until(lambda: applied(house).get("generation", 0) > 0)
    return pids(house)


def pids(house: RunnerHouse) -> dict[str, int]:
    found = {}
    for pid in house.processes():
        try:
            environ = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
        except OSError:
            continue
        found |= {entry[12:].decode(): pid for entry in environ if entry.startswith(b"BOTDECK_BOT=")}
    return found


def environ(pid: int) -> list[bytes]:
    return Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")


async def test_only_what_differs_is_touched(house: RunnerHouse) -> None:
    stays, goes = house.python(SLEEP), house.python(SLEEP)
    before = await up(house, stays=stays, goes=goes, greeter=house.python(SLEEP, env={"TOKEN": "old-secret", "A": "1"}))

    house.configure(
        stays={**stays, "stop_timeout_s": 3},
        greeter=house.python(SLEEP, env={"TOKEN": "new-secret", "A": "1"}),
        news=house.python(SLEEP),
        waits=house.python(SLEEP, autostart=False),
    )
    answer = await reload(house)

    now = pids(house)
    assert answer.code == 0, answer.err
    assert set(now) == {"stays", "greeter", "news"}
    assert now["stays"] == before["stays"]
    assert now["greeter"] != before["greeter"]
    assert b"TOKEN=new-secret" in environ(now["greeter"])
    shown = answer.out.splitlines()
    assert "+ news" in shown
    assert "+ waits  (autostart = false: it waits for `botdeck start`)" in shown
    assert "- goes  (is stopped)" in shown
    assert "~ stays: stop_timeout_s  (counts at once)" in shown
    assert "~ greeter: env.TOKEN (value hidden)  (needs a new process)" in shown
    assert "goes is gone" in shown
    assert any(line.startswith("greeter is running") for line in shown)
    assert "secret" not in answer.out + answer.err


async def test_afterwards_nothing_differs_and_nothing_is_done(house: RunnerHouse) -> None:
    before = await up(house, bot=house.python(SLEEP))
    house.configure(bot=house.python(SLEEP, description="Sleeps."))

    first = await reload(house)
    generation = applied(house)["generation"]
    second = await reload(house)

    assert "~ bot: description  (counts at once)" in first.out
    assert "are as the runner runs them" in second.out
    assert second.code == 0
    assert applied(house)["generation"] == generation
    assert pids(house) == before


async def test_a_dry_run_only_shows(house: RunnerHouse) -> None:
    before = await up(house, bot=house.python(SLEEP))
    house.configure(bot=house.python(SLEEP + " "), more=house.python(SLEEP))

    answer = await reload(house, "--dry-run")

    assert answer.code == 0
    assert answer.out.splitlines() == ["+ more", "~ bot: command  (needs a new process)"]
    assert pids(house) == before
    assert applied(house)["generation"] == 1


async def test_a_broken_file_changes_nothing(house: RunnerHouse) -> None:
    before = await up(house, bot=house.python(SLEEP))
    house.config.write_text("[bots.other]\ncommand = 'x'\n\ncolour = 'red'\n")

    answer = await reload(house)

    assert answer.code == 2
    assert f"{house.config}:4: bots.other.colour: there is no setting 'colour'" in answer.err
    assert pids(house) == before
    assert applied(house)["generation"] == 1


async def test_what_a_runner_refuses_is_told(house: RunnerHouse) -> None:
    """As when the file is broken between the look of the one and that of the other."""
    before = await up(house, bot=house.python(SLEEP))
    good = house.config.read_text()
    house.config.write_text("[bots.bot\n")

    house.last_runner.send_signal(signal.SIGHUP)
    await house.until(lambda: applied(house)["generation"] == 2)
    trouble = applied(house)["trouble"]
    house.config.write_text(good)
    answer = await reload(house)

    assert f"{house.config}:1: this is not TOML" in trouble
    assert answer.code == 0
    assert pids(house) == before


async def test_what_an_env_file_says_is_compared_by_content(house: RunnerHouse) -> None:
    env_file = house.folder / "bot.env"
    env_file.write_text("TOKEN=old\nSAME=1\n")
    settings = house.python(SLEEP, env_file="bot.env")
    before = await up(house, bot=settings, other=house.python(SLEEP))

    env_file.write_text("# moved\nSAME=1\nTOKEN=new\n")
    answer = await reload(house)

    now = pids(house)
    assert "~ bot: env.TOKEN (value hidden)  (needs a new process)" in answer.out
    assert b"TOKEN=new" in environ(now["bot"])
    assert now["other"] == before["other"]


async def test_no_value_is_written_down_and_nobody_else_may_read_what_is(house: RunnerHouse) -> None:
    await up(house, bot=house.python(SLEEP, env={"TOKEN": "swordfish"}, description="squeamish"))

    path = house.data_dir / "runner" / "applied.json"

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert "env.TOKEN" in path.read_text()
    assert not any(word in path.read_text() for word in ("swordfish", "squeamish"))


async def test_a_bot_that_was_taken_over_with_an_old_definition_is_known_to_have_it(house: RunnerHouse) -> None:
    before = await up(house, bot=house.python(SLEEP), same=house.python(SLEEP))
    await house.kill(house.last_runner)
    house.configure(bot=house.python(SLEEP, env={"NEW": "1"}), same=house.python(SLEEP))
    await house.start()
    await house.until(lambda: applied(house)["generation"] > 1)
    adopted = pids(house)

    answer = await reload(house)

    now = pids(house)
    assert adopted == before
    assert "~ bot: env.NEW (value hidden)  (needs a new process)" in answer.out
    assert b"NEW=1" in environ(now["bot"])
    assert now["same"] == before["same"]


async def test_a_new_definition_that_cannot_run_is_told_and_mended_by_the_next(house: RunnerHouse) -> None:
    await up(house, bot=house.python(SLEEP))
    house.configure(bot={"command": ["./not-there"]})

    broken = await reload(house)
    house.configure(bot=house.python(SLEEP))
    mended = await reload(house)

    assert broken.code == 1
    assert "bot is failed: there is no command './not-there'" in broken.out
    assert mended.code == 0
    assert "bot" in pids(house)


async def test_a_bot_that_was_stopped_stays_stopped_and_has_the_new_definition_later(
    house: RunnerHouse, fake_deck: FakeDeck
) -> None:
    await up(house, bot=house.python(SLEEP))
    await fake_deck.order("bot", Action.STOP)
    await fake_deck.until(lambda: fake_deck.is_("bot", "stopped"))
    house.configure(bot={"command": ["sh", "-c", "echo changed; exec sleep 600"]})

    answer = await reload(house)
    still = pids(house)
    await fake_deck.order("bot", Action.START)
    await fake_deck.until(lambda: fake_deck.all_bytes("bot") == b"changed\n")

    assert answer.code == 0
    assert "bot is stopped" in answer.out
    assert still == {}


async def test_the_end_for_a_changed_definition_says_so(house: RunnerHouse, fake_deck: FakeDeck) -> None:
    await up(house, bot=house.python(SLEEP))
    house.configure(bot=house.python(SLEEP, env={"A": "1"}))

    await reload(house)
    await fake_deck.until(lambda: len(fake_deck.runs_of("bot")) == 2 and fake_deck.runs_of("bot")[0].ended_at)

    assert fake_deck.runs_of("bot")[0].reason == "restarted, for its definition changed"


async def test_a_bot_that_takes_its_time_to_end_is_waited_for(house: RunnerHouse) -> None:
    slow = (
        "import signal, sys, time, os\n"
        "signal.signal(signal.SIGTERM, lambda *_: (time.sleep(1), os._exit(0)))\n"
        "time.sleep(600)"
    )
    before = await up(house, bot={"command": [*PYTHON, "-c", slow]}, goes={"command": [*PYTHON, "-c", slow]})
    house.configure(bot={"command": [*PYTHON, "-c", slow], "env": {"A": "1"}})

    answer = await reload(house)

    assert answer.code == 0, answer.err
    assert "bot is running" in answer.out
    assert "goes is gone" in answer.out
    assert set(pids(house)) == {"bot"}
    assert pids(house) != {"bot": before["bot"]}


async def test_what_the_deck_and_the_runner_must_be_started_anew_for_is_said(house: RunnerHouse) -> None:
    await up(house, bot=house.python(SLEEP))
    house.config.write_text("[deck]\nport = 4711\n[runner]\nbacklog_mb = 9\n" + house.config.read_text())

    answer = await reload(house)

    assert "are as the runner runs them" in answer.out
    assert "[deck] port, [runner] backlog_mb changed since the runner started" in answer.out
    assert "For the deck and the runner say `botdeck down --keep-bots` and `botdeck up`; the bots go on." in answer.out


async def test_without_a_runner_it_says_what_to_do(house: RunnerHouse) -> None:
    house.configure(bot=house.python(SLEEP))

    answer = await reload(house)

    assert answer.code == 1
    assert f"No runner runs with {house.data_dir}" in answer.err


async def test_a_runner_of_another_file_is_left_alone(house: RunnerHouse) -> None:
    await up(house, bot=house.python(SLEEP))
    first = house.config
    house.config = house.folder / "other.toml"
    house.configure(more=house.python(SLEEP))

    answer = await reload(house)

    assert answer.code == 1
    assert f"reads {first}, not {house.config}. Say: --config {first}" in answer.err
    assert set(pids(house)) == {"bot"}


async def test_a_runner_that_does_not_tell_what_it_runs_with_is_left_alone(house: RunnerHouse) -> None:
    """As one of an earlier version."""
    before = await up(house, bot=house.python(SLEEP))
    (house.data_dir / "runner" / "applied.json").unlink()

    answer = await reload(house)

    assert answer.code == 1
    assert "does not tell what it runs with" in answer.err
    assert "botdeck down --keep-bots" in answer.err
    assert pids(house) == before
