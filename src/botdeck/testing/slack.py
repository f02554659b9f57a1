"""A Slack on loopback: Web API and Socket Mode for one workspace with one channel, in this process.

    with FakeSlack() as slack:
        app = App(client=WebClient(token=slack.bot_token, base_url=slack.api_url))
        SocketModeHandler(app, slack.app_token).connect()
        slack.wait_for_bot()
        slack.say("ann", "hello")             # a message, or slack.call("ann", "/ping") for a slash command
        slack.wait_to_hear("pong")

An envelope goes to the newest connection, and waits when there is none. The bot's own messages come back to it as
events, as from the real one. Call it from any thread.
"""

from __future__ import annotations

import itertools
import json
import logging
import threading
import time
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import parse_qsl

from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection, serve

if TYPE_CHECKING:
    from collections.abc import Callable

TEAM_ID, CHANNEL_ID, APP_ID = "T1001", "C1001", "A1001"
BOT_USER_ID, BOT_ID = "U0BOT", "B1001"
SAYING = ("chat.postMessage", "chat.postEphemeral", "chat.meMessage")
CLOSING_TAKES_S = 1.0
"""What a bot has to say goodbye, before it is cut off."""

Json = dict[str, Any]


class FakeSlack:
    """One bot, its channel, and who talks there. Raises OSError when no port is free; `close` ends it."""

    bot_token, app_token = "xoxb-any-secret", "xapp-any-secret"

    def __init__(self) -> None:
        self.heard: list[str] = []
        """Texts that the bot said, in order: messages, answers to slash commands, and what went to response URLs."""
        self.calls: list[tuple[str, Json]] = []
        """Every call of the Web API: method and arguments."""
        self.acknowledged: dict[str, Json] = {}
        """What the bot answered to an envelope, by its id."""
        self.refusals: dict[str, str] = {}
        """Methods that are refused, and with which error; "ratelimited" also has HTTP status 429."""
        self._people: dict[str, str] = {}
        self._ids = itertools.count(1)
        self._connections: list[ServerConnection] = []
        self._waiting: list[Json] = []
        self._changed = threading.Condition()
        self._web = _WebServer(self._answer)
        quiet = logging.Logger("botdeck.testing.slack", logging.CRITICAL)  # bots that are killed say no goodbye
        self._sockets = serve(self._converse, "127.0.0.1", 0, logger=quiet, close_timeout=CLOSING_TAKES_S)
        self._threads = [threading.Thread(target=each.serve_forever) for each in (self._web, self._sockets)]
        for thread in self._threads:
            thread.start()

    @property
    def api_url(self) -> str:
        return f"{self._web.address}/api/"

    def __enter__(self) -> FakeSlack:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._sockets.shutdown()
        self._web.shutdown()
        self.drop()
        for thread in self._threads:
            thread.join()
        self._web.server_close()

    # What people do

    def user_id(self, person: str) -> str:
        return self._people.setdefault(person, f"U{1001 + len(self._people)}")

    def say(self, person: str, text: str) -> str:
        """A message in the channel; returns its `ts`, which is its id."""
        return self.tell({"user": self.user_id(person), "text": text, "client_msg_id": str(next(self._ids))})

    def call(self, person: str, command: str, text: str = "") -> str:
        """Use a slash command such as "/ping", or try to. Returns the envelope's id."""
        who = {"user_id": self.user_id(person), "user_name": person, "team_id": TEAM_ID, "team_domain": "fake"}
        where = {"channel_id": CHANNEL_ID, "channel_name": "general", "api_app_id": APP_ID, "trigger_id": "1.1"}
        answer = {"response_url": f"{self._web.address}/response", "is_enterprise_install": "false"}
        return self.send("slash_commands", {"command": command, "text": text, **who, **where, **answer})

    def tell(self, event: Json) -> str:
        """Any event of the channel, such as `{"type": "reaction_added", ...}`; returns its `ts`."""
        ts = f"{time.time():.0f}.{next(self._ids):06d}"
        where = {"type": "message", "channel": CHANNEL_ID, "channel_type": "channel", "team": TEAM_ID}
        ours = {"team_id": TEAM_ID, "user_id": BOT_USER_ID, "is_bot": True, "is_enterprise_install": False}
        payload = {"type": "event_callback", "team_id": TEAM_ID, "api_app_id": APP_ID, "authorizations": [ours]}
        about = {"event_id": f"Ev{next(self._ids)}", "event_time": int(time.time())}
        self.send("events_api", {**payload, **about, "event": {**where, **event, "ts": ts, "event_ts": ts}})
        return ts

    def send(self, kind: str, payload: Json) -> str:
        """Any envelope, such as ("interactive", what a pressed button sends). Returns its id."""
        envelope: Json = {"type": kind, "envelope_id": f"envelope-{next(self._ids)}", "payload": payload}
        envelope["accepts_response_payload"] = kind != "events_api"
        with self._changed:
            try:
                self._connections[-1].send(json.dumps(envelope))
            except (IndexError, ConnectionClosed):
                self._waiting.append(envelope)
        return str(envelope["envelope_id"])

    def drop(self, code: int | None = None) -> None:
        """Close the bot's connections: without a word, or with a code. Bots dial again."""
        for connection in self._take_connections():
            if code is None:
                connection.close_socket()
            else:
                connection.close(code)

    def refresh(self) -> None:
        """Ask the bot for a change of connections, as the real one does every few hours."""
        for connection in list(self._connections):
            connection.send(json.dumps({"type": "disconnect", "reason": "refresh_requested"}))

    # What one waits for

    def wait_for_bot(self, timeout_s: float = 60.0) -> None:
        self.wait_until(lambda: bool(self._connections), "the bot to connect", timeout_s)

    def wait_to_hear(self, text: str, timeout_s: float = 60.0) -> None:
        self.wait_until(lambda: text in self.heard, f"{text!r} from the bot", timeout_s)

    def wait_until(self, so: Callable[[], bool], what: str, timeout_s: float = 60.0) -> None:
        """Raises TimeoutError. `so` is asked whenever something happened."""
        with self._changed:
            if not self._changed.wait_for(so, timeout_s):
                raise TimeoutError(f"Waited {timeout_s:g} s for {what}. Heard so far: {self.heard}")

    # Socket Mode

    def _converse(self, connection: ServerConnection) -> None:
        """With one bot, for as long as its connection stands."""
        with suppress(ConnectionClosed):
            connection.send(json.dumps({"type": "hello", "num_connections": 1, "connection_info": {"app_id": APP_ID}}))
            with self._changed:
                self._connections.append(connection)
                waiting, self._waiting = self._waiting, []
                for envelope in waiting:
                    connection.send(json.dumps(envelope))
                self._changed.notify_all()
            for text in connection:
                self._acknowledge(json.loads(text))
        with self._changed:
            self._connections = [each for each in self._connections if each is not connection]

    def _acknowledge(self, answer: Json) -> None:
        payload = answer.get("payload") or {}
        with self._changed:
            self.acknowledged[answer["envelope_id"]] = payload
            if text := payload.get("text"):
                self.heard.append(text)
            self._changed.notify_all()

    def _take_connections(self) -> list[ServerConnection]:
        with self._changed:
            taken, self._connections = self._connections, []
        return taken

    # The Web API: what is answered is (status, body)

    def _answer(self, path: str, asked: Json) -> tuple[int, Json]:
        method = path.rpartition("/")[2]
        with self._changed:
            self.calls.append((method, asked))
            if error := self.refusals.get(method):
                return 429 if error == "ratelimited" else 200, {"ok": False, "error": error}
            if (method in SAYING or method == "response") and not asked.get("delete_original"):
                self.heard.append(asked.get("text") or "")
            self._changed.notify_all()
        return 200, {"ok": True, **self._about(method, asked)}

    def _about(self, method: str, asked: Json) -> Json:
        if method == "auth.test":
            bot = {"user": "fakebot", "user_id": BOT_USER_ID, "bot_id": BOT_ID}
            return {"url": f"{self._web.address}/", "team": "Fake", "team_id": TEAM_ID, **bot}
        if method == "apps.connections.open":
            return {"url": f"ws://127.0.0.1:{self._sockets.socket.getsockname()[1]}/link"}
        if method == "chat.postEphemeral":
            return {"message_ts": f"{time.time():.6f}"}
        if method not in SAYING:
            return {}
        said = {"user": BOT_USER_ID, "bot_id": BOT_ID, "text": asked.get("text") or ""}
        ts = self.tell(said)
        return {"channel": asked.get("channel"), "ts": ts, "message": {"type": "message", **said, "ts": ts}}


class _WebServer(ThreadingHTTPServer):
    def __init__(self, answer: Callable[[str, Json], tuple[int, Json]]) -> None:
        super().__init__(("127.0.0.1", 0), _Request)
        self.answer = answer

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Request(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        is_json = self.headers.get_content_type() == "application/json"
        asked = json.loads(body or "{}") if is_json else dict(parse_qsl(body))
        status, answer = cast(_WebServer, self.server).answer(self.path.partition("?")[0], asked)
        data = json.dumps(answer).encode()
        self.send_response(status)
        if status == 429:
            self.send_header("Retry-After", "1")
        self.send_header("Content-Type", "application/json; charset=utf-8")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """Not to the test's output."""
