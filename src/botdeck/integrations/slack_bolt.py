"""slack-bolt: App and AsyncApp, and the handlers of its Socket Mode, which have an app.

Wrapped on the app: `dispatch` (each request), `listener_runner.run` and there `run_ack_function` of the listener
itself (Bolt runs it in a thread or a task of its own, so this alone has its time and its exception), and
`_handle_unmatched_requests`. On the Socket Mode client: `run_message_listeners` and `connect_to_new_endpoint`.

Beats come from where the Socket Mode client takes messages from its queue, or from its asyncio loop. Without Socket
Mode there are none: the web server in front of the app is not Bolt's.
"""

from __future__ import annotations

import inspect
import json

from botdeck.integrations import slack_payloads, slack_sending
from botdeck.integrations.around import around
from botdeck.integrations.people import seen
from botdeck.sdk.client import emit, error, guard
from botdeck.sdk.commands import Command, command
from botdeck.sdk.heartbeat import Heart

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def framework(_bot: Any) -> tuple[str, str]:
    from importlib.metadata import version as version_of

    return "slack-bolt", version_of("slack-bolt")


def identity(bot: Any) -> Any:
    """A handler tells more than its app does, and may come later."""
    return bot


def instrument(bot: Any) -> None:
    app = getattr(bot, "app", bot)
    slack_sending.watch()
    if not hasattr(app, "__botdeck__"):
        app.__botdeck__ = True
        _watch_requests(app)
        _watch_listeners(app.listener_runner)
    if app is not bot:
        _watch_socket(bot.client)


def _watch_requests(app: Any) -> None:
    def came_in(request: Any) -> None:
        body = request.body or {}
        place = slack_payloads.place(body)
        event = body.get("event") or {}
        is_bot = bool(event.get("bot_id"))
        if (name := slack_payloads.user_name(body)) and "user.id" in place:
            seen(place["user.id"], name, is_bot=is_bot)
        if slack_payloads.is_written(body):
            fields = {**place, **({"user.bot": True} if is_bot else {}), "chat.message.id": event.get("ts")}
            emit("message.received", **fields, size=len((event.get("text") or "").encode("utf-8", "replace")))

    def unmatched(request: Any, _response: Any) -> None:
        """Bolt also comes here with a command whose listener failed to acknowledge it."""
        body = request.body or {}
        if "command" in body and not hasattr(request, "__botdeck__"):
            emit("command.unknown", **slack_payloads.place(body), **{"command.name": body["command"].lstrip("/")})

    name = "async_dispatch" if hasattr(app, "async_dispatch") else "dispatch"
    setattr(app, name, around(getattr(app, name), before=came_in))
    app._handle_unmatched_requests = around(app._handle_unmatched_requests, before=unmatched)


def _watch_listeners(runner: Any) -> None:
    def before(request: Any, response: Any, listener_name: str, listener: Any, *_rest: Any, **_named: Any) -> Any:
        _watch_listener(listener)
        request.__botdeck__ = True  # somebody takes care of it
        return request

    def after(request: Any, response: Any, _exc: BaseException | None) -> None:
        """What a command answers with `ack` goes back in the response."""
        if "command" in request.body and (answer := getattr(response, "body", None)):
            slack_sending.said(_text_of(answer), request.body.get("channel_id"))

    runner.run = around(runner.run, before=before, after=after)


def _text_of(answer: Any) -> str:
    try:
        return str(json.loads(answer).get("text", ""))
    except (TypeError, ValueError, AttributeError):
        return str(answer)


def _watch_listener(listener: Any) -> None:
    if hasattr(listener.run_ack_function, "__botdeck__"):
        return

    def before(*, request: Any, response: Any) -> Command | None:
        meant = slack_payloads.command_of(request.body or {}, listener)
        if meant is None:
            return None
        name, kind = meant
        return command(name, kind=kind, **slack_payloads.place(request.body)).__enter__()

    def after(begun: Command | None, _response: Any, exc: BaseException | None) -> None:
        if begun is not None:
            begun.finish(exc)
        elif isinstance(exc, Exception):
            error(exc, where=getattr(listener.ack_function, "__name__", "listener"))

    listener.run_ack_function = around(listener.run_ack_function, before=before, after=after)
    listener.run_ack_function.__botdeck__ = True


def _watch_socket(client: Any) -> None:
    welcome: dict[str, bool] = {}
    heart = Heart(lambda: bool(welcome) and _is_open(client))

    def came_in(message: dict[str, Any], *_raw: Any) -> None:
        if message.get("type") == "hello" and not welcome:
            welcome["yes"] = True
            emit("gateway.ready", **{"chat.platform": "slack"})
            heart.beat()

    def dials_again(force: bool = False) -> None:
        if welcome and not force:  # forced is the change of connections that Slack asks for every few hours
            welcome.clear()
            emit("gateway.disconnect", **{"chat.platform": "slack"})
            heart.beat()

    client.run_message_listeners = around(client.run_message_listeners, before=came_in)
    client.connect_to_new_endpoint = around(client.connect_to_new_endpoint, before=dials_again)
    _beat(client, heart)


def _beat(client: Any, heart: Heart) -> None:
    if inspect.iscoroutinefunction(client.process_message):
        import asyncio

        heart.beat_from(asyncio.get_running_loop())
        return

    client.process_message = around(client.process_message, before=heart.turn)
    guard(heart.beat)()


def _is_open(client: Any) -> bool:
    if inspect.iscoroutinefunction(client.is_connected):
        return not getattr(client.current_session, "closed", False)
    return bool(client.is_connected())
