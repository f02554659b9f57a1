"""Deck and runner in the background, and what is said when they are there: for `up -d` and `run`."""

import os
import subprocess
import sys
import time

import typer
from rich.text import Text

from botdeck.cli.client import DeckClient
from botdeck.cli.ground import err, fail, out
from botdeck.cli.stack import StackTrouble, address_when_up, take_lock, up_pid
from botdeck.data_dir import joined_deck, joined_file
from botdeck.errors import BotdeckError
from botdeck.settings import Settings


def start_in_background(settings: Settings) -> str:
    """Address of the deck once all is up. Raises AlreadyUp, StackTrouble; ends this program when `up` cannot start."""
    log = settings.data_dir / "up.log"
    try:
        os.close(take_lock(settings.data_dir))  # before the log of one that is up is begun anew
        # The deck prints the setup code, which is for nobody else on this machine.
        fd = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_CLOEXEC, 0o600)
        os.fchmod(fd, 0o600)
    except OSError as error:
        raise StackTrouble(f"The log {log} cannot be written: {error.strerror}.") from None
    with open(fd, "ab") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "botdeck.cli", "up", "--config", str(settings.path)],
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            start_new_session=True,
        )
    while process.poll() is None:
        if up_pid(settings.data_dir) == process.pid and (url := address_when_up(settings)):
            return url
        time.sleep(0.05)
    err.print(Text(log.read_text(errors="replace").strip()), soft_wrap=True)
    raise typer.Exit(process.returncode if process.returncode > 0 else 1)


def say_address(settings: Settings, url: str) -> None:
    out.print(f"\nBotdeck is up at [bold]{url}[/bold]", soft_wrap=True)
    try:
        if DeckClient(settings.data_dir).setup_needed():
            code = (settings.data_dir / "setup-code").read_text().strip()
            out.print(f"First visit: create your account there with the setup code [bold]{code}[/bold]", soft_wrap=True)
    except (BotdeckError, OSError):
        err.print(f"botdeck: the setup code could not be read from {settings.data_dir / 'setup-code'}")


def refuse_beside_another_deck(settings: Settings) -> None:
    """A runner that joined a deck elsewhere would report nothing to one that is started here."""
    try:
        joined = joined_deck(settings.data_dir)
    except ValueError:
        joined = None  # the runner says what is wrong with it
    if joined is not None:
        fail(
            BotdeckError(
                f"The runner here joined the deck at {joined.url}. Say `botdeck runner` to run it; to have a deck of "
                f"its own here again, remove {joined_file(settings.data_dir)}."
            )
        )
