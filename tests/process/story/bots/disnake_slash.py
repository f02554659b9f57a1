"""An ordinary bot of disnake with slash commands."""

import asyncio
import os
import time
from pathlib import Path

import disnake
from disnake.ext import commands

bot = commands.Bot(command_prefix="!", intents=disnake.Intents.default())


@bot.event
async def on_ready():
    print("ready as", bot.user)


@bot.slash_command()
async def ping(inter):
    await inter.response.send_message("pong")


@bot.slash_command()
async def boom(inter):
    raise LookupError("no such thing")


@bot.slash_command()
async def slow(inter):
    began = time.monotonic()
    await inter.response.send_message("working")
    await asyncio.sleep(0.3)
    await inter.followup.send("done")
    Path(os.environ["SLOW_MS"]).write_text(str((time.monotonic() - began) * 1000))


def main():
    bot.run(os.environ["TOKEN"])


if __name__ == "__main__":
    main()
