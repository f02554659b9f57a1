"""What all verbs stand on: where they print, how they find their configuration, and how they fail."""

import os
import sys
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.console import Console
from rich.text import Text

from botdeck.cli.client import DeckAway, DeckClient
from botdeck.errors import BotdeckError, ConfigError
from botdeck.settings import Settings, data_dir_of, find_config, load_settings

out = Console(highlight=False, width=None if sys.stdout.isatty() else 200)
err = Console(stderr=True, highlight=False)

Config = Annotated[
    Path | None,
    typer.Option("--config", "-c", help="botdeck.toml to use; default: the nearest one, upwards from here."),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of words.")]


def settings_of(config: Path | None) -> Settings:
    """Ends with code 2 when they cannot be used."""
    try:
        return load_settings(config or find_config(Path.cwd()))
    except ConfigError as error:
        fail(error, code=2)


def data_dir(config: Path | None) -> Path:
    """Of a configuration that may be broken: that is said, and keeps nobody from seeing and stopping bots."""
    try:
        path = config or find_config(Path.cwd())
    except ConfigError as error:
        fail(error, code=2)
    try:
        return load_settings(path).data_dir
    except ConfigError as error:
        if not path.is_file():
            fail(error, code=2)
        complain(error)
        return data_dir_of(path)


def client_of(config: Path | None) -> DeckClient:
    """Ends with code 1 when no deck runs there."""
    try:
        return DeckClient(data_dir(config))
    except DeckAway as error:
        fail(error)


def become(module: str, config: Path | None) -> None:
    """This process goes on as one of the two programs."""
    settings = settings_of(config)
    os.execv(sys.executable, [sys.executable, "-m", module, "--config", str(settings.path)])  # noqa: S606


def fail(error: BotdeckError, *, code: int = 1) -> NoReturn:
    complain(error)
    raise typer.Exit(code)


def complain(error: BotdeckError | str) -> None:
    err.print(Text(f"botdeck: {error}"), soft_wrap=True)


def printable(text: str) -> str:
    """Control characters made visible: what a chat user wrote must not drive the operator's terminal."""
    return "".join(char if char.isprintable() or char == "\t" else f"\\x{ord(char):02x}" for char in text)
