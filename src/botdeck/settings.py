"""`botdeck.toml`: what is read from it, and errors that name file, line and what was expected. docs/settings.md lists
every key; there is none that this file does not know."""

import os
import re
import shlex
import tomllib
import zoneinfo
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import urlsplit

from cronsim import CronSim, CronSimError

from botdeck.errors import ConfigError
from botdeck.models import Restart

CONFIG_NAME = "botdeck.toml"
DATA_DIR_NAME = ".botdeck"
BOT_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}\Z")
EVERY_BOT = "all"
MB = 1_000_000
"""Bytes in a megabyte, here and wherever people read of megabytes."""
_BOT_KEYS = (
    "command",
    "cwd",
    "description",
    "env",
    "env_file",
    "user",
    "restart",
    "stop_signal",
    "stop_timeout_s",
    "autostart",
    "instrument",
    "ready",
    "ready_after_s",
    "ready_timeout_s",
    "restart_at",
    "restart_unhealthy",
    "start_budget",
    "max_crashes",
    "memory_max_mb",
    "heartbeat_timeout_s",
    "gateway_timeout_s",
    "output_timeout_s",
    "probe",
    "probe_interval_s",
    "probe_failures",
    "output_backlog_mb",
    "output_rate_mb_s",
)
_RUNNER_KEYS = ("backlog_mb", "disk_floor_mb")
_DECK_KEYS = ("host", "port", "time_zone", "base_path", "public_url", "default_bot", "stats_interval_s")
_TOP_KEYS = ("data_dir", "deck", "runner", "bots")
_STOP_SIGNALS = ("TERM", "INT", "HUP", "QUIT", "USR1", "USR2")


@dataclass(frozen=True, kw_only=True)
class BotSettings:
    """How one bot is run. Paths are absolute."""

    name: str
    command: tuple[str, ...]
    cwd: Path
    description: str = ""
    env: Mapping[str, str] = field(default_factory=dict)
    env_file: Path | None = None
    user: str | None = None
    restart: Restart = Restart.ALWAYS
    stop_signal: str = "TERM"
    stop_timeout_s: float = 10.0
    autostart: bool = True
    instrument: bool = True
    ready: str = "time"
    """`time`, `sdk`, or `output:` and a regular expression."""
    ready_after_s: float = 1.0
    ready_timeout_s: float = 60.0
    restart_at: str | None = None
    """Five cron fields, in the deck's time zone."""
    restart_unhealthy: bool = True
    start_budget: int = 500
    """Starts in 24 hours; 0: no limit."""
    max_crashes: int = 0
    """In a row; 0: no limit."""
    memory_max_mb: float = 0.0
    """0: no limit, as with the others that follow."""
    heartbeat_timeout_s: float = 60.0
    gateway_timeout_s: float = 120.0
    output_timeout_s: float = 0.0
    probe: str | None = None
    """`tcp://HOST:PORT` or an http(s) address."""
    probe_interval_s: float = 30.0
    probe_failures: int = 3
    output_backlog_mb: float = 256.0
    output_rate_mb_s: float = 4.0


@dataclass(frozen=True, kw_only=True)
class DeckSettings:
    host: str = "127.0.0.1"
    port: int = 8765
    time_zone: str = "UTC"
    base_path: str = "/"
    """Begins and ends with a slash."""
    public_url: str | None = None
    default_bot: str | None = None
    stats_interval_s: float = 10.0


@dataclass(frozen=True, kw_only=True)
class RunnerSettings:
    """What all bots of a host may take up together."""

    backlog_mb: float = 2048.0
    disk_floor_mb: float = 256.0


@dataclass(frozen=True, kw_only=True)
class Settings:
    path: Path
    data_dir: Path
    deck: DeckSettings
    runner: RunnerSettings
    bots: tuple[BotSettings, ...]

    def bot(self, name: str) -> BotSettings | None:
        return next((bot for bot in self.bots if bot.name == name), None)


def find_config(start: Path) -> Path:
    """`botdeck.toml` in `start` or the nearest folder above it. Raises ConfigError."""
    for folder in (start, *start.parents):
        if (folder / CONFIG_NAME).is_file():
            return folder / CONFIG_NAME
    raise ConfigError(
        f"There is no {CONFIG_NAME} in {start} or above it. Write one with a [bots.NAME] table, or say --config FILE."
    )


def load_settings(path: Path) -> Settings:
    """Raises ConfigError with `FILE:LINE: what is wrong, what was expected`."""
    path = path.absolute()
    try:
        text = path.read_text("utf-8-sig")
    except FileNotFoundError:
        raise ConfigError(f"{path}: there is no such file.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read: {error}.") from None
    try:
        document = tomllib.loads(text)
    except RecursionError:
        raise ConfigError(f"{path}:1: this is nested too deeply to be a configuration.") from None
    except tomllib.TOMLDecodeError as error:
        line = re.search(r"at line (\d+)", str(error))
        at = line[1] if line else str(max(1, text.count("\n") + 1))
        raise ConfigError(f"{path}:{at}: this is not TOML: {error}.") from None
    return _Reader(path, text).settings(document)


def data_dir_of(path: Path) -> Path:
    """Where the data of this configuration lies, as well as that can be told when the rest of it cannot be used: who
    breaks the file must still be able to stop bots."""
    path = path.absolute()
    try:
        return load_settings(path).data_dir
    except ConfigError:
        text = path.read_text("utf-8", "replace") if path.is_file() else ""
        said = re.search(r"""^\s*data_dir\s*=\s*["'](.+?)["']""", text, re.MULTILINE)
        return Path(os.path.normpath(path.parent / (said[1] if said else DATA_DIR_NAME)))


def parse_env_file(path: Path) -> dict[str, str]:
    """`NAME=value` lines; `#` begins a comment line, quotes around a value are taken off. Raises ConfigError."""
    values: dict[str, str] = {}
    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: the env_file cannot be read: {error}.") from None
    for number, raw in enumerate(lines, 1):
        line = raw.strip().removeprefix("export ")
        if not line or line.startswith("#"):
            continue
        name, equals, value = line.partition("=")
        if not equals or not name.strip():
            raise ConfigError(f"{path}:{number}: expected NAME=value.")
        value = value.strip()
        if len(value) >= 2 and value[0] == value[-1] and value[0] in "'\"":
            value = value[1:-1]
        values[name.strip()] = value
    return values


class _Reader:
    """Turns the parsed document into settings, remembering where each key stands for the error's sake."""

    def __init__(self, path: Path, text: str) -> None:
        self.path = path
        self.lines = _key_lines(text)

    def settings(self, document: dict[str, Any]) -> Settings:
        self._only(document, _TOP_KEYS, ())
        bots = self._table(document, "bots", ())
        deck = self._deck(self._table(document, "deck", ()), bots)
        data_dir = self._folder(document, "data_dir", (), self.path.parent / DATA_DIR_NAME)
        return Settings(
            path=self.path,
            data_dir=data_dir,
            deck=deck,
            runner=self._runner(self._table(document, "runner", ())),
            bots=tuple(self._bot(name, bots) for name in bots),
        )

    def _deck(self, table: dict[str, Any], bots: dict[str, Any]) -> DeckSettings:
        where = ("deck",)
        self._only(table, _DECK_KEYS, where)
        zone = self._text(table, "time_zone", where, DeckSettings.time_zone)
        try:
            zoneinfo.ZoneInfo(zone)
        except (KeyError, ValueError, OSError):
            self._fail((*where, "time_zone"), f"there is no time zone {zone!r}; expected a name like Europe/Vienna")
        port = self._number(table, "port", where, DeckSettings.port)
        if port != int(port) or not 0 <= port <= 65535:
            self._fail((*where, "port"), f"port should be a whole number from 0 to 65535, not {port:g}")
        default_bot = self._text(table, "default_bot", where, None)
        if default_bot is not None and default_bot not in bots:
            self._fail((*where, "default_bot"), f"there is no [bots.{default_bot}]; bots are: {', '.join(bots)}")
        base_path = self._text(table, "base_path", where, DeckSettings.base_path)
        if not re.fullmatch(r"/([A-Za-z0-9_.~-]+/)*([A-Za-z0-9_.~-]+)?", base_path):
            self._fail((*where, "base_path"), f"base_path should look like /botdeck/, not {base_path!r}")
        return DeckSettings(
            host=self._text(table, "host", where, DeckSettings.host),
            port=int(port),
            time_zone=zone,
            base_path=base_path if base_path.endswith("/") else base_path + "/",
            public_url=self._public_url(table, where),
            default_bot=default_bot,
            stats_interval_s=self._number(table, "stats_interval_s", where, DeckSettings.stats_interval_s, least=0.1),
        )

    def _runner(self, table: dict[str, Any]) -> RunnerSettings:
        where = ("runner",)
        self._only(table, _RUNNER_KEYS, where)
        return RunnerSettings(
            backlog_mb=self._number(table, "backlog_mb", where, RunnerSettings.backlog_mb, least=1),
            disk_floor_mb=self._number(table, "disk_floor_mb", where, RunnerSettings.disk_floor_mb, least=0),
        )

    def _public_url(self, table: dict[str, Any], where: tuple[str, ...]) -> str | None:
        url = self._text(table, "public_url", where, None)
        if url is not None and not re.match(r"https?://[^/\s]+", url):
            self._fail((*where, "public_url"), f"public_url should look like https://bots.example, not {url!r}")
        return None if url is None else str(url)

    def _bot(self, name: str, bots: dict[str, Any]) -> BotSettings:
        where = ("bots", name)
        if not BOT_NAME.match(name):
            rule = "a bot's name is letters, digits, '_', '-' and '.', a letter or digit first, at most 63"
            self._fail(where, f"{rule}, not {name!r}")
        if name == EVERY_BOT:
            self._fail(where, f"'{EVERY_BOT}' means every bot on the command line, so none can be called that")
        table = self._table(bots, name, ("bots",))
        self._only(table, _BOT_KEYS, where)
        cwd = self._folder(table, "cwd", where, self.path.parent)
        restart = self._text(table, "restart", where, Restart.ALWAYS.value)
        if restart not in list(Restart):
            self._fail(
                (*where, "restart"), f"restart should be {' or '.join(map(repr, map(str, Restart)))}, not {restart!r}"
            )
        env_file = self._text(table, "env_file", where, None)
        return BotSettings(
            name=name,
            command=self._command(table, where),
            cwd=cwd,
            description=self._text(table, "description", where, ""),
            env=self._env(table, where),
            env_file=None if env_file is None else self.path.parent / self._expanded(env_file, (*where, "env_file")),
            user=self._text(table, "user", where, None),
            restart=Restart(restart),
            stop_signal=self._stop_signal(table, where),
            stop_timeout_s=self._number(table, "stop_timeout_s", where, BotSettings.stop_timeout_s, least=0),
            autostart=self._flag(table, "autostart", where, default=True),
            instrument=self._flag(table, "instrument", where, default=True),
            ready=self._ready(table, where),
            ready_after_s=self._number(table, "ready_after_s", where, BotSettings.ready_after_s, least=0),
            ready_timeout_s=self._number(table, "ready_timeout_s", where, BotSettings.ready_timeout_s, least=1),
            restart_at=self._restart_at(table, where),
            restart_unhealthy=self._flag(table, "restart_unhealthy", where, default=True),
            start_budget=self._whole(table, "start_budget", where, BotSettings.start_budget),
            max_crashes=self._whole(table, "max_crashes", where, BotSettings.max_crashes),
            memory_max_mb=self._number(table, "memory_max_mb", where, BotSettings.memory_max_mb, least=0),
            heartbeat_timeout_s=self._patience(table, "heartbeat_timeout_s", where, BotSettings.heartbeat_timeout_s),
            gateway_timeout_s=self._patience(table, "gateway_timeout_s", where, BotSettings.gateway_timeout_s),
            output_timeout_s=self._patience(table, "output_timeout_s", where, BotSettings.output_timeout_s),
            probe=self._probe(table, where),
            probe_interval_s=self._number(table, "probe_interval_s", where, BotSettings.probe_interval_s, least=1),
            probe_failures=self._whole(table, "probe_failures", where, BotSettings.probe_failures, least=1),
            output_backlog_mb=self._number(table, "output_backlog_mb", where, BotSettings.output_backlog_mb, least=1),
            output_rate_mb_s=self._number(table, "output_rate_mb_s", where, BotSettings.output_rate_mb_s, least=0),
        )

    def _stop_signal(self, table: dict[str, Any], where: tuple[str, ...]) -> str:
        name = str(self._text(table, "stop_signal", where, BotSettings.stop_signal)).removeprefix("SIG")
        if name not in _STOP_SIGNALS:
            known = ", ".join(_STOP_SIGNALS)
            self._fail((*where, "stop_signal"), f"stop_signal should be one of {known}, not {name!r}")
        return name

    def _ready(self, table: dict[str, Any], where: tuple[str, ...]) -> str:
        ready = str(self._text(table, "ready", where, BotSettings.ready))
        kind, colon, pattern = ready.partition(":")
        if ready not in ("time", "sdk") and not (kind == "output" and colon and pattern):
            self._fail((*where, "ready"), f'ready should be "time", "sdk" or "output:PATTERN", not {ready!r}')
        try:
            re.compile(pattern)
        except re.error as error:
            self._fail((*where, "ready"), f"{pattern!r} is no regular expression: {error}")
        return ready

    def _restart_at(self, table: dict[str, Any], where: tuple[str, ...]) -> str | None:
        text = self._text(table, "restart_at", where, None)
        if text is None:
            return None
        if len(text.split()) != 5:
            self._fail((*where, "restart_at"), f'{text!r} should be five cron fields, like "0 4 * * *"')
        try:
            CronSim(text, datetime(2026, 1, 1))  # noqa: DTZ001 - only to see whether it can be read
        except CronSimError as error:
            self._fail((*where, "restart_at"), f'{text!r} should be five cron fields, like "0 4 * * *": {error}')
        return str(text)

    def _probe(self, table: dict[str, Any], where: tuple[str, ...]) -> str | None:
        probe = self._text(table, "probe", where, None)
        if probe is None:
            return None
        try:
            url = urlsplit(probe)
            fits = bool(url.hostname) and (url.scheme in ("http", "https") or (url.scheme == "tcp" and url.port))
        except ValueError:
            fits = False
        if not fits:
            shapes = '"tcp://127.0.0.1:8080" or "http://127.0.0.1:8080/healthz"'
            self._fail((*where, "probe"), f"probe should look like {shapes}, not {probe!r}")
        return str(probe)

    def _patience(self, table: dict[str, Any], key: str, where: tuple[str, ...], default: float) -> float:
        value = self._number(table, key, where, default, least=0)
        if 0 < value < 1:
            self._fail((*where, key), f"{key} should be at least 1, or 0 for never, not {value:g}")
        return value

    def _whole(self, table: dict[str, Any], key: str, where: tuple[str, ...], default: int, *, least: int = 0) -> int:
        value = self._number(table, key, where, default, least=least)
        if value != int(value):
            self._fail((*where, key), f"{key} should be a whole number, not {value:g}")
        return int(value)

    def _command(self, table: dict[str, Any], where: tuple[str, ...]) -> tuple[str, ...]:
        command = table.get("command")
        if isinstance(command, str):
            try:
                command = shlex.split(command)
            except ValueError as error:
                self._fail((*where, "command"), f"command cannot be split into words: {error}")
        if not isinstance(command, list) or not command or not all(isinstance(word, str) for word in command):
            self._fail(
                (*where, "command") if "command" in table else where,
                'command is needed: a list of strings, like ["python", "bot.py"], or one string',
            )
        if not command[0] or any("\0" in word for word in command):
            self._fail((*where, "command"), "the words of command should not be empty or hold NUL characters")
        return tuple(command)

    def _env(self, table: dict[str, Any], where: tuple[str, ...]) -> dict[str, str]:
        env = self._table(table, "env", where)
        for name, value in env.items():
            if not name or "=" in name or "\0" in name:
                self._fail((*where, "env"), f"{name!r} cannot be the name of an environment variable")
            if not isinstance(value, str) or "\0" in value:
                self._fail((*where, "env", name), f"env.{name} should be a string; quote it")
        return env

    def _only(self, table: dict[str, Any], known: tuple[str, ...], where: tuple[str, ...]) -> None:
        for key in table:
            if key not in known:
                self._fail((*where, key), f"there is no setting {key!r} here; expected one of {', '.join(known)}")

    def _table(self, table: dict[str, Any], key: str, where: tuple[str, ...]) -> dict[str, Any]:
        value = table.get(key, {})
        if not isinstance(value, dict):
            self._fail((*where, key), f"{key} should be a table, not {value!r}")
        return value

    def _text(self, table: dict[str, Any], key: str, where: tuple[str, ...], default: Any) -> Any:
        value = table.get(key, default)
        if key in table and (not isinstance(value, str) or "\0" in value):
            self._fail((*where, key), f"{key} should be a string, not {value!r}")
        return value

    def _number(
        self, table: dict[str, Any], key: str, where: tuple[str, ...], default: float, *, least: float | None = None
    ) -> float:
        value = table.get(key, default)
        # The bound also keeps out nan, infinities, and whole numbers that no float can hold.
        if isinstance(value, bool) or not isinstance(value, int | float) or not -1e9 < value < 1e9:
            self._fail((*where, key), f"{key} should be a number, not {value!r:.40}")
        if least is not None and not value >= least:
            self._fail((*where, key), f"{key} should be at least {least:g}, not {value!r}")
        return float(value)

    def _flag(self, table: dict[str, Any], key: str, where: tuple[str, ...], *, default: bool) -> bool:
        value = table.get(key, default)
        if not isinstance(value, bool):
            self._fail((*where, key), f"{key} should be true or false, not {value!r}")
        return value

    def _folder(self, table: dict[str, Any], key: str, where: tuple[str, ...], default: Path) -> Path:
        value = self._text(table, key, where, None)
        if value is None:
            return default
        return Path(os.path.normpath(self.path.parent / self._expanded(value, (*where, key))))

    def _expanded(self, value: str, where: tuple[str, ...]) -> Path:
        try:
            return Path(value).expanduser()
        except RuntimeError as error:
            self._fail(where, f"{value!r} cannot be made a path: {error}")

    def _fail(self, where: tuple[str, ...], problem: str) -> NoReturn:
        line = next((self.lines[where[:n]] for n in range(len(where), 0, -1) if where[:n] in self.lines), 1)
        raise ConfigError(f"{self.path}:{line}: {'.'.join(where)}: {problem}.")


_HEADER = re.compile(r"\s*\[{1,2}\s*([^\]#]+?)\s*\]{1,2}\s*(#.*)?\Z")
_KEY = re.compile(r"""\s*((?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*'))*)\s*=""")
_PART = re.compile(r"""[A-Za-z0-9_-]+|"[^"]*"|'[^']*'""")


def _key_lines(text: str) -> dict[tuple[str, ...], int]:
    """Line of each key. tomllib does not tell; keys inside inline tables and multi-line strings are not found, and
    the error then names the line of what holds them."""
    lines: dict[tuple[str, ...], int] = {}
    table: tuple[str, ...] = ()
    for number, line in enumerate(text.splitlines(), 1):
        if header := _HEADER.match(line):
            table = _parts(header[1])
            lines.setdefault(table, number)
        elif key := _KEY.match(line):
            path = (*table, *_parts(key[1]))
            for depth in range(len(table) + 1, len(path) + 1):
                lines.setdefault(path[:depth], number)
    return lines


def _parts(dotted: str) -> tuple[str, ...]:
    return tuple(part.strip("\"'") for part in _PART.findall(dotted))
