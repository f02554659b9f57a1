"""Where the deck is, and the runner's word to get in. Read anew at each dial, for a deck may move."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import SplitResult, urlsplit, urlunsplit

from botdeck.data_dir import running_deck
from botdeck.errors import BotdeckError

_SCHEMES = {"http": "ws", "https": "wss", "ws": "ws", "wss": "wss"}


class NoDeck(BotdeckError):
    """There is no deck to dial yet, or no token for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeckAddress:
    link: str
    """The WebSocket to dial."""
    token: str
    local: bool

    @property
    def shown(self) -> str:
        return self.link.removesuffix("api/runner/link")


def find_deck(data_dir: Path, *, url: str | None, base_path: Callable[[], str]) -> DeckAddress:
    """`url` is what the command line named; without it the deck of the same data directory. Raises NoDeck."""
    address = parse_url(url or _url_of_local_deck(data_dir))
    base = address.path if address.path.strip("/") else base_path()
    link = urlunsplit((_SCHEMES[address.scheme], address.netloc, base.rstrip("/") + "/api/runner/link", "", ""))
    local = address.hostname in ("127.0.0.1", "::1", "localhost")
    return DeckAddress(link=link, token=_token(data_dir / "runner-token"), local=local)


def parse_url(url: str) -> SplitResult:
    """Raises NoDeck unless it can be dialled."""
    try:
        address = urlsplit(url)
        usable = address.scheme in _SCHEMES and url.isprintable() and " " not in url and address.port != 0
        # As the socket does it: labels that are empty or too long are refused there with an error of their own kind.
        usable = usable and bool((address.hostname or "").encode("idna"))
    except ValueError:
        usable = False
    if not usable:
        raise NoDeck(f"{url!r} is no address of a deck; expected one like https://deck.example.org/")
    return address


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
