"""The units that `botdeck service` makes: systemd takes them, and what they run does what they promise."""

import asyncio
import os
import pwd
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from botdeck.cli.importers.draft import Source
from botdeck.cli.importers.unit_file import Unit, words
from botdeck.cli.service import free_suffix, write_units
from botdeck.cli.service_units import Place
from botdeck.settings import load_settings
from tests.process.runner_house import RunnerHouse

pytestmark = pytest.mark.process

ME = pwd.getpwuid(os.getuid()).pw_name
SLEEP = "import time; time.sleep(600)"


def place(folder: Path, toml: str = "[bots.a]\ncommand = 'true'\n", suffix: str = "", user: str | None = ME) -> Place:
    folder.mkdir(exist_ok=True)
    (folder / ".botdeck").mkdir(exist_ok=True)
    (folder / "botdeck.toml").write_text(toml)
    return Place(settings=load_settings(folder / "botdeck.toml"), user=user, runner_user=user, suffix=suffix)


def parsed(text: str) -> Unit:
    unit = Unit()
    unit.add(Source(Path("x.service"), text))
    return unit


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze")
@pytest.mark.parametrize("user", [ME, None], ids=["of the host", "of a user"])
@pytest.mark.parametrize("port", [8765, 80])
def test_systemd_finds_no_fault_with_the_units(tmp_path: Path, user: str | None, port: int) -> None:
    units = place(tmp_path / "my bots 100%", f"[deck]\nport = {port}\n", user=user).units()
    write_units(tmp_path / "units", units)

    scope = [] if user else ["--user"]
    said = subprocess.run(
        ["systemd-analyze", *scope, "verify", *(str(tmp_path / "units" / name) for name in units)],
        capture_output=True, text=True, check=False,
        env={**os.environ, "XDG_RUNTIME_DIR": str(tmp_path), "SYSTEMD_LOG_LEVEL": "warning"},
    )  # fmt: skip

    assert said.returncode == 0, said.stderr
    assert not [line for line in said.stderr.splitlines() if "botdeck" in line]


def test_the_runner_leaves_bots_alone_and_the_deck_is_confined(tmp_path: Path) -> None:
    toml = "[bots.a]\ncommand = 'true'\nstop_timeout_s = 300\n"

    units = place(tmp_path, toml).units()
    runner, deck = parsed(units["botdeck-runner.service"]), parsed(units["botdeck-deck.service"])

    def value(unit: Unit, key: str) -> str | None:
        setting = unit.last("Service", key)
        return setting.value if setting else None

    assert [value(runner, key) for key in ("KillMode", "Restart", "Delegate", "OOMPolicy", "User")] == [
        "process", "always", "yes", "continue", ME,
    ]  # fmt: skip
    assert value(runner, "TimeoutStopSec") == "315"
    assert value(runner, "ProtectSystem") is None
    assert value(deck, "ProtectSystem") == "strict"
    assert value(deck, "ReadWritePaths") == str(tmp_path / ".botdeck")
    after = runner.last("Unit", "After")
    assert after is not None
    assert "botdeck-deck.service" in after.value


def test_bots_find_the_python_that_botdeck_was_installed_with(tmp_path: Path) -> None:
    runner = parsed(place(tmp_path).units()["botdeck-runner.service"])

    environment = runner.last("Service", "Environment")
    assert environment is not None
    assert words(environment.value)[0].startswith(f"PATH={Path(sys.executable).parent}:")


def test_a_second_installation_carries_the_name_of_its_folder(tmp_path: Path) -> None:
    units = tmp_path / "units"
    first, second, third = (tmp_path / name for name in ("a", "my bots", "x"))
    write_units(units, place(first).units())

    suffix = free_suffix(units, second / "botdeck.toml")
    write_units(units, place(second, suffix=suffix).units())

    assert suffix == "-my-bots"
    assert free_suffix(units, first / "botdeck.toml") == ""
    assert free_suffix(units, second / "botdeck.toml") == "-my-bots"
    assert free_suffix(units, third / "my bots" / "botdeck.toml") == "-my-bots-2"
    assert sorted(path.name for path in units.iterdir()) == [
        "botdeck-deck-my-bots.service",
        "botdeck-deck.service",
        "botdeck-runner-my-bots.service",
        "botdeck-runner.service",
    ]


async def stop_command(house: RunnerHouse, host_is: str) -> int:
    """What systemd runs to stop the runner, on a host whose systemd says that it is `host_is`."""
    tools = house.folder / "tools"
    tools.mkdir(exist_ok=True)
    (tools / "systemctl").write_text(f"#!/bin/sh\necho {host_is}\n")
    (tools / "systemctl").chmod(0o755)
    unit = Place(settings=load_settings(house.config), user=ME, runner_user=ME).units()["botdeck-runner.service"]
    stop = parsed(unit).last("Service", "ExecStop")
    assert stop is not None
    pid = str(house.last_runner.pid)
    command = [word.replace("$$", "$").replace("${MAINPID}", pid) for word in words(stop.value)]
    environment = {**os.environ, "PATH": f"{tools}:{os.environ['PATH']}"}
    async with asyncio.timeout(30):
        return await (await asyncio.create_subprocess_exec(*command, env=environment)).wait()


async def test_stopping_the_service_leaves_the_bots_running(house: RunnerHouse) -> None:
    house.configure(bot=house.python(SLEEP))
    await house.start()
    await house.until(lambda: len(house.processes()) == 1)
    before = house.processes()

    code = await stop_command(house, "running")

    assert code == 0
    assert house.last_runner.returncode is None
    assert house.processes() == before


async def test_when_the_host_goes_down_bots_are_asked_to_end_and_come_back_with_it(house: RunnerHouse) -> None:
    farewell = (
        "import signal, sys, time\n"
        "signal.signal(signal.SIGTERM, lambda *_: (open('farewell', 'w').close(), sys.exit()))\n"
        "open('ready', 'w').close()\n"
        "time.sleep(600)"
    )
    house.configure(bot=house.python(farewell))
    await house.start()
    await house.until(lambda: (house.folder / "ready").exists())

    await stop_command(house, "stopping")

    assert (house.folder / "farewell").exists()
    assert house.processes() == []
    await house.start()
    await house.until(lambda: len(house.processes()) == 1)


def say(folder: Path, *options: str, **env: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "botdeck.cli", "service", *options]
    return subprocess.run(
        command, cwd=folder, capture_output=True, text=True, check=False, timeout=60, env={**os.environ, **env}
    )


def test_printing_needs_no_systemd_and_installs_nothing(tmp_path: Path) -> None:
    place(tmp_path / "bots")

    said = say(tmp_path / "bots", "install", "--user", "--print", XDG_CONFIG_HOME=str(tmp_path / "config"))

    assert said.returncode == 0, said.stderr
    assert f"# {tmp_path}/config/systemd/user/botdeck-runner.service" in said.stdout
    assert said.stdout.count("[Service]") == 2
    assert "User=" not in said.stdout
    assert not (tmp_path / "config").exists()


@pytest.mark.skipif(Path("/run/systemd/system").is_dir(), reason="systemd runs this host")
def test_without_systemd_it_says_what_else_there_is(tmp_path: Path) -> None:
    place(tmp_path / "bots")

    said = say(tmp_path / "bots", "install", "--user", XDG_CONFIG_HOME=str(tmp_path / "config"))

    assert said.returncode == 1
    assert "systemd does not run this host" in said.stderr
    assert "@reboot" in said.stderr
    assert not (tmp_path / "config").exists()


def test_uninstalling_takes_away_only_what_is_for_this_file(tmp_path: Path) -> None:
    config, tools = tmp_path / "config", tmp_path / "tools"
    units = config / "systemd" / "user"
    write_units(units, place(tmp_path / "a", user=None).units())
    write_units(units, place(tmp_path / "b", suffix="-b", user=None).units())
    tools.mkdir()
    (tools / "systemctl").write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/said\n')
    (tools / "systemctl").chmod(0o755)

    said = say(tmp_path / "a", "uninstall", "--user", XDG_CONFIG_HOME=str(config), PATH=f"{tools}:{os.environ['PATH']}")

    assert said.returncode == 0, said.stderr
    assert sorted(path.name for path in units.iterdir()) == ["botdeck-deck-b.service", "botdeck-runner-b.service"]
    assert (tmp_path / "said").read_text().splitlines() == [
        "--user disable --now botdeck-runner.service botdeck-deck.service",
        "--user daemon-reload",
    ]
