"""An ordinary bot on TwitchIO."""

import asyncio
import logging
import os
import time
from pathlib import Path

from twitchio import eventsub
from twitchio.ext import commands

CHANNEL, BOT = "2001", "9001"


class Bot(commands.Bot):
    async def setup_hook(self):
        await self.add_token("token-of-the-bot", "refresh-of-the-bot")
        hears = eventsub.ChatMessageSubscription(broadcaster_user_id=CHANNEL, user_id=BOT)
        await self.subscribe_websocket(hears)


logging.basicConfig(level=logging.ERROR)


@commands.command()
async def ping(ctx):
    await ctx.send("pong")


@commands.command()
async def boom(ctx):
    raise LookupError("no such thing")


@commands.command()
async def slow(ctx):
    began = time.perf_counter()
    await ctx.send("working")
    await asyncio.sleep(0.3)
    await ctx.send("done")
    Path(os.environ["SLOW_MS"]).write_text(str((time.perf_counter() - began) * 1000))


bot = Bot(client_id="client", client_secret="secret", bot_id=BOT, prefix="!")
for each in (ping, boom, slow):
    bot.add_command(each)


def main():
    bot.run(with_adapter=False, load_tokens=False, save_tokens=False)


if __name__ == "__main__":
    main()
