"""Runs in a virtual environment: CPU microseconds of a message that a discord.py bot receives, as JSON.

python discord_message.py FOLDER_OF_BOTDECK bare|watched

From the compressed frame of the gateway to the end of `on_message`, which looks for a command and finds none; what the
socket itself costs is left out.
"""

import asyncio
import json
import os
import sys
import time
import zlib
from typing import Any

import discord
from discord.ext import commands

ROUNDS, TIMES = 40, 1_000
GUILD: dict[str, Any] = {
    "id": "10",
    "name": "deck",
    "owner_id": "1001",
    "member_count": 2,
    "roles": [],
    "emojis": [],
    "channels": [{"id": "20", "type": 0, "name": "general", "position": 0, "permission_overwrites": []}],
    "members": [],
}
PEOPLE = [{"id": str(1001 + n), "username": f"person{n}", "discriminator": "0", "avatar": None} for n in range(20)]


class Gateway:
    """One connection's end: what Discord would send is compressed as it does it."""

    def __init__(self, bot: commands.Bot) -> None:
        self._compress = zlib.compressobj()
        self._socket = discord.gateway.DiscordWebSocket(None, loop=asyncio.get_running_loop())  # type: ignore[arg-type]
        self._socket._discord_parsers = bot._connection.parsers
        self._socket._dispatch = bot.dispatch
        self._socket.shard_id = None
        self._seq = 0

    def frame(self, event: str, data: dict[str, Any]) -> bytes:
        self._seq += 1
        text = json.dumps({"op": 0, "t": event, "s": self._seq, "d": data})
        return self._compress.compress(text.encode()) + self._compress.flush(zlib.Z_SYNC_FLUSH)

    async def receive(self, frame: bytes) -> None:
        await self._socket.received_message(frame)


def message(number: int) -> dict[str, Any]:
    author = PEOPLE[number % len(PEOPLE)]
    member = {"roles": [], "joined_at": "2026-01-01T00:00:00+00:00", "deaf": False, "mute": False, "flags": 0}
    return {
        "id": str(1_000_000 + number),
        "channel_id": "20",
        "guild_id": "10",
        "author": author,
        "member": member,
        "content": f"hello number {number}, how are you today?",
        "timestamp": "2026-11-25T12:00:00+00:00",
        "edited_timestamp": None,
        "tts": False,
        "mention_everyone": False,
        "mentions": [],
        "mention_roles": [],
        "attachments": [],
        "embeds": [],
        "pinned": False,
        "type": 0,
        "flags": 0,
    }


async def measure(bot: commands.Bot) -> float:
    await bot._async_setup_hook()
    bot._connection.user = bot._connection._users[1] = discord.ClientUser(  # type: ignore[assignment,index]
        state=bot._connection, data={"id": "1", "username": "bot", "discriminator": "0", "avatar": None, "bot": True}
    )
    bot._connection._add_guild_from_data(GUILD)  # type: ignore[arg-type]
    heard, number, all_heard = 0, 0, asyncio.Event()

    @bot.event
    async def on_message(received: discord.Message) -> None:
        nonlocal heard
        await bot.process_commands(received)
        heard += 1
        if heard == number:
            all_heard.set()

    gateway, best = Gateway(bot), float("inf")
    for _ in range(ROUNDS):
        frames = [gateway.frame("MESSAGE_CREATE", message(number + n)) for n in range(TIMES)]
        number += TIMES
        all_heard.clear()
        empty_the_file()
        began = time.process_time()
        for frame in frames:
            await gateway.receive(frame)
            await asyncio.sleep(0)
        await all_heard.wait()
        best = min(best, time.process_time() - began)
    return best / TIMES * 1e6


def empty_the_file() -> None:
    path = os.environ.get("BOTDECK_EVENTS")
    if path and os.path.exists(path):
        os.truncate(path, 0)


def main(folder: str, how: str) -> None:
    intents = discord.Intents.default()
    intents.message_content = True
    bot = commands.Bot("!", intents=intents)
    if how == "watched":
        sys.path.insert(0, folder)
        import botdeck

        botdeck.instrument(bot)
    print(json.dumps({"discord.py message": round(asyncio.run(measure(bot)), 1)}))


if __name__ == "__main__":
    main(*sys.argv[1:])
