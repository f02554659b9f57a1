"""`botdeck run`: a bot is registered, started and watched in one command, from its folder."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, NoReturn
from urllib.parse import quote, urljoin

import typer
from rich.text import Text

from botdeck.cli.background import refuse_beside_another_deck, say_address, start_in_background
from botdeck.cli.client import DeckAway, DeckClient, DeckRefused
from botdeck.cli.following import follow, print_lines
from botdeck.cli.ground import Config, complain, fail, out, printable
from botdeck.cli.importing import nearest_or_new
from botdeck.cli.registering import RunRefused, Wish, add, known_bot, name_for, one_at_a_time
from botdeck.cli.reloading import bring_in, refuse_other_changes
from botdeck.cli.run_records import tell_end
from botdeck.cli.stack import BEGINNING_S, AlreadyUp, up_pid
from botdeck.data_dir import lock_holder
from botdeck.errors import BotdeckError, ConfigError
from botdeck.lifecycle import ALIVE
from botdeck.models import Action, BotStatus, Run, State, Wanted
from botdeck.settings import BotSettings, Settings, load_settings

PATIENCE_S = 20.0
"""For a deck that is about to be there, and to know the bot."""
_KERNEL_CLOCK = timedelta(seconds=2)
"""What the kernel's time of a process may be before that of the clock."""
_WORKS = frozenset({State.RUNNING, State.UNHEALTHY})


def run(
    command: Annotated[
        list[str], typer.Argument(metavar="COMMAND...", help="The bot's command, as you would say it here.")
    ],
    name: Annotated[str | None, typer.Option("--name", help="Default: after its script, or this folder.")] = None,
    config: Config = None,
) -> None:
    """Register, start and watch a bot: botdeck run -- python bot.py. Ctrl-C leaves it running."""
    begun = datetime.now(UTC) - _KERNEL_CLOCK
    status: BotStatus | None = None
    try:
        wish = Wish.of(command, _here(), name)
        path = nearest_or_new(config)
        with one_at_a_time(_existing(path.absolute().parent)):
            settings, bot = _registered(path, wish)
            client, before = _brought_up(settings, bot)
        status = _begin(client, bot.name, lambda: _ended(client, bot.name, before, begun))
        _watch(settings, client, status)
    except KeyboardInterrupt:
        _say_goodbye(status)
    except ConfigError as error:
        fail(error, code=2)
    except BotdeckError as error:
        fail(error)


def _here() -> Path:
    try:
        return Path.cwd()
    except FileNotFoundError:
        raise RunRefused("This folder is not there any more. Nothing was started.") from None


def _existing(folder: Path) -> Path:
    if not folder.is_dir():
        raise RunRefused(f"There is no folder {folder} for a botdeck.toml.")
    return folder


def _registered(path: Path, wish: Wish) -> tuple[Settings, BotSettings]:
    """The configuration with the bot in it. Refused when other bots of it are not as the runner runs them."""
    there = load_settings(path) if path.exists() else None
    known = known_bot(there, wish) if there else None
    if there is not None:
        refuse_beside_another_deck(there)
        if _programs_run(there):
            refuse_other_changes(there, known.name if known else None)
        if known is not None:
            return there, known
        _refuse_a_name_elsewhere(there, name_for(wish))
    add(path, wish)
    settings = load_settings(path)
    bot = settings.bots[-1]
    _say(f"{bot.name} was added to {settings.path}.")
    return settings, bot


def _refuse_a_name_elsewhere(settings: Settings, name: str) -> None:
    """The deck would go on with the other bot of that name, and so would orders."""
    if not _answers(settings):
        return
    other = next((bot for bot in DeckClient(settings.data_dir).bots().bots if bot.bot == name), None)
    if other is not None:
        where = f"is kept by runner {other.runner}" if other.runner else "runs elsewhere, with a token of its own"
        raise RunRefused(f"The deck has a {name} already: it {where}. Say another name: botdeck run --name NAME -- ...")


# Deck and runner.


def _brought_up(settings: Settings, bot: BotSettings) -> tuple[DeckClient, set[str]]:
    """The deck, which knows the bot, and the runs of it that were there before now."""
    before: set[str] = set()
    if not _start_programs(settings):
        _until(lambda: _programs_run(settings) and _answers(settings), "the deck and the runner here to come up")
        before = {run.id for run in _runs(DeckClient(settings.data_dir), bot.name)}
        bring_in(settings)
    client = DeckClient(settings.data_dir)
    _until(lambda: any(known.bot == bot.name for known in client.bots().bots), f"the deck to hear of {bot.name}")
    return client, before


def _start_programs(settings: Settings) -> bool:
    """False when they run already."""
    if up_pid(settings.data_dir) is not None or _programs_run(settings):
        return False
    try:
        start_in_background(settings)
    except AlreadyUp:  # somebody was quicker
        return False
    return True


def _programs_run(settings: Settings) -> bool:
    return all(lock_holder(settings.data_dir / lock) is not None for lock in ("deck.lock", "runner/lock"))


def _answers(settings: Settings) -> bool:
    try:
        DeckClient(settings.data_dir).bots()
    except DeckAway:
        return False
    return True


def _runs(client: DeckClient, bot: str) -> list[Run]:
    try:
        return client.runs(bot, limit=100)
    except DeckRefused:  # it is not known yet
        return []


# The bot.


def _begin(client: DeckClient, bot: str, ended: Callable[[], Run | None]) -> BotStatus:
    """Its status once it works, or has taken long. Ends this program when the bot ended."""
    status = client.status(bot)
    if not ended() and status.state not in ALIVE - {State.STOPPING}:
        status = _start(client, bot, status)
    deadline = time.monotonic() + BEGINNING_S
    while status.state not in _WORKS and time.monotonic() < deadline:
        if run := ended():
            _tell_end(client, run)
        time.sleep(0.1)
        status = client.status(bot)
    return status


def _ended(client: DeckClient, bot: str, before: set[str], begun: datetime) -> Run | None:
    """The first run since that is over."""
    new = [run for run in _runs(client, bot) if run.id not in before and run.started_at >= begun]
    return next((run for run in reversed(new) if run.ended_at is not None), None)


def _start(client: DeckClient, bot: str, status: BotStatus) -> BotStatus:
    if status.state is State.STOPPING and status.wanted is Wanted.RUNNING:
        return status  # it is on its way
    try:
        return client.act(bot, Action.START).status
    except DeckRefused:
        status = client.status(bot)
        if status.state not in ALIVE:
            raise
        return status  # the runner was quicker


def _tell_end(client: DeckClient, run: Run) -> NoReturn:
    tell_end(client, run)
    status = client.status(run.bot)
    reason = f" ({printable(status.reason)})" if status.reason else ""
    _say(f"\n{run.bot} is {status.state.value} now{reason}. When it is put right: botdeck restart {run.bot}")
    if status.state not in (State.FAILED, State.EXITED, State.STOPPED):
        _say(f"Until then it is tried again and again; to end that: botdeck stop {run.bot}")
    raise typer.Exit(1)


def _watch(settings: Settings, client: DeckClient, status: BotStatus) -> NoReturn:
    bot = status.bot
    say_address(settings, client.url)
    _say(f"{_outcome(status)}\n  {urljoin(client.url, f'bots/{quote(bot)}')}")
    _say("Ctrl-C leaves it running.\n")
    page = client.logs(bot, limit=100)
    print_lines([line for line in page.lines if line.run == status.run])
    last = page.lines[-1].id if page.lines else 0
    tell = _Teller(status)
    while True:
        last = follow(client, bot, last, on_status=tell) or last
        _until(lambda: _answers(settings), "the deck to be there again")
        client = DeckClient(settings.data_dir)


class _Teller:
    """Says how the bot is whenever that changes."""

    def __init__(self, status: BotStatus) -> None:
        self._status = status

    def __call__(self, status: BotStatus) -> None:
        before = self._status
        if status.bot == before.bot and (status.state, status.pid) != (before.state, before.pid):
            self._status = status
            complain(_outcome(status))


def _outcome(status: BotStatus) -> str:
    pid = f" (pid {status.pid})" if status.pid else ""
    return f"{status.bot} is {status.state.value}{pid}{f': {printable(status.reason)}' if status.reason else ''}"


def _say_goodbye(status: BotStatus | None) -> NoReturn:
    if status is None:
        _say("\nInterrupted before the bot was seen to run. What is so: botdeck ps")
        raise typer.Exit(1)
    name = status.bot
    _say(f"\n{name} goes on. Its output: botdeck logs -f {name}. To end it: botdeck stop {name}")
    raise typer.Exit(0)


def _say(text: str) -> None:
    out.print(Text(text), soft_wrap=True)


def _until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        if time.monotonic() > deadline:
            raise RunRefused(f"Waited {PATIENCE_S:g} s in vain for {what}. What is so, `botdeck ps` may tell.")
        time.sleep(0.05)
