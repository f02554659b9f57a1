"""PM2: `ecosystem.config.js` and `.json`, what `pm2 jlist` prints and what `pm2 save` keeps (`dump.pm2`)."""

import os
import re
import shlex
import shutil
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from cronsim import CronSim, CronSimError

from botdeck.cli.importers.draft import (
    Draft,
    Imported,
    ImportRefused,
    Note,
    Source,
    distinct_names,
    listed,
    new_draft,
    user_name,
)
from botdeck.cli.importers.json_lines import line_of
from botdeck.cli.importers.pm2_words import (
    ALIASES,
    BY_ITSELF,
    INTERPRETERS,
    LOGS,
    NO_EQUIVALENT,
    SESSION,
    SESSION_PREFIXES,
    TAKEN,
)
from botdeck.cli.importers.shell import shell_command
from botdeck.settings import MB

_SOME_DAY = datetime(2026, 1, 1)  # noqa: DTZ001 - only to see whether a cron line can be read
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([KMG]?)B?", re.IGNORECASE)
_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30}
_T = TypeVar("_T")
GOODBYE = "`pm2 delete NAME` for each, then `pm2 save`, so that PM2 does not bring them back at the next boot"


def read_pm2(source: Source, document: Any) -> Imported:
    """`document` is the parsed file. Raises ImportRefused."""
    apps, notes = _apps(source, document)
    drafts = [draft for app in apps for draft in _App(source, app).drafts()]
    return Imported(distinct_names(drafts), GOODBYE, notes)


def _apps(source: Source, document: Any) -> tuple[list[dict[str, Any]], list[Note]]:
    notes = []
    if isinstance(document, dict) and isinstance(document.get("apps"), list | dict):
        others = [key for key in document if key != "apps"]
        if others:
            text = f"{listed(others)}: Botdeck runs bots, and deploys or extends nothing; left out"
            notes.append(Note(source.at(), text))
        document = document["apps"]
    apps = document if isinstance(document, list) else [document]
    if not apps or not all(isinstance(app, dict) for app in apps):
        raise ImportRefused(f"{source.at()}: there is no list of `apps` here, as PM2 has them.")
    return [_of_running(app) if "pm2_env" in app or "pm_exec_path" in app else app for app in apps], notes


def _of_running(entry: dict[str, Any]) -> dict[str, Any]:
    """The settings among the state that PM2 keeps of a process; what was not set there has its default."""
    state = entry.get("pm2_env") or entry
    known = TAKEN | set(NO_EQUIVALENT)
    app = {ALIASES.get(key, key): value for key, value in state.items() if ALIASES.get(key, key) in known}
    app["name"] = entry.get("name", app.get("name"))
    app["env"], app["left out"] = _own_variables(app.get("env") or {}, str(app["name"]))
    app["instances"] = 1  # each process is an entry of its own
    if app.get("treekill"):
        del app["treekill"]  # its default
    return {key: value for key, value in app.items() if value or key == "autorestart"}


def _own_variables(env: dict[str, Any], name: str) -> tuple[dict[str, str], list[str]]:
    """A process under PM2 has the whole environment of the shell it was started from: the login's part of it goes."""
    own, left = {}, []
    for key, value in env.items():
        if isinstance(value, dict | list) or key == name:
            continue  # PM2's own
        if key in SESSION or key.startswith(SESSION_PREFIXES):
            left.append(key)
        else:
            own[key] = _text(value)
    return own, left


class _App:
    """One entry of `apps`."""

    def __init__(self, source: Source, app: dict[str, Any]) -> None:
        self.source = source
        self.app = {ALIASES.get(key, key): value for key, value in app.items()}
        self.spelled = {ALIASES.get(key, key): key for key in app}
        self.name = str(self.app.get("name") or Path(str(self.app.get("script", "bot")).split(" ")[0]).stem)
        cwd = self.app.get("cwd")
        self.cwd = Path(os.path.normpath(source.folder / Path(str(cwd)).expanduser())) if cwd else source.folder

    def at(self, key: str) -> str:
        return self.source.at(line_of(self.source.text, self.name, self.spelled.get(key, key)))

    def drafts(self) -> list[Draft]:
        """One for each instance."""
        count = self._instances()
        drafts = [self._draft(number, count) for number in range(count)]
        if count > 1:
            mode = "cluster mode" if "cluster" in str(self.app.get("exec_mode", "cluster")) else "instances"
            text = (
                f"{mode}: {count} bots, {drafts[0].name}-1 to {drafts[0].name}-{count}, which share no port. A chat "
                "bot usually must run once for each token; take the others out"
            )
            drafts[0].say(self.at("instances"), text)
        return drafts

    def _instances(self) -> int:
        said = self.app.get("instances", 1)
        cpus = os.cpu_count() or 1
        try:
            count = cpus if said in ("max", 0, "0") else int(said)
        except (TypeError, ValueError):
            raise ImportRefused(f"{self.at('instances')}: instances should be a number, not {said!r}.") from None
        return max(1, count if count > 0 else cpus + count)

    def _draft(self, number: int, count: int) -> Draft:
        draft = new_draft(self.name, self.at("name"))
        self._command(draft)
        draft.settings["cwd"] = self.cwd
        self._environment(draft, number, count)
        self._life(draft)
        if number == 0:
            self._rest(draft)
        return draft

    # What runs.

    def _command(self, draft: Draft) -> None:
        script = self.app.get("script")
        if not isinstance(script, str) or not script.strip():
            raise ImportRefused(f"{self.at('name')}: {self.name} has no `script`.")
        if " " in script.strip() and not (self.cwd / script).exists():
            command = self._split(lambda: shell_command(script))
            draft.add_env(command.env)
            draft.settings["command"] = command.words
            if command.note:
                draft.say(self.at("script"), command.note)
            return
        draft.settings["command"] = [*self._interpreter(draft, script), *self._words("args")]

    def _interpreter(self, draft: Draft, script: str) -> list[str]:
        """The script and what runs it."""
        there = (self.cwd / Path(script).expanduser()).exists()
        on_path = not there and "/" not in script and shutil.which(script) is not None
        if not there and not on_path:
            draft.say(self.at("script"), f"there is no {self.cwd / script} now; the bot fails until there is")
        named = self.app.get("exec_interpreter")
        interpreter = str(named or INTERPRETERS.get(Path(script).suffix, "none"))
        if interpreter.startswith("node@"):
            draft.say(
                self.at("exec_interpreter"), f"{interpreter}: Botdeck chooses no version; give the path of that node"
            )
            interpreter = "node"
        if interpreter == "none" or (on_path and not named):
            return [script if on_path or "/" in script else f"./{script}"]
        return [interpreter, *self._words("node_args"), script]

    def _words(self, key: str) -> list[str]:
        said = self.app.get(key) or []
        if isinstance(said, list):
            return [_text(word) for word in said]
        return self._split(lambda: shlex.split(str(said)))

    def _split(self, split: Callable[[], _T]) -> _T:
        try:
            return split()
        except ValueError as error:
            raise ImportRefused(f"{self.at('script')}: {self.name}: its words cannot be told apart: {error}.") from None

    # Its environment.

    def _environment(self, draft: Draft, number: int, count: int) -> None:
        env = self.app.get("env") or {}
        if not isinstance(env, dict):
            raise ImportRefused(f"{self.at('env')}: {self.name}: env should be an object, not {env!r}.")
        draft.add_env({key: _text(value) for key, value in env.items()})
        if "port" in self.app:
            draft.add_env({"PORT": _text(self.app["port"])})
        if file := self.app.get("env_file"):
            draft.settings["env_file"] = Path(os.path.normpath(self.source.folder / Path(str(file)).expanduser()))
        if count > 1:
            draft.add_env({str(self.app.get("instance_var", "NODE_APP_INSTANCE")): str(number)})
            counted = self.app.get("increment_var")
            if counted and str(env.get(counted, "")).isdigit():
                draft.add_env({counted: str(int(env[counted]) + number)})
        if left := self.app.get("left out"):
            draft.say(
                self.at("env"), f"of its environment, what belongs to a login or to PM2 is left out: {listed(left)}"
            )

    # How it is kept.

    def _life(self, draft: Draft) -> None:
        app, settings = self.app, draft.settings
        settings["stop_signal"] = "INT"  # PM2 asks with SIGINT
        if "kill_timeout" in app:
            settings["stop_timeout_s"] = self._number("kill_timeout") / 1000
        if app.get("autorestart") is False:
            settings["restart"] = "never"
        elif codes := app.get("stop_exit_codes"):
            self._stop_codes(draft, codes if isinstance(codes, list) else [codes])
        if "max_restarts" in app and settings.get("restart") != "never":
            settings["max_crashes"] = int(self._number("max_restarts"))
        if size := app.get("max_memory_restart"):
            settings["memory_max_mb"] = self._megabytes(size)
        if cron := app.get("cron_restart"):
            self._cron(draft, str(cron))
        if "uid" in app:
            self._user(draft)

    def _stop_codes(self, draft: Draft, codes: list[Any]) -> None:
        draft.settings["restart"] = "on-failure"
        if [str(code) for code in codes] != ["0"]:
            draft.say(self.at("stop_exit_codes"), f"stop_exit_codes {codes}: here only code 0 means that it is done")

    def _number(self, key: str) -> float:
        try:
            return float(self.app[key])
        except (TypeError, ValueError):
            words = f"{self.name}: {key} should be a number, not {self.app[key]!r}"
            raise ImportRefused(f"{self.at(key)}: {words}.") from None

    def _megabytes(self, size: Any) -> float:
        match = _SIZE.fullmatch(str(size).strip())
        if match is None:
            words = f"{self.name}: max_memory_restart should look like 300M, not {size!r}"
            raise ImportRefused(f"{self.at('max_memory_restart')}: {words}.")
        return round(float(match[1]) * _UNITS[match[2].upper()] / MB, 1)

    def _cron(self, draft: Draft, cron: str) -> None:
        try:
            if len(cron.split()) == 5:
                CronSim(cron, _SOME_DAY)
                draft.settings["restart_at"] = cron
                draft.say(
                    self.at("cron_restart"), "cron_restart counts in the deck's time zone here ([deck] time_zone)"
                )
                return
        except CronSimError:
            pass
        text = f'cron_restart {cron!r} is left out: restart_at takes five cron fields, like "0 4 * * *"'
        draft.say(self.at("cron_restart"), text)

    def _user(self, draft: Draft) -> None:
        name = user_name(self.app["uid"])
        if name is None:
            draft.say(self.at("uid"), f"this host knows no user with the number {self.app['uid']}; say `user` yourself")
        else:
            draft.settings["user"] = name

    # What has no place here.

    def _rest(self, draft: Draft) -> None:
        keys = [key for key in self.app if key not in TAKEN and key != "left out"]
        logs = [self.spelled[key] for key in keys if key in LOGS]
        needless = [self.spelled[key] for key in keys if key in BY_ITSELF]
        if logs:
            draft.say(
                self.at(logs[0]), f"{listed(logs)}: Botdeck keeps all output itself; see `botdeck logs {draft.name}`"
            )
        if needless:
            draft.say(self.at(needless[0]), f"{listed(needless)}: Botdeck has or needs no such setting")
        for key in keys:
            if key in NO_EQUIVALENT:
                draft.say(self.at(key), f"{key} is left out: {NO_EQUIVALENT[key]}")
            elif key.startswith("env_"):
                text = f"{key} is left out; what of it this bot shall have, put into [bots.{draft.name}.env]"
                draft.say(self.at(key), text)
            elif key not in LOGS and key not in BY_ITSELF:
                draft.say(self.at(key), f"{key} is left out: Botdeck knows no such setting of PM2")


def _text(value: Any) -> str:
    """As Node makes a variable of it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)
