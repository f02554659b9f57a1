"""An ordinary bot of hikari with arc's slash commands."""

import asyncio
import os
import time
from pathlib import Path

import arc
import hikari

bot = hikari.GatewayBot(
    os.environ["TOKEN"], intents=hikari.Intents.ALL_UNPRIVILEGED | hikari.Intents.MESSAGE_CONTENT, banner=None
)
client = arc.GatewayClient(bot)


@client.include
@arc.slash_command("ping", "Answers")
async def ping(ctx: arc.GatewayContext) -> None:
    await ctx.respond("pong")


@client.include
@arc.slash_command("boom", "Fails")
async def boom(ctx: arc.GatewayContext) -> None:
    raise LookupError("no such thing")


@client.include
@arc.slash_command("slow", "Takes its time")
async def slow(ctx: arc.GatewayContext) -> None:
    began = time.monotonic()
    await ctx.respond("working")
    await asyncio.sleep(0.3)
    await ctx.respond("done")
    Path(os.environ["SLOW_MS"]).write_text(str((time.monotonic() - began) * 1000))


def main() -> None:
    bot.run(check_for_updates=False)


if __name__ == "__main__":
    main()
