"""The real thing, started as a user would: `botdeck up` on the demo's chat server and Sopel, a browser, and people who
chat."""

import contextlib
import json
import os
import re
import selectors
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from botdeck.settings import data_dir_of

ROOT = Path(__file__).parents[2]
NAME, PASSWORD = "ann", "correct horse battery"
T = TypeVar("T")


def wait_for(what: Callable[[], T], reason: str, timeout_s: float = 20.0) -> T:
    """The first true answer of `what`. Fails, with the last answer, at the deadline."""
    deadline = time.monotonic() + timeout_s
    while not (answer := what()):
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {timeout_s:g} s for: {reason}; last answer: {answer!r}")
        time.sleep(0.02)
    return answer


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


class ChatUser:
    """A person on the IRC server: a bare client, so that what it sends is known to the byte."""

    def __init__(self, port: int, nick: str, channel: str = "#botdeck") -> None:
        self.nick, self.channel = nick, channel
        self.present: set[str] = set()
        """Nicks seen in the channel."""
        self._socket = socket.create_connection(("127.0.0.1", port), 10)
        self._buffer = b""
        self._send(f"NICK {nick}", f"USER {nick} 0 * :{nick}")
        self.wait_line(" 001 ")
        self._send(f"JOIN {channel}")
        self.wait_line(" 366 ")

    def say(self, text: str) -> None:
        self._send(f"PRIVMSG {self.channel} :{text}")

    def wait_for_nick(self, nick: str, timeout_s: float = 40.0) -> None:
        """Until somebody of that name is in the channel."""
        if nick not in self.present:
            self.wait_line(f":{nick}!", timeout_s)
            assert nick in self.present, f"{nick} spoke, but is not in {self.channel}"

    def wait_line(self, part: str, timeout_s: float = 20.0) -> str:
        """The first line from the server, after those read before, that holds `part`."""
        deadline = time.monotonic() + timeout_s
        while True:
            while b"\n" in self._buffer:
                raw, _, self._buffer = self._buffer.partition(b"\n")
                line = raw.decode().strip()
                self._note(line)
                if part in line:
                    return line
            self._socket.settimeout(max(0.01, deadline - time.monotonic()))
            try:
                chunk = self._socket.recv(65536)
            except TimeoutError:
                raise AssertionError(f"{self.nick} waited {timeout_s:g} s for {part!r}") from None
            assert chunk, "the chat server hung up"
            self._buffer += chunk

    def close(self) -> None:
        self._socket.close()

    def _note(self, line: str) -> None:
        if line.startswith("PING"):
            self._send(line.replace("PING", "PONG", 1))
        elif " 353 " in line:
            self.present |= set(line.rpartition(":")[2].split())
        elif joined := re.match(rf":([^! ]+)!\S+ JOIN :?{re.escape(self.channel)}", line):
            self.present.add(joined[1])

    def _send(self, *lines: str) -> None:
        self._socket.sendall("".join(f"{line}\r\n" for line in lines).encode())


class Botdeck:
    """One `botdeck up`, in a home of its own that any user may enter (the demo bot does not run as root)."""

    def __init__(self, *, more_config: str = "", visitor: bool = False, autostart: bool = False) -> None:
        self.home = Path(tempfile.mkdtemp(prefix="botdeck-test-", dir="/var/tmp"))
        self.home.chmod(0o755)
        self.irc_port = free_port()
        # A port of its own choice would change when the deck is started again, and the page would lose it.
        words = ["--home", str(self.home), "--port", str(free_port()), "--irc-port", str(self.irc_port)]
        words += [] if visitor else ["--without-visitor"]
        words += ["--autostart" if autostart else "--no-autostart"]
        prepared = subprocess.run(
            [sys.executable, str(ROOT / "examples/demo/prepare.py"), *words],
            capture_output=True,
            text=True,
            check=False,
        )
        assert prepared.returncode == 0, prepared.stderr
        self.config = Path(prepared.stdout.strip().splitlines()[-1])
        with self.config.open("a") as file:
            file.write(more_config)
        self.process: subprocess.Popen[bytes] | None = None
        self._users: list[ChatUser] = []
        self.output = self.home / "up.log"

    def up(self) -> None:
        with self.output.open("ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "botdeck.cli", "up", "--config", str(self.config)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        process, seen = self.process, len(self.said())
        wait_for(lambda: "Botdeck is up at" in self.said()[seen:] or process.poll() is not None, "botdeck up", 40)
        assert process.poll() is None, self.said()

    def down(self) -> None:
        """Ctrl-C, as an operator would."""
        if self.process is not None:
            if self.process.poll() is None:
                self.process.send_signal(signal.SIGINT)
            self.process.wait(40)
            self.process = None

    def said(self) -> str:
        return self.output.read_text(errors="replace") if self.output.exists() else ""

    @property
    def data_dir(self) -> Path:
        return data_dir_of(self.config)

    @property
    def deck(self) -> dict[str, Any]:
        return json.loads((self.data_dir / "deck.json").read_text())

    @property
    def url(self) -> str:
        return str(self.deck["url"])

    @property
    def setup_code(self) -> str:
        return (self.data_dir / "setup-code").read_text().strip()

    def cli(self, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, "-m", "botdeck.cli", *words, "--config", str(self.config)],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert not check or done.returncode == 0, done.stdout + done.stderr
        return done

    def api(self, path: str, method: str = "GET") -> Any:
        token = (self.data_dir / "cli-token").read_text().strip()
        request = urllib.request.Request(self.url + path, method=method, data=b"{}" if method == "POST" else None)
        request.add_header("Authorization", f"Bearer {token}")
        request.add_header("Content-Type", "application/json")
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)

    def status(self, bot: str = "sopel") -> dict[str, Any]:
        return self.api(f"api/bots/{bot}")

    def stats(self, bot: str = "sopel") -> dict[str, Any]:
        return self.api(f"api/bots/{bot}/stats")

    def kill_deck(self) -> None:
        os.kill(self.deck["pid"], signal.SIGKILL)

    def chat_user(self, nick: str) -> ChatUser:
        """Somebody in the demo's channel, once the chat server runs."""
        if self.status("chat-server")["state"] != "running":
            self.cli("start", "chat-server")
        wait_for(lambda: _open(self.irc_port), "the chat server")
        user = ChatUser(self.irc_port, nick)
        self._users.append(user)
        return user

    def wait_for_sopel(self, user: ChatUser) -> None:
        user.wait_for_nick("sopel")

    def close(self) -> None:
        for user in self._users:
            user.close()
        try:
            self.down()
            self.cli("down")  # what a test left up in the background
        finally:
            shutil.rmtree(self.home, ignore_errors=True)


def _open(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


class Wire:
    """A TCP proxy before the deck that can cut the live channel and leave the rest of the page alone."""

    def __init__(self, target_url: str) -> None:
        host, port = target_url.split("/")[2].split(":")
        self._target = (host, int(port))
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}/"
        self._is_cut = False
        self._live: list[socket.socket] = []
        self._lock = threading.Lock()
        self._closed = False
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """End all WebSockets and let none through."""
        with self._lock:
            self._is_cut = True
            for end in self._live:
                with contextlib.suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)
            self._live.clear()

    def mend(self) -> None:
        with self._lock:
            self._is_cut = False

    def close(self) -> None:
        self._closed = True
        self.cut()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        while not self._closed:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._carry, args=(near,), daemon=True).start()

    def _carry(self, near: socket.socket) -> None:
        with near, contextlib.suppress(OSError), socket.create_connection(self._target) as far:
            for chunk, to in self._chunks(near, far):
                if to is far and b"upgrade: websocket" in chunk.lower():
                    with self._lock:
                        if self._is_cut:
                            return
                        self._live += [near, far]
                to.sendall(chunk)

    @staticmethod
    def _chunks(near: socket.socket, far: socket.socket) -> Iterator[tuple[bytes, socket.socket]]:
        with selectors.DefaultSelector() as selector:
            selector.register(near, selectors.EVENT_READ, far)
            selector.register(far, selectors.EVENT_READ, near)
            while True:
                for key, _ in selector.select():
                    chunk = key.fileobj.recv(65536)  # type: ignore[union-attr]
                    if not chunk:
                        return
                    yield chunk, key.data
