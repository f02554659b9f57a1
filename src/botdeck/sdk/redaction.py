"""Takes tokens and passwords out of what is forwarded: libraries log them (httpx writes each URL, and Telegram's token
is in it), and exceptions quote them.

Known by their shape, by what stands before them, or because a variable of the environment whose name speaks of a secret
has this value.
"""

from __future__ import annotations

import os
import re
import time

REDACTED = "[redacted]"
_KEEP_WHAT_IS_BEFORE = rf"\1{REDACTED}"

_TELLING_NAME = re.compile(r"TOKEN|SECRET|PASSW|PASSPHRASE|API_?KEY|PRIVATE_?KEY|ACCESS_?KEY|CREDENTIAL", re.I)
_SHORTEST = 6
"""Of values in the environment: a shorter one (a `1`, a `yes`) is no secret, and would be found everywhere."""
_LOOK_AGAIN_S = 10.0
_VALUE = r"[^\s'\",;&@\[]{4,}"

_RULES = tuple(
    (hint, re.compile(pattern, re.I if hint.isalpha() else 0))
    for hint, pattern in (
        ("/bot", r"(?<=/bot)()\d+:[\w-]+(?=/)"),  # Telegram, in an address
        (":aa", r"()\b\d{5,}:AA[\w-]{30,}"),  # Telegram
        (".", r"()\b[MNO][\w-]{19,30}\.[\w-]{5,8}\.[\w-]{25,}"),  # Discord: a number in base64, a time, a signature
        ("/webhooks/", r"(/webhooks/\d+/)[\w-]{20,}"),
        ("/interactions/", r"(/interactions/\d+/)[\w-]{20,}"),
        ("xox", r"()\bxox[a-z][.-][\w.-]{8,}"),  # Slack
        ("xapp-", r"()\bxapp-[\w-]{8,}"),
        ("hooks.slack.com/", r"(hooks\.slack\.com/\w+/)[\w/-]+"),
        ("syt_", r"()\bsyt_\w{8,}"),  # Matrix
        ("eyj", r"()\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*"),  # JSON web tokens
        ("sk-", r"()\bsk-[\w-]{16,}"),  # language models
        (
            "authorization",
            rf"(authorization['\"]?\s*[:=,]\s*(?:b?['\"])?(?:(?:bearer|bot|basic|token|oauth)\s+)?){_VALUE}",
        ),
        ("bearer", rf"(\bbearer\s+){_VALUE}"),
        ("oauth", rf"(\boauth:){_VALUE}"),  # Twitch
        ("=", rf"([?&](?i:\w*token|\w*secret|\w*password|api_?key|key|sig|signature)=){_VALUE}"),
        ("://", r"(://[^\s/:@]*:)[^\s/@]+(?=@)"),
    )
)
"""What tells that there may be such a secret, in lower case, which is fast to look for; and how it looks. Its group
stays."""


def redacted(text: str) -> str:
    """The same text with `[redacted]` in the place of each secret."""
    lowered = text.lower()
    for hint, pattern in _RULES:
        if hint in lowered:
            text = pattern.sub(_KEEP_WHAT_IS_BEFORE, text)
    for value in _values():
        if value in text:
            text = text.replace(value, REDACTED)
    return text


_known: tuple[float, int, tuple[str, ...]] = (0.0, -1, ())
"""Until when, for how many variables, and the values; bots load `.env` files into their environment after the start."""


def _values() -> tuple[str, ...]:
    global _known
    until, count, values = _known
    now = time.monotonic()
    if now < until and count == len(os.environ):
        return values
    secret = {value for name, value in os.environ.items() if _TELLING_NAME.search(name) and _may_be_secret(value)}
    # The longest first, since one may be a part of another.
    values = tuple(sorted(secret, key=len, reverse=True))
    _known = now + _LOOK_AGAIN_S, len(os.environ), values
    return values


def _may_be_secret(value: str) -> bool:
    """Not MAX_TOKENS=100000, and not TOKEN_FILE=/run/bot/token."""
    return len(value) >= _SHORTEST and not value.isdigit() and not value.startswith("/")
