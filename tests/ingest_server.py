"""A small real server for what bots post from elsewhere: takes each (run, seq) once, or answers what it is told to."""

import contextlib
import json
import socket
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any

Refusal = tuple[int, dict[str, str], bytes]
"""Status, headers and body."""


class IngestServer:
    """`answer` decides about each request by its lines: None takes them."""

    def __init__(self, port: int = 0) -> None:
        self.answer: Callable[[list[bytes]], Refusal | None] = lambda lines: None
        self.events: list[dict[str, Any]] = []
        self.batches: list[int] = []
        self.tokens: set[str] = set()
        self.duplicates = 0
        self.connections: list[socket.socket] = []
        self._known: set[tuple[str, int]] = set()
        self._changed = threading.Condition()
        self._server = ThreadingHTTPServer(("127.0.0.1", port), _handler_of(self))
        self._server.daemon_threads = True
        self.port: int = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> "IngestServer":
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None) -> None:
        self._server.shutdown()
        self._server.server_close()
        for connection in self.connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    @property
    def names(self) -> list[str]:
        return [event["event"] for event in self.events]

    def wait_for(self, condition: Callable[[], bool], timeout_s: float = 20.0) -> None:
        """Looks after each request, and now and then, since a condition may be about the bot's disk."""
        deadline = time.monotonic() + timeout_s
        with self._changed:
            while not condition():
                assert time.monotonic() < deadline, f"{self.names[-20:]} in {self.batches}"
                self._changed.wait(0.05)

    def posted(self, token: str, lines: list[bytes]) -> Refusal:
        with self._changed:
            self.tokens.add(token)
            self.batches.append(len(lines))
            reply = self.answer(lines) or self._take([json.loads(line) for line in lines])
            self._changed.notify_all()
            return reply

    def _take(self, events: list[dict[str, Any]]) -> Refusal:
        new = [event for event in events if (event["run"], event["seq"]) not in self._known]
        self._known |= {(event["run"], event["seq"]) for event in new}
        self.events += new
        self.duplicates += len(events) - len(new)
        answer = {"acked_through": events[-1]["seq"], "duplicates": len(events) - len(new)}
        return 200, {}, json.dumps(answer).encode()


def _handler_of(server: IngestServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def setup(self) -> None:
            super().setup()
            server.connections.append(self.connection)

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            assert self.path == "/api/ingest"
            lines = [line for line in body.split(b"\n") if line]
            status, headers, text = server.posted(self.headers["Authorization"], lines)
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(text))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  its name in the base class
            """Not into the output of the tests."""

    return Handler
