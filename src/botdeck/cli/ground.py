"""What all verbs stand on: where they print, how they find their configuration, and how they fail."""

import sys
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.console import Console
from rich.text import Text

from botdeck.errors import BotdeckError, ConfigError
from botdeck.settings import Settings, data_dir_of, find_config, load_settings

out = Console(highlight=False, width=None if sys.stdout.isatty() else 200)
err = Console(stderr=True, highlight=False)

Config = Annotated[
    Path | None,
    typer.Option("--config", "-c", help="botdeck.toml to use; default: the nearest one, upwards from here."),
]


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


def fail(error: BotdeckError, *, code: int = 1) -> NoReturn:
    complain(error)
    raise typer.Exit(code)


def complain(error: BotdeckError | str) -> None:
    err.print(Text(f"botdeck: {error}"), soft_wrap=True)
