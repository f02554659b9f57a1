"""Addresses of decks, as people give them: `https://deck.example.org/botdeck/`."""

from urllib.parse import SplitResult, urlsplit, urlunsplit

from botdeck.errors import BadAddress

_WEB = {"http": "http", "https": "https", "ws": "http", "wss": "https"}
_LINK = {"http": "ws", "https": "wss"}
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


def parse_address(url: str) -> SplitResult:
    """With the scheme http or https. Raises BadAddress unless it can be dialled."""
    try:
        address = urlsplit(url)
        usable = address.scheme in _WEB and url.isprintable() and " " not in url and address.port != 0
        # As the socket does it: labels that are empty or too long are refused there with an error of their own kind.
        usable = usable and bool((address.hostname or "").encode("idna"))
    except ValueError:
        usable = False
    if not usable:
        raise BadAddress(f"{url!r} is no address of a deck; expected one like https://deck.example.org/")
    return address._replace(scheme=_WEB[address.scheme])


def base_url(address: SplitResult) -> str:
    """Ends with a slash; what belongs to the deck is below it."""
    return urlunsplit((address.scheme, address.netloc, address.path.rstrip("/") + "/", "", ""))


def link_url(address: SplitResult, base_path: str) -> str:
    """The WebSocket that a runner dials."""
    return urlunsplit((_LINK[address.scheme], address.netloc, base_path.rstrip("/") + "/api/runner/link", "", ""))


def is_local(address: SplitResult) -> bool:
    """On this machine."""
    return address.hostname in _LOOPBACK


def warning_for(address: SplitResult) -> str | None:
    """What is wrong with using it, in a sentence."""
    if address.scheme == "https" or is_local(address):
        return None
    return (
        f"Nothing is encrypted on the way to {base_url(address)}: whoever is between can read along and order the bots "
        f"about. Join the deck by an https:// address."
    )
