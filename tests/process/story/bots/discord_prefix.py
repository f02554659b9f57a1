"""An ordinary bot with prefix commands, of discord.py or py-cord, which have one name."""

import asyncio
import os
import time
from pathlib import Path

import discord
from discord.ext import commands

intents = discord.Intents.default()
intents.message_content = True
bot = commands.Bot(command_prefix="!", intents=intents)


@bot.event
async def on_ready():
    print("ready as", bot.user)


@bot.command()
async def ping(ctx):
    await ctx.send("pong")


@bot.command()
async def boom(ctx):
    raise LookupError("no such thing")


@bot.command()
async def slow(ctx):
    began = time.monotonic()
    await ctx.send("working")
    await asyncio.sleep(0.3)
    await ctx.send("done")
    Path(os.environ["SLOW_MS"]).write_text(str((time.monotonic() - began) * 1000))


def main():
    bot.run(os.environ["TOKEN"])


if __name__ == "__main__":
    main()
