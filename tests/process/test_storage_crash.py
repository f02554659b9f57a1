"""A deck is killed again and again while it stores; what it acknowledged stays, and nothing counts twice."""

import asyncio
import contextlib
import io
import json
import random
import signal
import sqlite3
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO

import pytest

from botdeck.protocol.codec import rfc3339
from botdeck.protocol.frames import Data, encode_data
from botdeck.storage import open_storage

CHILD = Path(__file__).with_name("storage_child.py")
NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
BOTS = ("ann", "bob")
KILLS = 12
UNDERWAY_BYTES = 10_000


class Ledger:
    """All that a bot wrote: the bytes of its streams, and what must be found in the end."""

    def __init__(self, bot: str) -> None:
        self.bot = bot
        self.events = b""
        self.out = b""
        self.seqs: list[int] = []
        self.texts: list[str] = []
        self.received = self.sent = 0
        self.users: set[str] = set()
        self.open_commands: set[str] = set()

    def write(self, count: int) -> None:
        for seq in range(len(self.seqs) + 1, len(self.seqs) + count + 1):
            name, fields = self._happening(seq)
            moment = rfc3339(NOON + timedelta(milliseconds=seq))
            value = {"v": 1, "event": name, "time": moment, "run": "r1", "seq": seq, **fields}
            self.events += b"\n" + json.dumps(value).encode() + b"\n"
            self.seqs.append(seq)
            self.texts.append(f"{self.bot} line {seq} " + "é" * (seq % 50))
            self.out += self.texts[-1].encode() + b"\n"

    def _happening(self, seq: int) -> tuple[str, dict[str, object]]:
        match seq % 5:
            case 0:
                self.sent += 1
                return "message.sent", {}
            case 1:
                self.open_commands.add(f"c{seq}")
                return "command.started", {"id": f"c{seq}", "command.name": "ping"}
            case 2 if seq % 50 != 2:
                self.open_commands.remove(f"c{seq - 1}")
                return "command.finished", {"id": f"c{seq - 1}", "command.name": "ping", "duration_ms": 1}
        user = f"irc:u{seq % 97}"
        self.users.add(user)
        # Some without an id: only the cursor keeps those from counting twice.
        named = {"chat.message.id": f"m{seq}"} if seq % 2 else {}
        self.received += 1
        return "message.received", {"user.id": user, **named}


class Parent:
    """The runner's side: sends from the deck's cursor, a few frames ahead of what is acknowledged."""

    def __init__(self, database: Path, ledgers: list[Ledger], luck: random.Random) -> None:
        self.database, self.ledgers, self.luck = database, ledgers, luck
        self.acknowledged = dict.fromkeys(self.streams(), 0)
        self.sent = dict(self.acknowledged)
        self.position = dict(self.acknowledged)
        self.heard = threading.Condition()
        self.gone = False

    def streams(self) -> dict[str, bytes]:
        return {
            f"{ledger.bot}/r1/{kind}": getattr(ledger, kind) for ledger in self.ledgers for kind in ("events", "out")
        }

    def round(self, *, kill_after_s: float | None) -> bool:
        """One life of the child. True when all was acknowledged before its end."""
        streams = self.streams()
        child = subprocess.Popen(
            [sys.executable, CHILD, self.database, *streams], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0
        )
        assert child.stdin is not None
        assert child.stdout is not None
        stdout = io.BufferedReader(child.stdout)  # type: ignore[type-var]
        killer = threading.Timer(kill_after_s or 0, child.kill)
        with child, stdout:
            self._resume(json.loads(stdout.readline()))
            hearing = threading.Thread(target=self._hear, args=(stdout,))
            hearing.start()
            if kill_after_s is not None:
                killer.start()
            try:
                finished = self._send(child.stdin, streams)
            finally:
                killer.cancel()
                if kill_after_s is not None:
                    child.kill()
                with contextlib.suppress(BrokenPipeError):
                    child.stdin.close()
                hearing.join(60)
        assert child.returncode == (0 if kill_after_s is None else -signal.SIGKILL)
        return finished

    def _resume(self, cursors: dict[str, int]) -> None:
        for stream, offset in cursors.items():
            assert self.acknowledged[stream] <= offset <= self.sent[stream], "an acknowledged batch was lost"
        self.acknowledged, self.position, self.gone = cursors, dict(cursors), False

    def _send(self, stdin: IO[bytes], streams: dict[str, bytes]) -> bool:
        with contextlib.suppress(BrokenPipeError):
            for stream, content in streams.items():
                if position := self.position[stream]:
                    # A runner that did not hear the last acknowledgements begins further back.
                    self._frame(stdin, stream, content, self.luck.randrange(position))
            while stream := self._next(streams):
                self.position[stream] = self._frame(stdin, stream, streams[stream], self.position[stream])
        return all(self.acknowledged[stream] == len(content) for stream, content in streams.items())

    def _next(self, streams: dict[str, bytes]) -> str | None:
        """A stream with room for a frame, as soon as there is one; None when there is nothing left to wait for."""
        with self.heard:
            while not self.gone:
                left = [s for s, content in streams.items() if self.acknowledged[s] < len(content)]
                ready = [
                    s for s in left if self.position[s] < min(len(streams[s]), self.acknowledged[s] + UNDERWAY_BYTES)
                ]
                if ready or not left:
                    return self.luck.choice(ready) if ready else None
                assert self.heard.wait(60), "no answer for a minute"
        return None

    def _frame(self, stdin: IO[bytes], stream: str, content: bytes, start: int) -> int:
        end = min(len(content), start + self.luck.choice([1, 80, 700, 3000]))
        frame = encode_data(Data(stream=stream, offset=start, time=NOON, payload=content[start:end]))
        self.sent[stream] = max(self.sent[stream], end)
        message = len(frame).to_bytes(4, "big") + frame
        while message:
            message = message[stdin.write(message) :]
        return end

    def _hear(self, stdout: IO[bytes]) -> None:
        while (line := stdout.readline()).endswith(b"\n"):
            stream, offset = line.decode().split()
            with self.heard:
                self.acknowledged[stream] = max(self.acknowledged[stream], int(offset))
                self.heard.notify()
        with self.heard:
            self.gone = True
            self.heard.notify()


@pytest.mark.process
@pytest.mark.parametrize("seed", [1, 2])
async def test_a_deck_killed_while_it_stores_loses_and_doubles_nothing(tmp_path: Path, seed: int) -> None:
    luck = random.Random(seed)
    ledgers = [Ledger(bot) for bot in BOTS]
    parent = Parent(tmp_path / "deck.db", ledgers, luck)
    kills = 0
    for _ in range(5 * KILLS):
        for ledger in ledgers:
            ledger.write(max(0, 1500 - backlog(parent, ledger)))
        # A kill counts when there was work under way.
        kills += not await asyncio.to_thread(parent.round, kill_after_s=luck.uniform(0.001, 0.15))
        if kills == KILLS:
            break
    assert kills == KILLS

    assert await asyncio.to_thread(parent.round, kill_after_s=None)

    storage = await open_storage(parent.database)
    for ledger in ledgers:
        events = [event for _, event in await storage.events(ledger.bot, limit=1_000_000)]
        lines, _ = await storage.logs(ledger.bot, limit=1_000_000)
        assert [event.seq for event in events] == ledger.seqs
        assert [line.text for line in lines] == ledger.texts
        totals = await storage.totals(ledger.bot, NOON, NOON + timedelta(days=1), NOON + timedelta(minutes=5))
        assert totals.messages_received == ledger.received
        assert totals.messages_sent == ledger.sent
        assert totals.total_users == len(ledger.users)
        assert totals.active_commands == len(ledger.open_commands)
    await storage.close()
    connection = sqlite3.connect(parent.database)
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()


def backlog(parent: Parent, ledger: Ledger) -> int:
    """Lines of output that were written and not acknowledged yet."""
    return ledger.out[parent.acknowledged[f"{ledger.bot}/r1/out"] :].count(b"\n")
