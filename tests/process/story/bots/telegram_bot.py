"""An ordinary bot with python-telegram-bot."""

import asyncio
import os
import time
from pathlib import Path

from telegram.ext import ApplicationBuilder, CommandHandler


async def ping(update, context):
    await update.message.reply_text("pong")


async def boom(update, context):
    raise LookupError("no such thing")


async def slow(update, context):
    began = time.monotonic()
    await update.message.reply_text("working")
    await asyncio.sleep(0.3)
    await update.message.reply_text("done")
    Path(os.environ["SLOW_MS"]).write_text(str((time.monotonic() - began) * 1000))


bot = ApplicationBuilder().token(os.environ["TOKEN"]).build()
for function in (ping, boom, slow):
    bot.add_handler(CommandHandler(function.__name__, function))


def main():
    bot.run_polling()


if __name__ == "__main__":
    main()
