"""`botdeck service`: Botdeck under systemd, from boot on."""

import os
import pwd
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from botdeck.cli.ground import Config, fail, out, settings_of
from botdeck.cli.service_units import CONFIG_KEY, Place
from botdeck.cli.stack import up_pid
from botdeck.data_dir import make_data_dir
from botdeck.errors import BotdeckError
from botdeck.settings import Settings

SYSTEM_UNITS = Path("/etc/systemd/system")
_BOOTED = Path("/run/systemd/system")
"""There when systemd runs this host; see sd_booted(3)."""

service = typer.Typer(help="Run deck and runner as services of systemd.", no_args_is_help=True)
User = Annotated[bool, typer.Option("--user", help="With your own systemd instead of the host's; needs no root.")]


class ServiceTrouble(BotdeckError):
    """The units cannot be installed or removed."""


@service.command()
def install(
    config: Config = None,
    user: User = False,
    show: Annotated[bool, typer.Option("--print", help="Print the units, and install nothing.")] = False,
) -> None:
    """Start deck and runner now and at each boot. Bots go on when either is restarted."""
    settings = settings_of(config)
    folder = units_folder(user=user)
    place = _place(settings, folder, user=user)
    if show:
        for name, text in place.units().items():
            print(f"# {folder / name}\n{text}")
        return
    try:
        _ready_to_install(settings)
        _prepare_data_dir(settings)
        write_units(folder, place.units())
        _systemctl(user, "daemon-reload")
        _systemctl(user, "enable", "--now", place.deck, place.runner)
    except (BotdeckError, OSError) as error:
        fail(_trouble(error))
    _say(f"{place.runner} and {place.deck} run, and start at each boot. See: {_command(user, 'status')} 'botdeck-*'")
    _say(f"On a first visit it asks for the setup code in {settings.data_dir / 'setup-code'}.")
    if place.runner_user == "root":
        _say("The runner runs as root, for some bots have a `user` of their own or botdeck.toml belongs to root.")
    _say("A restart of either leaves the bots running; `botdeck stop all` stops them.")
    if user and not Path("/var/lib/systemd/linger", _own_name()).exists():
        _say(
            "They end with your last session and begin with the next; to have them from boot on: loginctl enable-linger"
        )


@service.command()
def uninstall(config: Config = None, user: User = False) -> None:
    """End and remove what `install` made. The bots go on."""
    settings = settings_of(config)
    folder = units_folder(user=user)
    mine = [path for path in _installed(folder) if _config_of(path) == str(settings.path)]
    try:
        if not mine:
            raise ServiceTrouble(f"No unit in {folder} is for {settings.path}.")
        _systemctl(user, "disable", "--now", *(path.name for path in mine))
        for path in mine:
            path.unlink()
        _systemctl(user, "daemon-reload")
    except (BotdeckError, OSError) as error:
        fail(_trouble(error))
    _say(f"{' and '.join(path.name for path in mine)} are gone. The bots that ran go on; `botdeck up` takes them over.")


def units_folder(*, user: bool) -> Path:
    if not user:
        return SYSTEM_UNITS
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "systemd" / "user"


def free_suffix(folder: Path, config: Path) -> str:
    """Nothing for the first installation on a host; the others carry the name of their folder."""
    name = re.sub(r"[^A-Za-z0-9_.]+", "-", config.parent.name).strip("-") or "root"
    number = 0
    while True:
        suffix = "" if number == 0 else f"-{name}" if number == 1 else f"-{name}-{number}"
        unit = folder / f"botdeck-runner{suffix}.service"
        if not unit.exists() or _config_of(unit) == str(config):
            return suffix
        number += 1


def write_units(folder: Path, units: dict[str, str]) -> None:
    """Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in units.items():
        temporary = folder / f".{name}.tmp"
        temporary.write_text(text)
        temporary.replace(folder / name)


def _place(settings: Settings, folder: Path, *, user: bool) -> Place:
    suffix = free_suffix(folder, settings.path)
    if user:
        return Place(settings=settings, user=None, runner_user=None, suffix=suffix)
    owner = _owner(settings.path)
    # Only root can start bots under other accounts.
    others = any(bot.user not in (None, owner) for bot in settings.bots)
    return Place(settings=settings, user=owner, runner_user="root" if others else owner, suffix=suffix)


def _owner(path: Path) -> str:
    uid = path.stat().st_uid
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _own_name() -> str:
    return pwd.getpwuid(os.getuid()).pw_name


def _ready_to_install(settings: Settings) -> None:
    if not _BOOTED.is_dir() or shutil.which("systemctl") is None:
        at_boot = (
            f"@reboot {shlex.quote(sys.executable)} -m botdeck.cli up -d --config {shlex.quote(str(settings.path))}"
        )
        raise ServiceTrouble(
            "systemd does not run this host. --print shows the units; without systemd, a line in `crontab -e` does: "
            + at_boot
        )
    if (pid := up_pid(settings.data_dir)) is not None:
        raise ServiceTrouble(
            f"Botdeck is up here (pid {pid}). Say `botdeck down --keep-bots` first: the bots go on, and the services "
            "take them over."
        )


def _prepare_data_dir(settings: Settings) -> None:
    """The deck may write there and nowhere else, so it must be there."""
    data_dir = settings.data_dir
    if data_dir.is_dir():
        return
    make_data_dir(data_dir)
    if os.geteuid() == 0:
        owner = settings.path.stat()
        os.chown(data_dir, owner.st_uid, owner.st_gid)


def _installed(folder: Path) -> list[Path]:
    return [*folder.glob("botdeck-runner*.service"), *folder.glob("botdeck-deck*.service")]


def _config_of(unit: Path) -> str | None:
    try:
        said = re.search(rf"^{CONFIG_KEY}=(.*)$", unit.read_text(), re.MULTILINE)
    except OSError:
        return None
    return said[1] if said else None


def _trouble(error: BotdeckError | OSError) -> BotdeckError:
    if isinstance(error, BotdeckError):
        return error
    if isinstance(error, PermissionError):
        return ServiceTrouble(f"{error.filename} cannot be written by you. Say it with sudo, or say --user.")
    return ServiceTrouble(f"{error.filename} cannot be written: {error.strerror}.")


def _command(user: bool, *words: str) -> str:
    return " ".join(["systemctl", *(["--user"] if user else []), *words])


def _systemctl(user: bool, *words: str) -> None:
    command = _command(user, *words)
    done = subprocess.run(command.split(), capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise ServiceTrouble(f"`{command}` failed: {done.stderr.strip() or f'code {done.returncode}'}")


def _say(line: str) -> None:
    out.print(Text(line), soft_wrap=True)
