"""HTTP for the fake Discord: requests as values, answers as JSON. A thread for each connection."""

from __future__ import annotations

import email.message
import email.parser
import json
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

API = "/api/v10"


@dataclass(frozen=True)
class Route:
    method: str
    path: str
    """Without `/api/v10`."""
    query: Mapping[str, str]
    body: Any

    @property
    def parts(self) -> list[str]:
        return self.path.strip("/").split("/")


class RestServer:
    """`answered` is called when an answer is on its way."""

    def __init__(self, answer: Callable[[Route], tuple[int, Any]], answered: Callable[[], None]) -> None:
        members = {"answer": staticmethod(answer), "answered": staticmethod(answered)}
        handler = type("Handler", (_Handler,), members)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    answer: Callable[[Route], tuple[int, Any]]
    answered: Callable[[], None]

    def _handle(self) -> None:
        size = int(self.headers.get("Content-Length") or 0)
        body = _body(self.headers.get("Content-Type", ""), self.rfile.read(size))
        url = urlsplit(self.path)
        query = {name: values[-1] for name, values in parse_qs(url.query).items()}
        status, said = self.answer(Route(self.command, url.path.removeprefix(API), query, body))
        data = b"" if said is None else json.dumps(said).encode()
        self.send_response(status)
        # With a charset behind it, discord.py takes the answer for plain text; discord.js reads even an empty one.
        if data:
            self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        if status == 429:
            self.send_header("Retry-After", "0.1")
            self.send_header("Via", "1.1 fake")  # without it, libraries take it for a ban by Cloudflare
        self.end_headers()
        self.wfile.write(data)
        self.answered()

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _handle  # noqa: N815  as http.server has it

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Says nothing: tests have output of their own."""


def _body(content_type: str, data: bytes) -> Any:
    """JSON, bare or (as py-cord sends replies) as a field of a form."""
    if not data:
        return {}
    if content_type.startswith("application/json"):
        return json.loads(data)
    if content_type.startswith("multipart/"):
        fields = _multipart(content_type, data)
    else:
        fields = dict(parse_qsl(data.decode("utf-8", "replace")))
    return json.loads(fields.get("payload_json", "{}"))


def _multipart(content_type: str, data: bytes) -> dict[str, str]:
    whole = email.parser.BytesParser().parsebytes(b"Content-Type: " + content_type.encode() + b"\r\n\r\n" + data)
    parts = [part for part in whole.walk() if not part.is_multipart()]
    return {str(part.get_param("name", header="content-disposition")): _text(part) for part in parts}


def _text(part: email.message.Message) -> str:
    payload = part.get_payload(decode=True)
    return payload.decode("utf-8", "replace") if isinstance(payload, bytes) else ""
