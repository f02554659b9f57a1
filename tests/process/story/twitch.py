"""As much of Twitch as one bot in one channel's chat needs: tokens, EventSub over a WebSocket, and messages. Ours."""

import itertools
import json
import logging
import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast

from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection, serve

CHANNEL, BOT = ("2001", "thechannel"), ("9001", "thebot")
KEEPALIVE_EVERY_S = 4.0
NO_SUCH_THING = dict.fromkeys(
    ["reply", "cheer", "channel_points_custom_reward_id", "channel_points_animation_id", "source_broadcaster_user_id"]
)


class FakeTwitch:
    def __init__(self) -> None:
        self.heard: list[str] = []
        self.subscribed = 0
        """Subscriptions to the chat so far; a bot makes one each time it connects."""
        self._people: dict[str, str] = {}
        self._ids = itertools.count(1)
        self._connections: list[ServerConnection] = []
        self._web = _WebServer(self._answer)
        quiet = logging.Logger("fake-twitch", logging.CRITICAL)
        self._sockets = serve(self._converse, "127.0.0.1", 0, logger=quiet, close_timeout=1)
        self._threads = [threading.Thread(target=each.serve_forever) for each in (self._web, self._sockets)]
        for thread in self._threads:
            thread.start()

    @property
    def addresses(self) -> str:
        socket_port = self._sockets.socket.getsockname()[1]
        return f"http://127.0.0.1:{self._web.server_address[1]} ws://127.0.0.1:{socket_port}/ws"

    def close(self) -> None:
        self._sockets.shutdown()
        self._web.shutdown()
        self.drop()
        for thread in self._threads:
            thread.join()
        self._web.server_close()

    def user_id(self, person: str) -> str:
        return self._people.setdefault(person, str(1001 + len(self._people)))

    def say(self, person: str, text: str) -> str:
        """Returns the message's id."""
        return self._tell((self.user_id(person), person), text)

    def drop(self) -> None:
        for connection in list(self._connections):
            connection.close(1012)

    def _converse(self, connection: ServerConnection) -> None:
        with suppress(ConnectionClosed):
            session = {"id": f"session-{next(self._ids)}", "status": "connected", "reconnect_url": None}
            session |= {"keepalive_timeout_seconds": 10, "connected_at": _now()}
            connection.send(self._message("session_welcome", {"session": session}))
            self._connections.append(connection)
            while True:
                with suppress(TimeoutError):
                    connection.recv(KEEPALIVE_EVERY_S)
                connection.send(self._message("session_keepalive", {}))
        self._connections.remove(connection)

    def _message(self, kind: str, payload: dict[str, Any], **more: str) -> str:
        about = {"message_id": str(next(self._ids)), "message_type": kind, "message_timestamp": _now(), **more}
        return json.dumps({"metadata": about, "payload": payload})

    def _tell(self, chatter: tuple[str, str], text: str) -> str:
        """The bot's own messages come back to it, too."""
        message_id = f"message-{next(self._ids)}"
        names = {"broadcaster": CHANNEL, "chatter": chatter}
        event: dict[str, Any] = {f"{role}_user_id": who[0] for role, who in names.items()}
        event |= {f"{role}_user_{key}": who[1] for role, who in names.items() for key in ("login", "name")}
        event |= {"message_id": message_id, "message": {"text": text, "fragments": [_fragment(text)]}}
        event |= {"color": "#00FF00", "badges": [], "message_type": "text", **NO_SUCH_THING}
        kind = {"subscription_type": "channel.chat.message", "subscription_version": "1"}
        payload = {"subscription": {"id": "1", "type": "channel.chat.message"}, "event": event}
        self._connections[-1].send(self._message("notification", payload, **kind))
        return message_id

    def _answer(self, method: str, path: str, authorization: str, body: dict[str, Any]) -> dict[str, Any]:
        if path == "/oauth2/token":
            return {"access_token": "token-of-the-app", "expires_in": 5_000_000, "token_type": "bearer"}
        if path == "/oauth2/validate":
            who = {"login": BOT[1], "user_id": BOT[0]} if authorization.endswith("token-of-the-bot") else {}
            return {"client_id": "client", "scopes": [], "expires_in": 5_000_000, **who}
        if path == "/helix/users":
            texts = dict.fromkeys(
                ["type", "broadcaster_type", "description", "profile_image_url", "offline_image_url"], ""
            )
            return {"data": [{"id": BOT[0], "login": BOT[1], "display_name": BOT[1], **texts, "created_at": _now()}]}
        if path == "/helix/eventsub/subscriptions":
            self.subscribed += 1
            made = {"id": str(next(self._ids)), "status": "enabled", "cost": 0, "created_at": _now(), **body}
            return {"data": [made], "total": 1, "total_cost": 0, "max_total_cost": 10}
        if path == "/helix/chat/messages":
            self.heard.append(body["message"])
            return {"data": [{"message_id": self._tell(BOT, body["message"]), "is_sent": True}]}
        raise LookupError(f"{method} {path}")


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _fragment(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text, "cheermote": None, "emote": None, "mention": None}


class _WebServer(ThreadingHTTPServer):
    def __init__(self, answer: Callable[[str, str, str, dict[str, Any]], dict[str, Any]]) -> None:
        super().__init__(("127.0.0.1", 0), _Request)
        self.answer = answer


class _Request(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or "{}")
        path, token = self.path.partition("?")[0], self.headers.get("Authorization", "")
        answer = cast(_WebServer, self.server).answer(self.command, path, token, body)
        data = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_POST = do_GET  # noqa: N815  the name that http.server looks for

    def log_message(self, *_: object) -> None:
        """Not to the test's output."""
