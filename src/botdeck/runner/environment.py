"""What a bot finds when it begins, its account and its environment, and what a failed start means in words."""

import contextlib
import errno
import os
import pwd
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from botdeck.errors import BotdeckError, ConfigError
from botdeck.runner.spawner import SystemUser
from botdeck.sdk.install import node_preload
from botdeck.settings import BotSettings, parse_env_file


class CannotRun(BotdeckError):
    """The bot cannot be started as it is configured. The message is shown to the operator."""


def system_user(name: str | None) -> SystemUser | None:
    """The account a bot shall run as, None for the runner's own. Raises CannotRun. May ask the network, so it is called
    in a thread."""
    if name is None:
        return None
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        raise CannotRun(f"there is no user '{name}' on this host") from None
    if entry.pw_uid == os.geteuid():
        return None
    if os.geteuid() != 0:
        own = pwd.getpwuid(os.geteuid()).pw_name
        raise CannotRun(
            f"only root can run a bot as '{name}', and the runner runs as '{own}'; start the runner as root or take "
            "`user` out of the configuration"
        )
    return SystemUser(name=name, uid=entry.pw_uid, gid=entry.pw_gid, home=entry.pw_dir)


def bot_environment(
    bot: BotSettings, *, own: Mapping[str, str], user: SystemUser | None, run: str, events: Path, autoload: Path | None
) -> dict[str, str]:
    """`own` is the runner's environment; nothing of it that begins with BOTDECK_ is passed on. `autoload` is the folder
    through which bots are instrumented. Raises CannotRun. Reads a file, so it is called in a thread."""
    environment = without_botdeck(own)
    if user is not None:
        environment |= {"HOME": user.home, "USER": user.name, "LOGNAME": user.name}
    if bot.env_file is not None:
        if bot.env_file.exists() and not bot.env_file.is_file():
            raise CannotRun(f"{bot.env_file}: the env_file is no regular file")  # a FIFO is waited for for ever
        try:
            environment |= parse_env_file(bot.env_file)
        except ConfigError as error:
            raise CannotRun(str(error).rstrip(".")) from None
    environment |= bot.env
    if holed := next((name for name, value in environment.items() if "\0" in name + value), None):
        raise CannotRun(f"its environment has a NUL character in {holed!r}, which no program can be given")
    if bot.instrument and autoload is not None:
        paths = [str(autoload), environment.get("PYTHONPATH", "")]
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
        environment |= node_options(environment.get("NODE_OPTIONS", ""), node_preload(autoload))
    environment |= {"BOTDECK_BOT": bot.name, "BOTDECK_RUN": run, "BOTDECK_EVENTS": str(events)}
    return environment


def node_options(others: str, preload: Path) -> dict[str, str]:
    """NODE_OPTIONS with the file that Node loads first. Node would not start at all if the file were missing."""
    if not preload.is_file():
        return {}
    quoted = str(preload).replace("\\", "\\\\").replace('"', '\\"')
    return {"NODE_OPTIONS": f'{others} --require "{quoted}"'.lstrip()}


def without_botdeck(environment: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environment.items() if not name.startswith("BOTDECK_")}


def in_words(trouble: Mapping[str, Any], bot: BotSettings | None, *, events: Path) -> str:
    """What a shim's report of a failed start means, and what to do. `bot` is None when it is no longer configured."""
    step, number, words = trouble.get("step"), trouble.get("errno"), str(trouble.get("words"))
    if bot is None:
        return words
    if step == "user":
        return f"the runner cannot become user '{bot.user}': {words}"
    if step == "events":
        closed = _closed_to_others(events)
        where = f"{', '.join(map(str, closed))}" if closed else "the folders above it"
        return (
            f"user '{bot.user}' cannot open {events} ({words}); make {where} passable (chmod o+x) or set data_dir to a "
            "place that user can reach"
        )
    if step == "cwd":
        return f"its folder {bot.cwd} cannot be entered: {words}"
    if step == "exec":
        return _exec_in_words(bot.command[0], bot.cwd, number, words)
    return f"it could not be prepared: {words}"


def _closed_to_others(path: Path) -> list[Path]:
    """Folders above it that not everyone may pass, the outermost first."""
    with contextlib.suppress(OSError):
        return [folder for folder in reversed(path.parents) if not folder.stat().st_mode & stat.S_IXOTH]
    return []


def _exec_in_words(command: str, cwd: Path, number: Any, words: str) -> str:
    if number == errno.ENOENT and "/" in command and (cwd / command).exists():
        return f"the command '{command}' exists, but the interpreter its first line names does not"
    if number == errno.ENOENT:
        where = f" in {cwd}" if "/" in command and not command.startswith("/") else ""
        where = where or ("" if "/" in command else " on the PATH")
        return f"there is no command '{command}'{where}"
    if number == errno.EACCES:
        return f"the command '{command}' is not executable for it; chmod +x may help"
    if number == errno.ENOEXEC:
        return f"the command '{command}' is no program for this machine, and has no '#!' line"
    if number == errno.E2BIG:
        return (
            "its command and environment are longer than the system takes (128 KiB for one word or variable, and about "
            "2 MiB together); let it read a file instead"
        )
    return f"the command '{command}' cannot be run: {words}"
