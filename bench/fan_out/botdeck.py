"""Botdeck's own deck, whole, with its database: ten runners each tell of a bot, and every page gets to know.

A bot each, for the deck takes a runner's next status when it has stored the last one."""

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from websockets.sync.client import ClientConnection, connect

from bench.fan_out.candidate import Candidate, Order, paced
from bench.fan_out.load import Speech
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
        self._runners = [self._runner(f"runner-{number}", f"bot-{number}") for number in range(BOTS)]
        self._quiet = self._runner("quiet", QUIET)
        return self

    def __exit__(self, *_: object) -> None:
        super().__exit__()
        for runner in (*self._runners, self._quiet):
            runner.close()

    def publish(self, order: Order) -> None:
        for numbers in paced(order):
            for number in numbers:
                self._runners[number % BOTS].send(_report(f"bot-{number % BOTS}", marker(number)))

    @property
    def _data_dir(self) -> Path:
        return self.world.folder / ".botdeck"

    def _token(self, name: str) -> str:
        return (self._data_dir / name).read_text().strip()

    def _runner(self, name: str, bot: str) -> ClientConnection:
        """Has told its one bot."""
        link = connect(
            f"ws://127.0.0.1:{self.port}/api/runner/link",
            additional_headers={"Authorization": f"Bearer {self._token('runner-token')}"},
            compression=None,
        )
        link.send(
            frames.encode(
                frames.Hello(version=frames.PROTOCOL_VERSION, runner=name, host="here", now=datetime.now(UTC))
            )
        )
        assert isinstance(frames.decode(str(link.recv(timeout=20))), frames.Welcome)
        link.send(frames.encode(frames.Fleet(members=[frames.Member(bot=Bot(name=bot), status=_status(bot))])))
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
