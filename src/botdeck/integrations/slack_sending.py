"""What a Bolt app says. Each request has a client of its own, made anew, so the classes of slack_sdk are wrapped:
`api_call` of its clients, and `send_dict` of the webhooks behind `respond`."""

from __future__ import annotations

import sys
import time

from botdeck.integrations.around import around
from botdeck.sdk import api
from botdeck.sdk.client import emit

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_SAYING = ("chat.postMessage", "chat.postEphemeral", "chat.meMessage")
_CLIENTS = (("slack_sdk.web.base_client", "BaseClient"), ("slack_sdk.web.async_base_client", "AsyncBaseClient"))
_WEBHOOKS = (
    ("slack_sdk.webhook.client", "WebhookClient"),
    ("slack_sdk.webhook.async_client", "AsyncWebhookClient"),
)


def watch() -> None:
    """Once for the process, for the classes that are loaded."""
    for module, name in _CLIENTS:
        _wrap_once(module, name, "api_call", _begin_call, _end_call)
    for module, name in _WEBHOOKS:
        _wrap_once(module, name, "send_dict", _begin_respond, _end_respond)


def said(text: object, channel: object = None, message_id: object = None) -> None:
    where = {"chat.channel.id": channel, "chat.message.id": message_id}
    known = {name: value for name, value in where.items() if value}
    emit("message.sent", **{"chat.platform": "slack", **known}, size=len(str(text or "").encode("utf-8", "replace")))


def _wrap_once(module: str, name: str, method: str, before: Any, after: Any) -> None:
    cls = getattr(sys.modules.get(module), name, None)
    call = getattr(cls, method, None)
    if call is None or hasattr(call, "__botdeck__"):
        return
    wrapped = around(call, before=before, after=after)
    wrapped.__botdeck__ = True  # type: ignore[attr-defined]
    setattr(cls, method, wrapped)


def _begin_call(client: Any, api_method: str, **kwargs: Any) -> tuple[str, Any, float]:
    asked = kwargs.get("json") or kwargs.get("params") or kwargs.get("data")
    text = asked.get("text") if isinstance(asked, dict) else None
    return api_method, text, time.perf_counter()


def _end_call(begun: tuple[str, Any, float], answer: Any, exc: BaseException | None) -> None:
    api_method, text, began = begun
    took_ms = (time.perf_counter() - began) * 1000
    refusal = getattr(exc, "response", None)
    status = getattr(refusal, "status_code", None)
    api.called(took_ms, failed=exc is not None, rate_limited=status == 429)
    if exc is not None:
        kind = type(exc).__name__ if refusal is None else refusal.get("error")
        known = {} if status is None else {"http.response.status_code": status}
        emit("api.error", **{"url.template": api_method, "error.type": kind, **known})
    elif api_method in _SAYING:
        said(text, answer.get("channel"), answer.get("ts") or answer.get("message_ts"))


def _begin_respond(webhook: Any, body: dict[str, Any], *args: Any, **kwargs: Any) -> dict[str, Any]:
    return body


def _end_respond(body: dict[str, Any], answer: Any, exc: BaseException | None) -> None:
    if exc is None and answer.status_code == 200 and not body.get("delete_original"):
        said(body.get("text"))
