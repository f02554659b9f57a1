"""`botdeck runner`: run one, have it join the deck of another host, and let others join this one."""

import json
import math
from typing import Annotated
from urllib.parse import urlsplit

import typer
from rich.text import Text

from botdeck.cli.durations import largest_units, parse_duration_s
from botdeck.cli.ground import Config, Json, become, client_of, complain, fail, out, settings_of
from botdeck.cli.joining import join as join_deck
from botdeck.data_dir import joined_file
from botdeck.errors import BotdeckError
from botdeck.protocol.addresses import parse_address, warning_for
from botdeck.protocol.codec import to_json
from botdeck.settings import DeckSettings

app = typer.Typer(
    help="Run a runner alone, in the foreground. SIGTERM leaves its bots running, SIGINT stops them.",
    add_completion=False,
)
LONGEST_S = 7 * 86_400.0
"""What a deck agrees to."""
LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
_EVERYWHERE = frozenset({"0.0.0.0", "::", ""})  # noqa: S104  (compared with, not bound)


@app.callback(invoke_without_command=True)
def run(context: typer.Context, config: Config = None) -> None:
    """Run a runner alone, in the foreground. SIGTERM leaves its bots running, SIGINT stops them."""
    context.obj = config
    if context.invoked_subcommand is None:
        become("botdeck.runner", config)


@app.command()
def join(
    context: typer.Context,
    url: Annotated[str, typer.Argument(help="Address of the deck, such as https://deck.example.org/")],
    token: Annotated[str, typer.Argument(help="What `botdeck runner invite` printed on the deck's host.")],
    name: Annotated[str | None, typer.Option("--name", help="What to be called there; default: this host.")] = None,
    config: Config = None,
) -> None:
    """Have this host's runner report to the deck of another host."""
    settings = settings_of(config or context.obj)
    try:
        address = parse_address(url)
        if warning := warning_for(address):
            complain(warning)
        joined = join_deck(address, token, name=name, data_dir=settings.data_dir)
    except BotdeckError as error:
        fail(error)
    for line in (
        f"This host joined the deck at {joined.url} as {joined.runner}.",
        f"Its token is in {joined_file(settings.data_dir)}, for its owner only.",
        f"What may run here is decided here: {settings.path}.",
        f"Next: botdeck runner --config {settings.path}",
        "(A runner that runs here already takes it up within a minute or two.)",
    ):
        out.print(Text(line), soft_wrap=True)


@app.command()
def invite(
    context: typer.Context,
    name: Annotated[str | None, typer.Option("--name", help="What the runner has to be called.")] = None,
    duration: Annotated[str, typer.Option("--for", help="How long the token works: 90s, 15m, 1h, 2d.")] = "1h",
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Make a token that lets the runner of another host join this deck, once."""
    settings = settings_of(config or context.obj)
    client = client_of(settings.path)
    try:
        for_s = parse_duration_s(duration)
        if not 1 <= for_s <= LONGEST_S:
            raise ValueError(f"a token works for one second at least, and for 7 days at most, not for {duration}")
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--for") from None
    try:
        invitation = client.invite_runner(name, for_s)
    except BotdeckError as error:
        fail(error)
    if as_json:
        print(json.dumps(to_json(invitation), indent=2))
        return
    url = address_for_others(settings.deck, client.url)
    named = f" as {name}" if name else ""
    out.print(Text(f"Within {largest_units(math.ceil(for_s))}, on the other host, to have it join{named}, once:"))
    out.print(Text(f"\n  botdeck runner join {url} {invitation.token}\n"), soft_wrap=True)
    if urlsplit(url).hostname in LOOPBACK:
        complain(
            "This deck listens for its own machine only, so another host cannot reach it there. Set public_url (with a "
            "proxy that speaks https in front) or host under [deck]; docs/operations.md says how."
        )


@app.command()
def remove(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="What the runner is called.")],
    config: Config = None,
) -> None:
    """Take the access of a runner that joined away. Its bots go on, and are unknown here."""
    client = client_of(config or context.obj)
    try:
        client.remove_runner(name)
    except BotdeckError as error:
        fail(error)
    out.print(
        Text(f"Runner {name} has no access any more. On its host its bots go on; nobody here knows how they are.")
    )


def address_for_others(deck: DeckSettings, local_url: str) -> str:
    """Where a runner or a bot of another host dials: a placeholder where only a person can know."""
    if deck.public_url:
        public = urlsplit(deck.public_url)
        return deck.public_url if public.path.strip("/") else f"{public.scheme}://{public.netloc}{deck.base_path}"
    local = urlsplit(local_url)
    if deck.host in _EVERYWHERE:
        return f"{local.scheme}://ADDRESS-OF-THIS-HOST:{local.port}{deck.base_path}"
    return local_url
