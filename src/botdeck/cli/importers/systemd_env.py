"""EnvironmentFile= of systemd: several files that may be missing and win over Environment=, where a bot has one that
must be there and gives way to `env`."""

import glob
import re
from pathlib import Path

from botdeck.cli.importers.draft import Draft, listed
from botdeck.cli.importers.unit_file import Setting
from botdeck.errors import ConfigError
from botdeck.settings import parse_env_file


def files_of_environment(draft: Draft, files: list[tuple[Setting, str]]) -> None:
    """The last becomes `env_file`; what the others say is put into `env`. `files` has each setting and its value with
    specifiers put in."""
    found = [(setting, path) for setting, said in files for path in _present(draft, setting, said)]
    if not found:
        return
    *others, (last, file) = found
    winning = _values(draft, last, file)
    _give_way(draft, winning)
    for setting, path in others:
        table = f"[bots.{draft.name}.env]"
        if not path.is_file():
            draft.say(
                setting.where, f"there is no file {path} now, and a bot has one env_file: put its lines into {table}"
            )
            continue
        values = _values(draft, setting, path)
        draft.add_env({name: value for name, value in values.items() if name not in winning})
        draft.say(setting.where, f"a bot has one env_file: what {path} says is put into {table}")
    draft.settings["env_file"] = file


def _present(draft: Draft, setting: Setting, said: str) -> list[Path]:
    optional, path = said.startswith("-"), said.removeprefix("-")
    there = [Path(one) for one in sorted(glob.glob(path))]
    if there:
        if optional:
            draft.say(setting.where, f"EnvironmentFile={said}: a bot whose env_file is missing does not start")
        return there
    if optional:
        draft.say(setting.where, f"EnvironmentFile={said} is left out, for there is no such file now")
        return []
    return [Path(path)]


def _values(draft: Draft, setting: Setting, path: Path) -> dict[str, str]:
    if not path.is_file():
        draft.say(setting.where, f"there is no file {path} now; the bot does not start without its env_file")
        return {}
    try:
        values = parse_env_file(path)
    except ConfigError as error:
        draft.say(setting.where, f"the bot does not start before this is put right: {error}")
        return {}
    odd = [name for name, value in values.items() if not re.fullmatch(r"[A-Za-z_]\w*", name) or value.endswith("\\")]
    if odd:
        draft.say(
            setting.where, f"Botdeck reads {path} otherwise than systemd: it knows NAME=value, and comments with #"
        )
    return values


def _give_way(draft: Draft, values: dict[str, str]) -> None:
    env = draft.settings.get("env", {})
    if beaten := [name for name in env if name in values]:
        draft.settings["env"] = {name: value for name, value in env.items() if name not in values}
        draft.say(
            draft.where, f"Environment: {listed(beaten)} left out, for an EnvironmentFile says otherwise and wins"
        )
