"""`botdeck token`: tokens for bots that run elsewhere and report by HTTP."""

import json
from typing import Annotated
from urllib.parse import urlsplit

import typer
from rich.table import Table
from rich.text import Text

from botdeck.cli.client import DeckClient
from botdeck.cli.ground import Config, Json, client_of, complain, fail, out, settings_of
from botdeck.cli.runner_verbs import LOOPBACK, address_for_others
from botdeck.errors import BotdeckError
from botdeck.models import BotToken
from botdeck.protocol.codec import rfc3339, to_json


def token(
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="What the bot is to be called here.")] = None,
    listed: Annotated[bool, typer.Option("--list", help="Show which bots have a token, or had one.")] = False,
    revoke: Annotated[
        str | None, typer.Option("--revoke", metavar="NAME", help="Make the token of this bot worthless.")
    ] = None,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Make the token with which a bot that runs elsewhere reports to this deck; it is shown once."""
    if [name is not None, listed, revoke is not None].count(True) != 1:
        raise typer.BadParameter("say a NAME, or --list, or --revoke NAME")
    settings = settings_of(config)
    client = client_of(settings.path)
    try:
        if name is not None:
            # Without the last slash, so that people can put a path behind it.
            _make(client, name, address_for_others(settings.deck, client.url).rstrip("/"), as_json)
        elif revoke is not None:
            client.revoke_bot_token(revoke)
            out.print(Text(f"The token of bot {revoke} is refused from now on, and the bot is no longer shown."))
        else:
            _list(client.bot_tokens(), as_json)
    except BotdeckError as error:
        fail(error)


def _make(client: DeckClient, name: str, url: str, as_json: bool) -> None:
    made = client.make_bot_token(name)
    if as_json:
        print(json.dumps({**to_json(made), "url": url}, indent=2))
        return
    out.print(Text(f"Where bot {name} runs (the token is shown this once):"), soft_wrap=True)
    out.print(Text(f"\n  export BOTDECK_URL={url}\n  export BOTDECK_TOKEN={made.token}\n"), soft_wrap=True)
    if urlsplit(url).hostname in LOOPBACK:
        complain(
            "This deck listens for its own machine only, so a bot on another host cannot reach it there. Set "
            "public_url (with a proxy that speaks https in front) or host under [deck]; docs/operations.md says how."
        )


def _list(tokens: list[BotToken], as_json: bool) -> None:
    if as_json:
        print(json.dumps(to_json(tokens), indent=2))
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("BOT", "MADE", "BY", "REVOKED", "BY"):
        table.add_column(heading)
    for one in tokens:
        revoked = rfc3339(one.revoked_at)[:16] + "Z" if one.revoked_at else "-"
        table.add_row(
            Text(one.bot), rfc3339(one.made_at)[:16] + "Z", Text(one.made_by), revoked, Text(one.revoked_by or "-")
        )
    out.print(table if tokens else "No bot has a token. `botdeck token NAME` makes one.")
