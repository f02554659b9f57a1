"""Where the deck is, and the runner's word to get in. Read anew at each dial, for a deck may move."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import SplitResult

from botdeck.data_dir import joined_deck, running_deck
from botdeck.errors import BadAddress, BotdeckError
from botdeck.protocol.addresses import is_local, link_url, parse_address, warning_for


class NoDeck(BotdeckError):
    """There is no deck to dial yet, or no token for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeckAddress:
    link: str
    """The WebSocket to dial."""
    token: str
    local: bool
    runner: str | None = None
    """What this runner is called there, when it is not called as its host is."""
    joined: bool = False
    """The token is one that the runner got when it joined, and that may be taken away."""
    warning: str | None = None
    """What is wrong with this way, in a sentence."""

    @property
    def shown(self) -> str:
        return self.link.removesuffix("api/runner/link")


def find_deck(data_dir: Path, *, url: str | None, base_path: Callable[[], str], name: str | None = None) -> DeckAddress:
    """`url` and `name` are what the command line said; without a URL it is the deck that was joined, or else the one
    of the same data directory. Raises NoDeck."""
    try:
        joined = joined_deck(data_dir) if url is None else None
    except ValueError as error:
        raise NoDeck(str(error)) from None
    if joined is not None:
        address = parse_url(joined.url)
        found = _deck_at(address, address.path, joined.token)
        return replace(found, runner=name or joined.runner, joined=True)
    address = parse_url(url or _url_of_local_deck(data_dir))
    base = address.path if address.path.strip("/") else base_path()
    return replace(_deck_at(address, base, _token(data_dir / "runner-token")), runner=name)


def _deck_at(address: SplitResult, base_path: str, token: str) -> DeckAddress:
    return DeckAddress(
        link=link_url(address, base_path),
        token=token,
        local=is_local(address),
        warning=warning_for(address),
    )


def parse_url(url: str) -> SplitResult:
    """Raises NoDeck unless it can be dialled."""
    try:
        return parse_address(url)
    except BadAddress as error:
        raise NoDeck(str(error)) from None


def _url_of_local_deck(data_dir: Path) -> str:
    deck = running_deck(data_dir)
    if deck is None:
        raise NoDeck(f"no deck runs with {data_dir}: its deck.json is missing or cannot be used")
    return deck.url


def _token(path: Path) -> str:
    try:
        token = path.read_text("ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise NoDeck(f"the runner's token cannot be read: {error}") from None
    if not token:
        raise NoDeck(f"{path} is empty")
    if not token.isprintable():
        raise NoDeck(f"{path} holds no token: it should be one line")
    return token
