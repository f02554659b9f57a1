"""What Slack's payloads say: who wrote where, and which of the bot's commands was meant. Pure reading."""

from __future__ import annotations

from botdeck.integrations.typed import command_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_WRITTEN = (None, "bot_message", "file_share", "me_message", "thread_broadcast")
"""Subtypes of message events that somebody wrote; the others tell of edits, arrivals and the like."""
_CALLED_BY_ID = ("shortcut", "message_action", "interactive_message", "dialog_submission")


def is_written(body: dict[str, Any]) -> bool:
    """Whether it is a message of somebody other than the bot itself."""
    event = body.get("event") or {}
    if event.get("type") not in ("message", "app_mention") or event.get("subtype") not in _WRITTEN:
        return False
    ourselves = [each.get("user_id") for each in body.get("authorizations") or [] if each.get("is_bot")]
    return event.get("user") not in ourselves


def place(body: dict[str, Any]) -> dict[str, Any]:
    """`user.id` and `chat.*`, as far as the payload has them. A person's id holds for their team."""
    event = body.get("event") or {}
    team = event.get("user_team") or event.get("team") or body.get("team_id") or _id_in(body, "team")
    user = body.get("user_id") or _id_in(body, "user") or event.get("user") or event.get("bot_id")
    channel = body.get("channel_id") or _id_in(body, "channel") or event.get("channel")
    known = {"chat.platform": "slack", "chat.server.id": team, "chat.channel.id": channel}
    known["user.id"] = f"slack:{team}/{user}" if user else None
    return {name: value for name, value in known.items() if value is not None}


def user_name(body: dict[str, Any]) -> str | None:
    """Slack tells it with commands and buttons, and with few messages."""
    user = body.get("user")
    profile = (body.get("event") or {}).get("user_profile") or {}
    named = user.get("username") or user.get("name") if isinstance(user, dict) else None
    return body.get("user_name") or named or profile.get("display_name") or profile.get("name")


def command_of(body: dict[str, Any], listener: Any) -> tuple[str, str] | None:
    """Name and kind of the command that this listener works on, or None when it only listens."""
    kind = body.get("type")
    if "command" in body:
        return body["command"].lstrip("/"), "slash"
    if kind == "block_actions":
        return body["actions"][0]["action_id"], "action"
    if kind == "view_submission":
        return body["view"]["callback_id"] or _name_of(listener), "action"
    if kind in _CALLED_BY_ID:
        return body["callback_id"], "action"
    event = body.get("event") or {}
    if event.get("type") == "app_mention":
        return _name_of(listener), "mention"
    if event.get("type") != "message":
        return None
    if (typed := command_name(event.get("text") or "")) is not None:
        return typed, "prefix"
    return (_name_of(listener), "handler") if _waits_for_words(listener) else None


def _waits_for_words(listener: Any) -> bool:
    """`@app.message("hello")`, and not `@app.message()`, which hears everything."""
    return any(getattr(each, "keyword", None) not in (None, "") for each in listener.middleware)


def _name_of(listener: Any) -> str:
    return str(getattr(listener.ack_function, "__name__", "listener"))


def _id_in(body: dict[str, Any], key: str) -> Any:
    value = body.get(key)
    return value.get("id") if isinstance(value, dict) else value
