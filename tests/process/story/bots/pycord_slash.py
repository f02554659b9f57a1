"""An ordinary bot of py-cord with slash commands."""

import asyncio
import os
import time
from pathlib import Path

import discord
from discord.ext import commands

bot = commands.Bot(command_prefix="!", intents=discord.Intents.default())


@bot.event
async def on_ready():
    print("ready as", bot.user)


@bot.slash_command()
async def ping(ctx):
    await ctx.respond("pong")


@bot.slash_command()
async def boom(ctx):
    raise LookupError("no such thing")


@bot.slash_command()
async def slow(ctx):
    began = time.monotonic()
    await ctx.respond("working")
    await asyncio.sleep(0.3)
    await ctx.respond("done")
    Path(os.environ["SLOW_MS"]).write_text(str((time.monotonic() - began) * 1000))


def main():
    bot.run(os.environ["TOKEN"])


if __name__ == "__main__":
    main()
