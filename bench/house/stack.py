"""A deck with its database and a runner, started as a user would, killed, started again, and read."""

import contextlib
import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from bench.house.waiting import wait_for
from bench.house.world import World, free_port
from botdeck.cli.client import DeckAway, DeckClient, DeckRefused
from botdeck.models import Action, BotStatus, LogLine

Process = subprocess.Popen[bytes]
PAGE = 1000
"""Lines that the deck gives at a time."""


class Stack:
    """Use: `with Stack(world, bots) as stack`; at the end both programs are killed, and the world ends the bots. `bots`
    are the tables of botdeck.toml by name."""

    def __init__(self, world: World, bots: dict[str, dict[str, Any]]) -> None:
        self.world = world
        self.config = world.folder / "botdeck.toml"
        self.data_dir = world.folder / ".botdeck"
        self.runner_log = world.folder / "runner.log"
        self.deck_log = world.folder / "deck.log"
        self.deck: Process | None = None
        self.runner: Process | None = None
        self.port = free_port()
        self.configure(bots)

    def __enter__(self) -> "Stack":
        return self

    def __exit__(self, *_: object) -> None:
        self.kill(self.runner)
        self.kill(self.deck)

    def configure(self, bots: dict[str, dict[str, Any]]) -> None:
        tables = [f"[deck]\nport = {self.port}\n"]
        for name, settings in bots.items():
            keys = {"instrument": False, **settings}
            tables.append(f"[bots.{name}]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in keys.items()))
        self.config.write_text("\n".join(tables))

    # Its programs.

    def start_deck(self) -> Process:
        self.deck = self._start("botdeck.deck", self.deck_log)
        return self.deck

    def start_runner(self) -> Process:
        self.runner = self._start("botdeck.runner", self.runner_log)
        return self.runner

    def start(self) -> None:
        """Both, and wait until the deck knows the runner's bots."""
        self.start_deck()
        self.start_runner()
        self.wait_until_linked()

    def wait_until_linked(self) -> None:
        wait_for(lambda: self._states() and "unknown" not in self._states(), "deck and runner", 60, every_s=0.05)

    def kill(self, process: Process | None) -> None:
        """SIGKILL, and wait for the end."""
        if process is not None:
            process.kill()
            process.wait()

    def _start(self, module: str, log: Path) -> Process:
        with log.open("ab") as output:
            return subprocess.Popen(
                [sys.executable, "-m", module, "--config", str(self.config)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=self.world.environment,
                cwd=self.world.folder,
                start_new_session=True,
            )

    def _states(self) -> set[str]:
        try:
            return {status.state.value for status in self.client().bots().bots}
        except (DeckAway, DeckRefused):
            return set()

    # What it tells and takes.

    def client(self) -> DeckClient:
        return DeckClient(self.data_dir)

    def statuses(self) -> dict[str, BotStatus]:
        try:
            return {status.bot: status for status in self.client().bots().bots}
        except (DeckAway, DeckRefused):
            return {}

    def act(self, names: list[str], action: Action) -> None:
        """Order it of all of them at the same time, as a page or a script would."""
        client = self.client()
        with ThreadPoolExecutor(min(8, len(names))) as pool:
            list(pool.map(lambda name: client.act(name, action), names))

    # What it stored.

    def query(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        with self._database() as database:
            return database.execute(sql, values).fetchall()

    def rows(self, sql: str, *values: Any) -> Iterator[tuple[Any, ...]]:
        """One by one, for there may be a million."""
        with self._database() as database:
            yield from database.execute(sql, values)

    def lines(self, bot: str) -> Iterator[LogLine]:
        """All that the bot printed, oldest first, as anybody can read it."""
        client, last = self.client(), 0
        while page := client.logs(bot, limit=PAGE, after=last).lines:
            yield from (line for line in page if line.stream == "out")
            last = page[-1].id

    def stored_bytes(self, bot: str, kind: str = "out") -> int:
        """How far the deck has applied what the bot wrote, over all its runs."""
        sql = "SELECT coalesce(sum(offset), 0) FROM cursor WHERE bot = ? AND stream LIKE ?"
        with contextlib.suppress(sqlite3.OperationalError):  # the deck makes it just now
            return int(self.query(sql, bot, f"%/{kind}")[0][0])
        return 0

    @contextlib.contextmanager
    def _database(self) -> Iterator[sqlite3.Connection]:
        connection = sqlite3.connect(f"file:{self.data_dir / 'deck.db'}?mode=ro", uri=True, timeout=30)
        try:
            yield connection
        finally:
            connection.close()

    # On disk.

    def run_bytes(self) -> int:
        """What the bots' files really take up: blocks, for sizes count the holes too."""
        total = 0
        for folder, _, files in os.walk(self.data_dir / "runner" / "bots"):
            for name in files:
                with contextlib.suppress(OSError):
                    total += os.stat(os.path.join(folder, name)).st_blocks * 512
        return total
