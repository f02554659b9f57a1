"""What the adapters of IRC libraries have in common.

IRC gives neither message ids nor stable user ids: a person is `irc:NETWORK/nick`, in lower case since nicks ignore
case. A PRIVMSG is a message, with CTCP (ACTION and the rest) or without; a NOTICE is one when the bot sends it, but
received ones are servers and services talking. Whether a nick is a bot's is known only where the server marks it.
"""

from __future__ import annotations

from botdeck.integrations.people import seen
from botdeck.sdk.client import emit

SENT_AS_MESSAGES = ("PRIVMSG", "NOTICE")


def place(network: str, nick: str, target: str) -> dict[str, object]:
    """Where a message belongs: a private one to the person it is shared with."""
    channel = target if target[:1] in "#&+!" else nick
    return {"chat.platform": "irc", "chat.server.id": network, "chat.channel.id": channel}


def user_id(network: str, nick: str) -> str:
    return f"irc:{network}/{nick.lower()}"


def received(network: str, nick: str, target: str, text: str, *, is_bot: bool) -> None:
    who: dict[str, object] = {"user.id": user_id(network, nick)}
    if is_bot:
        who["user.bot"] = True
    seen(user_id(network, nick), nick, is_bot=is_bot or None)
    emit("message.received", **who, **place(network, nick, target), size=len(text.encode("utf-8", "replace")))


def sent(network: str, line: str) -> None:
    """`line` is what goes to the server."""
    command, _, rest = line.strip().partition(" ")
    if command.upper() not in SENT_AS_MESSAGES:
        return
    target, _, text = rest.partition(" ")
    size = len(text[text.startswith(":") :].encode("utf-8", "replace"))
    emit("message.sent", **place(network, target, target), size=size)
