"""An ordinary bot with aiogram."""

import asyncio
import os
import time
from pathlib import Path

from aiogram import Bot, Dispatcher, Router
from aiogram.filters import Command

router = Router()
bot = Dispatcher()
bot.include_router(router)


@router.message(Command("ping"))
async def ping(message):
    await message.answer("pong")


@router.message(Command("boom"))
async def boom(message):
    raise LookupError("no such thing")


@router.message(Command("slow"))
async def slow(message):
    began = time.monotonic()
    await message.answer("working")
    await asyncio.sleep(0.3)
    await message.answer("done")
    Path(os.environ["SLOW_MS"]).write_text(str((time.monotonic() - began) * 1000))


def main():
    asyncio.run(bot.start_polling(Bot(os.environ["TOKEN"])))


if __name__ == "__main__":
    main()
