"""Where the deck is, and the runner's word to get in. Read anew at each dial, for a deck may move."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from botdeck.errors import BotdeckError


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
    address = urlsplit(url or _url_of_local_deck(data_dir))
    scheme = {"http": "ws", "https": "wss", "ws": "ws", "wss": "wss"}.get(address.scheme)
    if scheme is None or not address.netloc:
        raise NoDeck(f"{urlunsplit(address)!r} is no address of a deck; expected one like https://deck.example.org/")
    base = address.path if address.path.strip("/") else base_path()
    link = urlunsplit((scheme, address.netloc, base.rstrip("/") + "/api/runner/link", "", ""))
    local = address.hostname in ("127.0.0.1", "::1", "localhost")
    return DeckAddress(link=link, token=_token(data_dir / "runner-token"), local=local)


def _url_of_local_deck(data_dir: Path) -> str:
    path = data_dir / "deck.json"
    try:
        return str(json.loads(path.read_text("utf-8"))["url"])
    except FileNotFoundError:
        raise NoDeck(f"no deck runs with {data_dir}: there is no deck.json") from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise NoDeck(f"{path} cannot be used: {error!r}") from None


def _token(path: Path) -> str:
    try:
        token = path.read_text("ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise NoDeck(f"the runner's token cannot be read: {error}") from None
    if not token:
        raise NoDeck(f"{path} is empty")
    return token
