"""One request to a deck elsewhere, and what its answer means."""

from __future__ import annotations

import email.utils
import http.client
import json
import time
from urllib.parse import urlsplit

# Imported here for the thread that posts: a fork while it imports would leave the child with an import lock for ever.
import encodings.idna  # noqa: F401  isort: skip

TIMEOUT_S = 10.0
LONGEST_WAIT_S = 3600.0
_MOST_OF_AN_ANSWER = 1 << 16


class Answer:
    """`status` is 0 when there was none. `acked_through` is None unless the deck took what came with the request, up to
    this number."""

    def __init__(self, status: int = 0, *, acked_through: int | None = None, retry_after_s: float = 0.0) -> None:
        self.status = status
        self.acked_through = acked_through
        self.retry_after_s = retry_after_s


class Poster:
    """Posts to `URL/api/ingest` over a connection that it keeps."""

    def __init__(self, url: str, token: str) -> None:
        """Raises ValueError, which says what is wrong, when these cannot be an address and a token."""
        try:
            parts = urlsplit(url)
            known = parts.scheme in ("http", "https") and parts.hostname is not None and parts.port != 0
        except ValueError:  # of the port
            known = False
        if not known:
            raise ValueError(
                f"BOTDECK_URL should be the deck's address, as in https://deck.example.org; it is {url!r}."
            )
        if not token or not token.isascii() or not token.isprintable():
            raise ValueError("BOTDECK_TOKEN should be the token that the deck made for this bot.")
        self._path = parts.path.rstrip("/") + "/api/ingest"
        self._headers = {
            "Authorization": f"Bearer {token}",
            "Content-Type": "application/x-ndjson",
            "User-Agent": "botdeck-sdk",
        }
        self._connection = _connection(parts.scheme, parts.hostname or "", parts.port)
        self._connection.set_debuglevel(0)  # the bot may have switched it on for all, and it prints

    def post(self, body: bytes) -> Answer:
        used_before = self._connection.sock is not None
        # A server closes a connection that was idle; to send twice is no harm.
        for _ in range(2 if used_before else 1):
            try:
                return self._ask(body)
            except (OSError, http.client.HTTPException, ValueError):
                self._connection.close()
        return Answer()

    def _ask(self, body: bytes) -> Answer:
        self._connection.request("POST", self._path, body, self._headers)
        response = self._connection.getresponse()
        text = response.read(_MOST_OF_AN_ANSWER)
        if not response.isclosed():  # there is more
            self._connection.close()
        acked = _acked_through(text) if response.status == 200 else None
        wait_s = _seconds(response.headers.get("Retry-After", ""))
        return Answer(response.status, acked_through=acked, retry_after_s=wait_s)


def _connection(scheme: str, host: str, port: int | None) -> http.client.HTTPConnection:
    if scheme == "http":
        return http.client.HTTPConnection(host, port, timeout=TIMEOUT_S)
    import ssl

    return http.client.HTTPSConnection(host, port, timeout=TIMEOUT_S, context=ssl.create_default_context())


def _acked_through(text: bytes) -> int | None:
    """None for an answer that is not a deck's: something else may listen at the address, or stand in between."""
    try:
        acked = json.loads(text)["acked_through"]
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
    return acked if isinstance(acked, int) else None


def _seconds(retry_after: str) -> float:
    """Both forms that HTTP knows: seconds, and a date."""
    try:
        wait_s = float(retry_after)
    except ValueError:
        date = email.utils.parsedate_tz(retry_after)
        wait_s = email.utils.mktime_tz(date) - time.time() if date else 0.0
    return min(wait_s, LONGEST_WAIT_S) if wait_s > 0 else 0.0
