"""Why there is no link to the deck: in words, and whether waiting will help."""

import json
import ssl

from websockets.exceptions import ConnectionClosed, InvalidStatus

from botdeck.errors import BotdeckError
from botdeck.runner.deck_address import NoDeck

FORBIDDEN = 4403
_LEAST_OWN_CODE = 4000
"""Close codes from here on are a deck's own, and say something that a person should read."""
_LONGEST_WORDS = 300


class LinkEnded(BotdeckError):
    """This connection is of no more use; why, in words."""


def is_refusal(error: Exception) -> bool:
    """The deck does not want this runner, and will not before somebody does something about it."""
    if isinstance(error, InvalidStatus):
        return error.response.status_code in (401, 403)
    return isinstance(error, ConnectionClosed) and _code(error) == FORBIDDEN


def is_said_by_deck(error: Exception) -> bool:
    """Rather than by the network."""
    if isinstance(error, ConnectionClosed):
        return _code(error) >= _LEAST_OWN_CODE
    return isinstance(error, InvalidStatus | BotdeckError) and not isinstance(error, NoDeck)


def in_words(error: Exception) -> str:
    """Without a full stop."""
    if isinstance(error, InvalidStatus):
        return _refusal_in_words(error)
    if isinstance(error, ConnectionClosed):
        reason = _shown(error.rcvd.reason) if error.rcvd else ""
        return f"the deck closed the link: {reason or _code(error)}" if error.rcvd else "the connection broke"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the deck's certificate is not accepted: {error.verify_message.rstrip('.')}"
    if isinstance(error, ssl.SSLError):
        return f"no encrypted connection to the deck comes about: {error.reason or error}"
    if isinstance(error, TimeoutError):
        return "the deck does not answer"
    return (str(error) or type(error).__name__).rstrip(".")


def _refusal_in_words(error: InvalidStatus) -> str:
    code = error.response.status_code
    try:
        detail = _shown(str(json.loads(error.response.body or b"")["detail"]))
    except (ValueError, KeyError, TypeError):
        detail = ""
    if code in (401, 403):
        return f"the deck does not accept this runner's token (HTTP {code}){detail and ': ' + detail}"
    return f"the deck answers HTTP {code}{detail and ': ' + detail}"


def _code(error: ConnectionClosed) -> int:
    return error.rcvd.code if error.rcvd else 0


def _shown(words: str) -> str:
    """What a deck says goes into the log of this host: one line, not too long."""
    return "".join(char if char.isprintable() else "?" for char in words[:_LONGEST_WORDS]).rstrip(".")
