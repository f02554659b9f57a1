"""The verbs. Exit codes: 0 done, 1 refused or failed, 2 wrong usage or configuration."""

import json
import os
import signal
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from botdeck import __version__
from botdeck.cli import bot_tokens, run_records, runner_verbs
from botdeck.cli.background import refuse_beside_another_deck, say_address, start_in_background
from botdeck.cli.client import DeckAway, DeckClient, DeckRefused
from botdeck.cli.durations import hours_minutes
from botdeck.cli.following import follow as follow_lines
from botdeck.cli.following import print_lines
from botdeck.cli.ground import (
    Config,
    Json,
    become,
    client_of,
    data_dir,
    err,
    fail,
    out,
    settings_of,
)
from botdeck.cli.importing import import_files
from botdeck.cli.reloading import reload
from botdeck.cli.running import run
from botdeck.cli.service import service
from botdeck.cli.stack import Stack, StackFailed, up_pid
from botdeck.errors import BotdeckError
from botdeck.lifecycle import ALIVE
from botdeck.models import Action, BotStatus, State, Wanted
from botdeck.protocol.codec import to_json
from botdeck.settings import EVERY_BOT, Settings

app = typer.Typer(
    help="Runs chat bots and tells the truth about them, live.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(runner_verbs.app, name="runner")
Names = Annotated[list[str], typer.Argument(metavar="NAME...", help="Bots, or 'all'.")]
NoWait = Annotated[bool, typer.Option("--no-wait", help="Return when the order is taken, not when it is done.")]

_COLOURS = {
    State.RUNNING: "green",
    State.FAILED: "red",
    State.UNHEALTHY: "yellow",
    State.BACKOFF: "yellow",
    State.STARTING: "blue",
    State.STOPPING: "blue",
}
_ENDED = frozenset({State.STOPPED, State.EXITED, State.FAILED, State.UNKNOWN})
_BEGUN = frozenset({State.RUNNING, State.UNHEALTHY, State.BACKOFF, State.EXITED, State.FAILED, State.UNKNOWN})
_SETTLED = {Action.START: _BEGUN, Action.RESTART: _BEGUN, Action.STOP: _ENDED, Action.KILL: _ENDED}
"""States in which an order is over, for better or worse."""


@app.command()
def up(
    config: Config = None,
    detach: Annotated[bool, typer.Option("--detach", "-d", help="Return once it is up.")] = False,
) -> None:
    """Start a deck and a runner on this machine; Ctrl-C ends both and stops the bots."""
    settings = settings_of(config)
    refuse_beside_another_deck(settings)
    try:
        if detach:
            say_address(settings, start_in_background(settings))
            return
        with Stack(settings) as stack:
            stack.run(lambda url: _say_up(settings, url))
    except StackFailed as failure:
        raise typer.Exit(failure.code) from None
    except BotdeckError as error:
        fail(error)


@app.command()
def down(
    config: Config = None,
    keep_bots: Annotated[bool, typer.Option("--keep-bots", help="Leave the bots running for the next `up`.")] = False,
) -> None:
    """End what `up` started: stop the bots, then the runner and the deck."""
    place = data_dir(config)
    pid = up_pid(place)
    if pid is None:
        out.print("Botdeck is not up here.")
        return
    os.kill(pid, signal.SIGUSR1 if keep_bots else signal.SIGINT)
    # It ends: the runner kills what does not end within its stop_timeout_s, which may be long.
    while up_pid(place) == pid:
        time.sleep(0.05)
    out.print("Botdeck is down; the bots go on." if keep_bots else "Botdeck is down.")


@app.command()
def ps(config: Config = None, as_json: Json = False) -> None:
    """Show every bot: state, uptime, restarts, figures of today."""
    client = client_of(config)
    try:
        bots = client.bots().bots
        stats = {bot.bot: client.stats(bot.bot) for bot in bots}
    except BotdeckError as error:
        fail(error)
    if as_json:
        rows = [to_json(bot) | {"stats": to_json(stats[bot.bot])} for bot in bots]
        print(json.dumps(rows, indent=2))
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("NAME", "STATE", "UPTIME", "RESTARTS", "PID", "USERS", "TODAY", "ACTIVE", "WHY"):
        table.add_column(heading, overflow="fold" if heading == "WHY" else "ellipsis")
    for bot in bots:
        figures = stats[bot.bot]
        table.add_row(
            bot.bot,
            Text(bot.state.value, style=_COLOURS.get(bot.state, "")),
            hours_minutes(bot.uptime_s),
            str(bot.restarts),
            str(bot.pid or "-"),
            str(figures.total_users),
            str(figures.messages_today),
            str(figures.active_commands),
            Text(bot.reason),
        )
    out.print(table if bots else "No bots yet. Add a [bots.NAME] table to botdeck.toml.")


@app.command()
def start(names: Names, config: Config = None, as_json: Json = False, no_wait: NoWait = False) -> None:
    """Start bots."""
    _act(Action.START, names, config, as_json, no_wait)


@app.command()
def stop(names: Names, config: Config = None, as_json: Json = False, no_wait: NoWait = False) -> None:
    """Stop bots: ask, wait the bot's stop_timeout_s, then kill."""
    _act(Action.STOP, names, config, as_json, no_wait)


@app.command()
def restart(names: Names, config: Config = None, as_json: Json = False, no_wait: NoWait = False) -> None:
    """Stop bots and start them again."""
    _act(Action.RESTART, names, config, as_json, no_wait)


@app.command()
def kill(names: Names, config: Config = None, as_json: Json = False, no_wait: NoWait = False) -> None:
    """End bots at once, with everything they started."""
    _act(Action.KILL, names, config, as_json, no_wait)


@app.command()
def logs(
    name: Annotated[str | None, typer.Argument(help="Bot; default: the default bot.")] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with new lines until Ctrl-C.")] = False,
    lines: Annotated[int, typer.Option("--lines", "-n", min=1, max=1000, help="How many lines to begin with.")] = 100,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Show what a bot wrote."""
    client = client_of(config)
    try:
        bot = name or client.bots().default_bot
        if bot is None:
            fail(BotdeckError("There is no bot yet."))
        last = print_lines(client.logs(bot, limit=lines).lines, as_json=as_json)
        while follow:
            last = follow_lines(client, bot, last, as_json=as_json)
            time.sleep(0.5)
    except KeyboardInterrupt:
        raise typer.Exit(0) from None
    except BotdeckError as error:
        fail(error)


app.command()(run_records.runs)
app.command()(run_records.why)
app.command()(bot_tokens.token)


@app.command()
def deck(config: Config = None) -> None:
    """Run a deck alone, in the foreground."""
    become("botdeck.deck", config)


@app.command()
def version() -> None:
    """Print the version."""
    out.print(__version__)


# Options of the bot's command are the bot's, with and without `--`.
app.command(context_settings={"allow_interspersed_args": False})(run)
app.command("import")(import_files)
app.command()(reload)
app.add_typer(service, name="service")


def _say_up(settings: Settings, url: str) -> None:
    say_address(settings, url)
    out.print("Ctrl-C ends it.\n" if os.isatty(0) else "")


def _act(action: Action, names: list[str], config: Path | None, as_json: bool, no_wait: bool) -> None:
    client = client_of(config)
    try:
        # Those without a runner run elsewhere, and take no orders from here.
        chosen = [bot.bot for bot in client.bots().bots if bot.runner] if names == [EVERY_BOT] else names
    except BotdeckError as error:
        fail(error)
    # All orders first: two hundred bots stop at the same time, not one after the other.
    answers = [_answer(partial(_order, client, name, action)) for name in chosen]
    if not no_wait:
        answers = [
            _answer(partial(_settle, client, action, answer)) if isinstance(answer, BotStatus) else answer
            for answer in answers
        ]
    oks = [_done(action, answer, no_wait) for answer in answers]
    if as_json:
        print(json.dumps([_as_json(*row) for row in zip(chosen, oks, answers, strict=True)], indent=2))
    else:
        for ok, answer in zip(oks, answers, strict=True):
            (out if ok else err).print(Text(_outcome(answer)), soft_wrap=True)
    raise typer.Exit(0 if all(oks) else 1)


def _order(client: DeckClient, name: str, action: Action) -> BotStatus:
    return client.act(name, action).status


def _done(action: Action, answer: BotStatus | BotdeckError, no_wait: bool) -> bool:
    if not isinstance(answer, BotStatus):
        return False
    return no_wait or (answer.state in ALIVE) == (action in (Action.START, Action.RESTART))


def _answer(ask: Callable[[], BotStatus]) -> BotStatus | BotdeckError:
    try:
        return ask()
    except (DeckRefused, DeckAway) as error:
        return error


def _as_json(name: str, ok: bool, answer: BotStatus | BotdeckError) -> dict[str, object]:
    if isinstance(answer, BotStatus):
        return {"bot": name, "ok": ok, "status": to_json(answer), "error": None}
    return {"bot": name, "ok": ok, "status": None, "error": str(answer)}


def _settle(client: DeckClient, action: Action, status: BotStatus) -> BotStatus:
    """Wait for the order's end; the runner itself bounds a stop by the bot's stop_timeout_s."""
    wanted = Wanted.RUNNING if action in (Action.START, Action.RESTART) else Wanted.STOPPED
    # When somebody else gave another order meanwhile, ours is over.
    while status.state not in _SETTLED[action] and status.wanted is wanted:
        time.sleep(0.1)
        status = client.status(status.bot)
    return status


def _outcome(answer: BotStatus | BotdeckError) -> str:
    if not isinstance(answer, BotStatus):
        return f"botdeck: {answer}"
    why = f": {answer.reason}" if answer.reason else ""
    pid = f" (pid {answer.pid})" if answer.pid else ""
    return f"{answer.bot} is {answer.state.value}{pid}{why}"
