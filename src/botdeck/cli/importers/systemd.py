"""systemd `.service` units, with their drop-ins, and units made from templates."""

import os
import pwd
import re
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from botdeck.cli.importers.draft import Draft, Imported, ImportRefused, Note, Source, listed, new_draft, user_name
from botdeck.cli.importers.shell import under_umask
from botdeck.cli.importers.systemd_env import files_of_environment
from botdeck.cli.importers.systemd_words import (
    CONFINING,
    LIMITS,
    NO_EQUIVALENT,
    ORDER,
    OUTPUT,
    TAKEN,
    UNIT_NO_EQUIVALENT,
)
from botdeck.cli.importers.unit_file import Setting, Unit, expanded, megabytes, seconds, specifiers, words

_T = TypeVar("_T")
SUFFIX = ".service"
STOP_TIMEOUT_S = 90
"""systemd's own default."""
LONGEST_S = 24 * 3600
"""For `infinity`, which Botdeck does not know."""
_SIGNALS = ("TERM", "INT", "HUP", "QUIT", "USR1", "USR2")
_RESTART = {
    "no": "never",
    "always": "always",
    "on-failure": "on-failure",
    "on-abnormal": "on-failure",
    "on-abort": "on-failure",
    "on-watchdog": "on-failure",
    "on-success": "always",
}
_SAME = ("no", "always", "on-failure")
_TYPES = {
    "notify": 'Type=notify: Botdeck hears no sd_notify; say ready = "output:PATTERN" with what it prints when it works',
    "notify-reload": "Type=notify-reload: Botdeck hears no sd_notify",
    "forking": "Type=forking: this program goes to the background, and Botdeck needs one that stays in front. Give it "
    "the option for that, or the bot seems to end at once",
    "oneshot": "Type=oneshot: it runs once at each start, and is shown as exited after that",
    "dbus": "Type=dbus: Botdeck listens to no bus, and takes it as running after a second",
}
_VARIABLE = re.compile(r"\$\$|\$\{(\w+)\}|\$(\w+)")


def read_unit(source: Source) -> Imported:
    """Raises ImportRefused."""
    name = source.path.name
    if name.endswith(f"@{SUFFIX}"):
        return _all_instances(source)
    unit = Unit()
    for file in (source, *_drop_ins(source.path)):
        unit.add(file)
    scope = "--user " if _of_user(source.path) else ""
    goodbye = f"`systemctl {scope}disable --now {name}`"
    return Imported([_Service(source, unit, name).draft()], goodbye)


def find_unit(path: Path) -> tuple[Path, Path]:
    """The path to speak of and the file to read: for bot@ann.service that may be the template bot@.service."""
    prefix, at, _ = path.name.removesuffix(SUFFIX).partition("@")
    template = path.with_name(f"{prefix}@{SUFFIX}")
    return (path, template) if at and not path.exists() and template.exists() else (path, path)


def _all_instances(source: Source) -> Imported:
    """A template alone is no service: those made of it are found by the links that `systemctl enable` makes."""
    prefix = source.path.name.removesuffix(SUFFIX)
    names = sorted({link.name for link in source.folder.glob(f"*.wants/{prefix}?*{SUFFIX}")})
    if not names:
        example = source.path.with_name(f"{prefix}NAME{SUFFIX}")
        raise ImportRefused(f"{source.at()}: this is a template. Say which: botdeck import {example}")
    each = [read_unit(Source(source.path.with_name(name), source.text)) for name in names]
    note = Note(source.at(), f"a template: {listed(names)} are enabled, and are imported")
    goodbye = ", ".join(one.goodbye for one in each)
    return Imported([bot for one in each for bot in one.bots], goodbye, [note])


def _drop_ins(path: Path) -> list[Source]:
    """`NAME.service.d/*.conf`, for the unit and for its template."""
    prefix, at, _ = path.name.removesuffix(SUFFIX).partition("@")
    folders = [path.with_name(f"{prefix}@{SUFFIX}.d")] if at else []
    files = {
        file.name: file for folder in (*folders, path.with_name(f"{path.name}.d")) for file in folder.glob("*.conf")
    }
    try:
        return [Source(files[name], files[name].read_text("utf-8")) for name in sorted(files)]
    except (OSError, UnicodeDecodeError) as error:
        raise ImportRefused(f"{path}: a drop-in cannot be read: {error}.") from None


def _of_user(path: Path) -> bool:
    return "/systemd/user" in str(path.absolute())


@dataclass(slots=True)
class _Service:
    """One service on its way to a bot."""

    source: Source
    unit: Unit
    name: str

    def draft(self) -> Draft:
        if "Service" not in self.unit.sections:
            raise ImportRefused(f"{self.source.at()}: there is no [Service] section here.")
        draft = new_draft(self.name.removesuffix(SUFFIX).replace("@", "-"), self.source.at())
        if description := self.unit.last("Unit", "Description"):
            draft.settings["description"] = self._expanded(description)
        self._command(draft)
        self._place(draft)
        self._environment(draft)
        self._ends(draft)
        self._rest(draft)
        return draft

    @property
    def of_user(self) -> bool:
        return _of_user(self.source.path)

    def _last(self, key: str) -> Setting | None:
        return self.unit.last("Service", key)

    def _expanded(self, setting: Setting, text: str | None = None) -> str:
        known = specifiers(self.name, self.source.path, of_user=self.of_user)
        value = setting.value if text is None else text
        return self._try(setting, lambda: expanded(value, known))

    def _try(self, setting: Setting, read: Callable[[], _T]) -> _T:
        try:
            return read()
        except ValueError as error:
            raise ImportRefused(f"{setting.where}: {setting.key}={setting.value}: {error}.") from None

    # What runs.

    def _command(self, draft: Draft) -> None:
        starts = self.unit.all("Service", "ExecStart")
        if not starts:
            raise ImportRefused(f"{self.source.at()}: there is no ExecStart in [Service].")
        start = starts[0]
        if len(starts) > 1:
            more = (
                f"{len(starts)} times ExecStart: only the first is taken; the others make bots or a script of their own"
            )
            draft.say(starts[1].where, more)
        prefixes, line = re.fullmatch(r"([-@:+!|]*)\s*(.*)", start.value, re.DOTALL).groups()  # type: ignore[union-attr]
        said = [self._expanded(start, word) for word in self._try(start, lambda: words(line))]
        if ";" in said:
            draft.say(start.where, "ExecStart: what follows the `;` is left out")
            said = said[: said.index(";")]
        if "@" in prefixes:
            del said[1:2]
            draft.say(start.where, "ExecStart=@: the program gets its own path as its name")
        if "-" in prefixes:
            draft.say(start.where, "ExecStart=-: a failure is a failure here, whatever the unit makes of it")
        if set(prefixes) & set("+!"):
            draft.say(start.where, "ExecStart=+ or !: a bot has the rights of its `user`, and no more")
        if not said:
            raise ImportRefused(f"{start.where}: there is no program in ExecStart.")
        draft.settings["command"] = self._with_variables(draft, start, said, replaces=":" not in prefixes)

    def _with_variables(self, draft: Draft, start: Setting, said: list[str], *, replaces: bool) -> list[str]:
        """systemd puts variables in itself; Botdeck leaves that to `sh`."""
        if not replaces or not any("$" in word for word in said):
            return said
        if not any(match[1] or match[2] for word in said for match in _VARIABLE.finditer(word)):
            return [word.replace("$$", "$") for word in said]
        draft.say(start.where, "ExecStart speaks of variables: `sh` puts them in, and gives way to the program (exec)")
        return ["sh", "-c", "exec " + " ".join(map(_for_shell, said))]

    # Where, as whom, and with what.

    def _place(self, draft: Draft) -> None:
        user = self._last("User")
        if user:
            self._user(draft, user)
        elif not self.of_user:
            text = "no User: systemd ran it as root, and Botdeck runs it as who runs the runner. Say `user` for another"
            draft.say(draft.where, text)
        folder = self._last("WorkingDirectory")
        if folder is None:
            draft.settings["cwd"] = self._home(None) if self.of_user else Path("/")
            return
        path = self._expanded(folder).removeprefix("-").strip('"')
        home = self._home(draft.settings.get("user"))
        draft.settings["cwd"] = home if path == "~" else Path(os.path.normpath(path))
        if folder.value.startswith("-"):
            draft.say(folder.where, "WorkingDirectory=-: a bot whose folder is missing does not start")

    def _user(self, draft: Draft, setting: Setting) -> None:
        said = self._expanded(setting)
        name = user_name(said)
        if name is None:
            draft.say(setting.where, f"this host knows no user with the number {said}; say `user` yourself")
        else:
            draft.settings["user"] = name

    def _home(self, user: str | None) -> Path:
        try:
            return Path(pwd.getpwnam(user).pw_dir if user else Path.home())
        except KeyError:
            return Path("/home", user or "")

    def _environment(self, draft: Draft) -> None:
        for setting in self.unit.all("Service", "Environment"):
            for word in self._try(setting, lambda setting=setting: words(setting.value)):  # type: ignore[misc]
                name, equals, value = self._expanded(setting, word).partition("=")
                if equals:
                    draft.add_env({name: value})
                else:
                    draft.say(setting.where, f"Environment={word} is no NAME=value, and is left out")
        files = [(one, self._expanded(one).strip('"')) for one in self.unit.all("Service", "EnvironmentFile")]
        files_of_environment(draft, files)

    # How it ends.

    def _ends(self, draft: Draft) -> None:
        kind = self._last("Type")
        if kind and kind.value in _TYPES:
            draft.say(kind.where, _TYPES[kind.value])
        self._restart(draft)
        timeout = self._last("TimeoutStopSec") or self._last("TimeoutSec")
        draft.settings["stop_timeout_s"] = self._stop_timeout(draft, timeout) if timeout else STOP_TIMEOUT_S
        self._stop_signal(draft)
        memory = self._last("MemoryMax") or self._last("MemoryLimit")
        if memory:
            self._memory(draft, memory)
        if umask := self._last("UMask"):
            draft.settings["command"] = under_umask(draft.settings["command"], umask.value)

    def _restart(self, draft: Draft) -> None:
        restart = self._last("Restart")
        value = restart.value if restart else "no"
        if restart and value not in _RESTART:
            raise ImportRefused(f"{restart.where}: Restart={value}: systemd has {listed(_RESTART)}.")
        draft.settings["restart"] = _RESTART[value]
        if restart and value not in _SAME:
            draft.say(restart.where, f'Restart={value} became restart = "{_RESTART[value]}", the nearest there is')

    def _stop_timeout(self, draft: Draft, setting: Setting) -> float:
        timeout = self._try(setting, lambda: seconds(setting.value))
        if timeout:
            return timeout
        # Both `infinity` and 0 are "for ever" to systemd.
        draft.say(setting.where, f"{setting.key}={setting.value}: Botdeck waits a day at most")
        return LONGEST_S

    def _stop_signal(self, draft: Draft) -> None:
        setting = self._last("KillSignal")
        name = setting.value.removeprefix("SIG") if setting else "TERM"
        if setting and name not in _SIGNALS:
            draft.say(setting.where, f"KillSignal={setting.value} is left out, and SIGTERM asks it to end")
        elif name != "TERM":
            draft.settings["stop_signal"] = name

    def _memory(self, draft: Draft, setting: Setting) -> None:
        limit = self._try(setting, lambda: megabytes(setting.value))
        if limit is not None:
            draft.settings["memory_max_mb"] = limit
            draft.say(
                setting.where, f"{setting.key} became memory_max_mb: above it the bot is restarted, not killed by Linux"
            )
        elif setting.value != "infinity":
            draft.say(setting.where, f"{setting.key}={setting.value} is left out: memory_max_mb is in megabytes")

    # What has no place here.

    def _rest(self, draft: Draft) -> None:
        grouped: dict[str, list[Setting]] = {}
        for setting in self.unit.sections["Service"]:
            self._sort(draft, setting, grouped)
        for setting in self.unit.sections.get("Unit", []):
            if setting.key in UNIT_NO_EQUIVALENT:
                draft.say(setting.where, f"{setting.key} is left out: {UNIT_NO_EQUIVALENT[setting.key]}")
            elif setting.key in ORDER:
                grouped.setdefault("Botdeck starts all bots at once, in no order", []).append(setting)
            elif setting.key.startswith(("Condition", "Assert")):
                grouped.setdefault("a bot starts without conditions", []).append(setting)
            elif setting.key != "Description" and not setting.key.startswith("X-"):
                draft.say(setting.where, f"{setting.key} is left out: Botdeck knows no such setting of systemd")
        for why, settings in grouped.items():
            keys = listed(dict.fromkeys(setting.key for setting in settings))
            draft.say(settings[0].where, f"{keys} {'is' if len(settings) == 1 else 'are'} left out: {why}")
        for section in set(self.unit.sections) - {"Unit", "Service", "Install"}:
            draft.say(self.source.at(), f"[{section}] is left out: Botdeck knows no such section")

    def _sort(self, draft: Draft, setting: Setting, grouped: dict[str, list[Setting]]) -> None:
        key = setting.key
        if key in TAKEN or key.startswith("X-") or not setting.value:
            return
        if key == "KillMode" and setting.value == "mixed":
            return  # exactly what Botdeck does
        if key in UNIT_NO_EQUIVALENT or key in NO_EQUIVALENT:
            draft.say(setting.where, f"{key} is left out: {NO_EQUIVALENT.get(key) or UNIT_NO_EQUIVALENT[key]}")
        elif key in OUTPUT:
            why = f"Botdeck keeps all output itself; see `botdeck logs {draft.name}`"
            grouped.setdefault(why, []).append(setting)
        elif key.startswith(CONFINING):
            why = "Botdeck confines no bot; what holds for all of them can stand in the unit of the runner"
            grouped.setdefault(why, []).append(setting)
        elif key.startswith(LIMITS):
            why = (
                "of limits there are memory_max_mb and start_budget; `nice`, `prlimit` and so on can stand in `command`"
            )
            grouped.setdefault(why, []).append(setting)
        else:
            draft.say(setting.where, f"{key} is left out: Botdeck knows no such setting of systemd")


def _for_shell(word: str) -> str:
    """A word for `sh` in which the variables stay variables: `$A` alone is split into words, `${A}` is not."""
    if re.fullmatch(r"\$\w+", word):
        return word
    pieces, position = [], 0
    for match in _VARIABLE.finditer(word):
        pieces.append(_quoted(word[position : match.start()]))
        pieces.append("'$'" if match[0] == "$$" else f'"${{{match[1]}}}"' if match[1] else _quoted(match[0]))
        position = match.end()
    return "".join([*pieces, _quoted(word[position:])]) or "''"


def _quoted(text: str) -> str:
    return shlex.quote(text) if text else ""
