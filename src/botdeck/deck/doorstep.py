"""Turning a page away before its handshake is even parsed: while thousands knock at once, that is what the deck does
most, and it must leave it time for orders. Bytes in, bytes out.

A page cannot read the HTTP answer to its handshake, only what comes over an accepted WebSocket. So it is accepted, told
when to come back and closed, all in one write.
"""

import re

from websockets.frames import Close, Frame, Opcode
from websockets.utils import accept_key

_KEY = re.compile(rb"\r\nsec-websocket-key:[ \t]*([a-z0-9+/=]{24})[ \t]*\r\n", re.IGNORECASE)
_PROGRAM = re.compile(rb"\r\nauthorization:", re.IGNORECASE)


def handshake_key(request: bytes, path: bytes) -> str | None:
    """Of a page that wants a WebSocket below the path; None when it is anything else, or comes in pieces."""
    if not request.startswith(b"GET " + path) or not request.endswith(b"\r\n\r\n") or _PROGRAM.search(request):
        return None
    key = _KEY.search(request)
    return key.group(1).decode() if key else None


def accepted_and_closed(key: str, last: bytes, code: int, reason: str) -> bytes:
    """`last` are finished frames."""
    head = (
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Accept: {accept_key(key)}\r\n\r\n"
    )
    close = Frame(Opcode.CLOSE, Close(code, reason).serialize()).serialize(mask=False, extensions=())
    return head.encode() + last + close
