"""Who a bot has heard from: `user.seen` on first sight and when a name changes."""

from __future__ import annotations

from botdeck.sdk.client import emit

_MOST = 100_000
"""Remembered people; above it we forget them all and say `user.seen` again, which the deck takes as nothing new."""
_names: dict[str, str] = {}


def seen(user_id: str, name: str, *, is_bot: bool | None = None) -> None:
    """`user_id` is `platform:native-id`. A platform that cannot tell bots from people says None."""
    if _names.get(user_id) == name:
        return
    if len(_names) >= _MOST:
        _names.clear()
    _names[user_id] = name
    known = {} if is_bot is None else {"user.bot": is_bot}
    emit("user.seen", **{"user.id": user_id, "user.name": name, **known})
