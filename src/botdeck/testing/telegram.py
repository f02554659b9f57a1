"""A Bot API of Telegram on loopback, for tests of bots: getUpdates with long polling, webhooks, what bots send.

    with FakeTelegram() as telegram:
        app = ApplicationBuilder().token(telegram.token).base_url(f"{telegram.address}/bot").build()
        ...
        telegram.say("ann", "/ping")
        assert telegram.wait_for_sent()["text"] == "pong"

It is ours, written from Telegram's documentation and from what python-telegram-bot, aiogram and telegraf send to it. It
knows one bot in one group, and messages; files are taken and thrown away.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import re
import socket
import threading
import time
import urllib.request
from email.parser import BytesParser
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast
from urllib.parse import parse_qsl, urlsplit

LONGEST_POLL_S = 1.0
"""Telegram holds a poll for as long as the bot asks, up to 50 s. Tests would wait for that whenever a bot stops."""
_PATH = re.compile(r"/bot(\d+:[\w-]+)/(?:test/)?(\w+)")
_COMMAND = re.compile(r"(?<!\S)/\w{1,32}(?:@\w+)?", re.ASCII)
_DONE = ("set", "delete", "answer", "pin", "unpin", "ban", "unban", "close", "logout", "approve", "decline", "leave")
"""How methods begin that only say true when they have done what they should; here they do nothing."""


class FakeTelegram:
    """One bot, its group, and who talks there. Safe to use from any thread; `close` ends it."""

    def __init__(self, *, bot_id: int = 1001, username: str = "fake_bot") -> None:
        self.token = f"{bot_id}:any-secret"
        self.me = {"id": bot_id, "is_bot": True, "first_name": "Fake", "username": username}
        self.group = {"id": -1001, "type": "supergroup", "title": "Botdeck"}
        self.sent: list[dict[str, Any]] = []
        """Messages that the bot sent, as Telegram shows them to it, in order."""
        self.calls: list[tuple[str, dict[str, Any]]] = []
        """Every call but getUpdates: the method in lower case, and its parameters."""
        self._people: dict[str, dict[str, Any]] = {}
        self._updates: list[dict[str, Any]] = []
        self._webhook: dict[str, Any] = {}
        self._refusals: dict[str, list[dict[str, Any]]] = {}
        self._ids = itertools.count(1)
        self._polls = itertools.count(1)
        self._polling = self._cut_poll = 0
        self._closed = False
        self._changed = threading.Condition()
        self._server = _Server(self)
        threading.Thread(target=self._server.serve_forever, name="fake-telegram", daemon=True).start()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> FakeTelegram:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Polls that wait are answered with nothing, and nobody is let in any more."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._server.shutdown()
        self._server.server_close()

    # People

    def say(self, person: str, text: str) -> int:
        """A message of that person to the group; returns its id. A bot with a webhook has dealt with it by then."""
        with self._changed:
            message = self._message(self.person(person), self.group, text)
            update = {"update_id": next(self._ids), "message": message}
            webhook = dict(self._webhook)
            if not webhook.get("url"):
                self._updates.append(update)
                self._changed.notify_all()
        if webhook.get("url"):
            self._deliver(webhook, update)
        return int(message["message_id"])

    def person(self, name: str) -> dict[str, Any]:
        """Who has that name, as Telegram tells it; from 2001 on, in the order in which they come up."""
        about = {"id": 2001 + len(self._people), "is_bot": False, "first_name": name.title(), "username": name}
        return self._people.setdefault(name, about)

    def wait_for_sent(self, number: int = 1, *, timeout_s: float = 20.0) -> dict[str, Any]:
        """The message that the bot sends as its first, second, ... one."""
        self._wait(lambda: len(self.sent) >= number, f"{number} messages; sent: {self.sent}", timeout_s)
        return self.sent[number - 1]

    # Troubles

    def wait_for_poll(self, *, timeout_s: float = 20.0) -> None:
        """Until the bot waits for updates."""
        self._wait(lambda: self._polling != 0, "a poll", timeout_s)

    def cut(self, *, timeout_s: float = 20.0) -> None:
        """Drop the connection on which the bot waits for updates; the next one is served again."""
        with self._changed:
            self._wait(lambda: self._polling != 0, "a poll to cut", timeout_s)
            self._cut_poll = self._polling
            self._changed.notify_all()
            self._wait(lambda: self._polling != self._cut_poll, "the poll to be cut", timeout_s)

    def refuse(self, method: str, code: int, description: str, *, retry_after: int | None = None) -> None:
        """The next call of that method is answered with this error."""
        answer: dict[str, Any] = {"ok": False, "error_code": code, "description": description}
        if retry_after is not None:
            answer["parameters"] = {"retry_after": retry_after}
        self._refusals.setdefault(method.lower(), []).append(answer)

    # The bot's side

    def answer(self, token: str, method: str, given: dict[str, Any]) -> dict[str, Any] | None:
        """What the method says to these parameters; None when the connection shall drop."""
        if token != self.token:
            return _error(401, "Unauthorized")
        if method == "getupdates":
            return self._poll(given)
        with self._changed:
            self.calls.append((method, given))
            if self._refusals.get(method):
                return self._refusals[method].pop(0)
            answer = self._method(method, given)
            self._changed.notify_all()
        return _error(404, "Not Found") if answer is None else {"ok": True, "result": answer}

    def _method(self, method: str, given: dict[str, Any]) -> Any:
        if method == "getme":
            return {**self.me, "can_join_groups": True, "can_read_all_group_messages": True}
        if method == "getwebhookinfo":
            url = self._webhook.get("url", "")
            return {"url": url, "has_custom_certificate": False, "pending_update_count": len(self._updates)}
        if method in ("setwebhook", "deletewebhook"):
            return self._set_webhook(given if method == "setwebhook" else {}, given)
        if method == "copymessage":
            return {"message_id": self._send(given)["message_id"]}
        if method.startswith(("send", "forward")) and method != "sendchataction":
            return self._send(given)
        if method.startswith("editmessage"):
            return self._message(self.me, self._chat(given), str(given.get("text", "")))
        return True if method.startswith(("sendchataction", *_DONE)) else None

    def _send(self, given: dict[str, Any]) -> dict[str, Any]:
        text = str(given.get("text", given.get("caption", "")))
        message = self._message(self.me, self._chat(given), text)
        self.sent.append(message)
        return message

    def _chat(self, given: dict[str, Any]) -> dict[str, Any]:
        chat = int(given.get("chat_id", self.group["id"]))
        return self.group if chat == self.group["id"] else {"id": chat, "type": "private", "first_name": "Somebody"}

    def _message(self, sender: dict[str, Any], chat: dict[str, Any], text: str) -> dict[str, Any]:
        message = {"message_id": next(self._ids), "date": int(time.time()), "from": sender, "chat": chat, "text": text}
        if commands := [_entity(text, found) for found in _COMMAND.finditer(text)]:
            message["entities"] = commands
        return message

    def _set_webhook(self, webhook: dict[str, Any], given: dict[str, Any]) -> bool:
        if str(given.get("drop_pending_updates", "")).lower() == "true":
            self._updates.clear()
        self._webhook = webhook
        return True

    def _poll(self, given: dict[str, Any]) -> dict[str, Any] | None:
        with self._changed:
            self._confirm(int(given.get("offset") or 0))
            mine = self._polling = next(self._polls)
            self._changed.notify_all()
            wait_s = min(float(given.get("timeout") or 0), LONGEST_POLL_S)
            self._changed.wait_for(lambda: self._ends_waiting(mine), wait_s)
            if self._polling != mine:
                return _error(409, "Conflict: terminated by other getUpdates request")
            self._polling = 0
            if self._cut_poll == mine:
                return None
            return {"ok": True, "result": self._updates[: int(given.get("limit") or 100)]}

    def _ends_waiting(self, poll: int) -> bool:
        return bool(self._updates) or self._closed or self._cut_poll == poll or self._polling != poll

    def _confirm(self, offset: int) -> None:
        if offset < 0:
            del self._updates[:offset]
        self._updates[:] = [update for update in self._updates if offset <= update["update_id"] or offset < 0]

    def _deliver(self, webhook: dict[str, Any], update: dict[str, Any]) -> None:
        """What the bot answers may be a call; its outcome is not told to the bot."""
        headers = {"Content-Type": "application/json"}
        if secret := webhook.get("secret_token"):
            headers["X-Telegram-Bot-Api-Secret-Token"] = str(secret)
        request = urllib.request.Request(str(webhook["url"]), json.dumps(update).encode(), headers)  # noqa: S310
        with contextlib.suppress(OSError), urllib.request.urlopen(request, timeout=60) as reply:  # noqa: S310
            given = _parameters(reply.headers.get("Content-Type", ""), reply.read())
            if method := given.pop("method", None):
                self.answer(self.token, str(method).lower(), given)

    def _wait(self, what: Any, reason: str, timeout_s: float) -> None:
        with self._changed:
            if not self._changed.wait_for(what, timeout_s):
                raise AssertionError(f"Waited {timeout_s:g} s for {reason}.")


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, telegram: FakeTelegram) -> None:
        self.telegram = telegram
        super().__init__(("127.0.0.1", 0), _Request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A bot that went away while it was answered is nothing to print."""


class _Request(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1
    """One packet for an answer; the second of two would wait for the first to be acknowledged."""

    def do_POST(self) -> None:
        url = urlsplit(self.path)
        given = {**dict(parse_qsl(url.query)), **_parameters(self.headers.get("Content-Type", ""), self._body())}
        called = _PATH.fullmatch(url.path)
        telegram = cast("_Server", self.server).telegram
        answer = telegram.answer(called[1], called[2].lower(), given) if called else _error(404, "Not Found")
        if answer is None:
            self._drop()
        else:
            self._send(answer)

    do_GET = do_POST  # noqa: N815  the names that the server calls

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            return b"".join(iter(self._chunk, b""))
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _chunk(self) -> bytes:
        data = self.rfile.read(int(self.rfile.readline().partition(b";")[0], 16))
        self.rfile.readline()
        return data

    def _drop(self) -> None:
        self.close_connection = True
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)

    def _send(self, answer: dict[str, Any]) -> None:
        data = json.dumps(answer).encode()
        self.send_response(int(answer.get("error_code", 200)))
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """Tests have an output of their own."""


def _error(code: int, description: str) -> dict[str, Any]:
    return {"ok": False, "error_code": code, "description": description}


def _entity(text: str, found: re.Match[str]) -> dict[str, Any]:
    """Telegram counts in UTF-16."""
    offset = len(text[: found.start()].encode("utf-16-le")) // 2
    return {"type": "bot_command", "offset": offset, "length": len(found[0])}


def _parameters(content_type: str, body: bytes) -> dict[str, Any]:
    """From any of the three forms in which bots may send them."""
    if content_type.startswith("application/json"):
        return dict(json.loads(body or b"{}"))
    if content_type.startswith("multipart/form-data"):
        return _form(content_type, body)
    return dict(parse_qsl(body.decode(), keep_blank_values=True))


def _form(content_type: str, body: bytes) -> dict[str, Any]:
    whole = BytesParser().parsebytes(b"Content-Type: " + content_type.encode() + b"\r\n\r\n" + body)
    parts = {str(part.get_param("name", header="content-disposition")): part for part in whole.walk()}
    return {
        name: cast("bytes", part.get_payload(decode=True)).decode("utf-8", "replace")
        for name, part in parts.items()
        if not part.is_multipart() and part.get_filename() is None
    }
