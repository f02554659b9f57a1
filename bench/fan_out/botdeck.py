"""Botdeck's own deck, whole, with its database. A runner tells what its bots do, and every page gets to know."""

import socket
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from websockets.sync.client import ClientConnection, connect

from bench.fan_out.candidate import Candidate
from bench.fan_out.load import Speech, frame
from bench.fan_out.message import BOTS, marker
from bench.house.waiting import wait_for
from botdeck import __version__
from botdeck.models import Bot, BotStatus, State, Wanted
from botdeck.protocol import frames

QUIET = "quiet"
"""The bot that pages follow. It does nothing, so that what is counted is the status of the others."""


class Botdeck(Candidate):
    name, label = "botdeck", "Botdeck"

    @classmethod
    def install(cls) -> str:
        return __version__

    def command(self) -> list[str]:
        config = self.world.folder / "botdeck.toml"
        config.write_text(f"[deck]\nport = {self.port}\n")
        return [sys.executable, "-m", "botdeck.deck", "--config", str(config)]

    def __enter__(self) -> Self:
        super().__enter__()
        tokens = [self._data_dir / name for name in ("cli-token", "runner-token")]
        wait_for(lambda: all(token.exists() for token in tokens), "the deck's tokens")
        self.speech = Speech(  # type: ignore[misc]
            path=f"/ws/cli?bot={QUIET}",
            headers=(f"Authorization: Bearer {self._token('cli-token')}",),
            ready=b'"type":"snapshot"',
        )
        self._runner = self._link([QUIET, *(f"bot-{number}" for number in range(BOTS))])
        return self

    def __exit__(self, *_: object) -> None:
        super().__exit__()
        self._runner.close()

    def publish(self, first: int, count: int) -> None:
        """In one write, as what happens at once may arrive."""
        reports = [_report(f"bot-{number % BOTS}", marker(number)) for number in range(first, first + count)]
        self._runner.socket.sendall(b"".join(frame(report.encode()) for report in reports))

    @property
    def _data_dir(self) -> Path:
        return self.world.folder / ".botdeck"

    def _token(self, name: str) -> str:
        return (self._data_dir / name).read_text().strip()

    def _link(self, bots: list[str]) -> ClientConnection:
        """Of a runner that has told its bots."""
        link = connect(
            f"ws://127.0.0.1:{self.port}/api/runner/link",
            additional_headers={"Authorization": f"Bearer {self._token('runner-token')}"},
            compression=None,
        )
        link.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # as a runner's
        now = datetime.now(UTC)
        link.send(frames.encode(frames.Hello(version=frames.PROTOCOL_VERSION, runner="local", host="here", now=now)))
        assert isinstance(frames.decode(str(link.recv(timeout=20))), frames.Welcome)
        members = [frames.Member(bot=Bot(name=bot), status=_status(bot)) for bot in bots]
        link.send(frames.encode(frames.Fleet(members=members)))
        return link


def _report(bot: str, reason: str) -> str:
    return frames.encode(frames.StatusReport(status=_status(bot, reason)))


def _status(bot: str, reason: str = "") -> BotStatus:
    return BotStatus(
        bot=bot,
        state=State.RUNNING,
        wanted=Wanted.RUNNING,
        since=datetime.now(UTC),
        reason=reason,
        run="r1",
        pid=4711,
        started_at=datetime.now(UTC),
        uptime_s=86400.123,
    )
