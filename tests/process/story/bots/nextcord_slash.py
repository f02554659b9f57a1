"""An ordinary bot of nextcord with slash commands."""

import asyncio
import os
import time
from pathlib import Path

import nextcord
from nextcord.ext import commands

bot = commands.Bot(command_prefix="!", intents=nextcord.Intents.default())


@bot.event
async def on_ready():
    print("ready as", bot.user)


@bot.slash_command()
async def ping(interaction: nextcord.Interaction):
    await interaction.response.send_message("pong")


@bot.slash_command()
async def boom(interaction: nextcord.Interaction):
    raise LookupError("no such thing")


@bot.slash_command()
async def slow(interaction: nextcord.Interaction):
    began = time.monotonic()
    await interaction.response.send_message("working")
    await asyncio.sleep(0.3)
    await interaction.followup.send("done")
    Path(os.environ["SLOW_MS"]).write_text(str((time.monotonic() - began) * 1000))


def main():
    bot.run(os.environ["TOKEN"])


if __name__ == "__main__":
    main()
