"""An ordinary bot of discord.py with slash commands."""

import asyncio
import os
import time
from pathlib import Path

import discord
from discord.ext import commands

bot = commands.Bot(command_prefix="!", intents=discord.Intents.default())


@bot.event
async def setup_hook():
    await bot.tree.sync()


@bot.event
async def on_ready():
    print("ready as", bot.user)


@bot.tree.command()
async def ping(interaction: discord.Interaction):
    await interaction.response.send_message("pong")


@bot.tree.command()
async def boom(interaction: discord.Interaction):
    raise LookupError("no such thing")


@bot.tree.command()
async def slow(interaction: discord.Interaction):
    began = time.monotonic()
    await interaction.response.send_message("working")
    await asyncio.sleep(0.3)
    await interaction.followup.send("done")
    Path(os.environ["SLOW_MS"]).write_text(str((time.monotonic() - began) * 1000))


def main():
    bot.run(os.environ["TOKEN"])


if __name__ == "__main__":
    main()
