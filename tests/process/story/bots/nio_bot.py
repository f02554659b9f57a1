"""An ordinary bot on matrix-nio."""

import asyncio
import logging
import os
import time
import traceback
from pathlib import Path

from nio import AsyncClient, InviteMemberEvent, RoomMessageText

logging.basicConfig(level=logging.ERROR)  # how often it tries again is another matter each time
bot = AsyncClient(os.environ["HOMESERVER"], "@bot:localhost")


async def said(room, event):
    if event.sender == bot.user_id:
        return
    began = time.perf_counter()
    await bot.room_read_markers(room.room_id, event.event_id, event.event_id)
    if event.body == "!ping":
        await say(room, "pong")
    elif event.body == "!boom":
        raise LookupError("no such thing")
    elif event.body == "!slow":
        await say(room, "working")
        await asyncio.sleep(0.3)
        await say(room, "done")
        Path(os.environ["SLOW_MS"]).write_text(str((time.perf_counter() - began) * 1000))


async def say(room, text):
    await bot.room_send(room.room_id, "m.room.message", {"msgtype": "m.text", "body": text})


async def invited(room, event):
    await bot.join(room.room_id)


async def run():
    await bot.login("pw-bot")
    bot.add_event_callback(said, RoomMessageText)
    bot.add_event_callback(invited, InviteMemberEvent)
    while True:  # what a callback raises leaves the loop; this author would have the bot go on
        try:
            await bot.sync_forever(timeout=30000)
        except LookupError:
            traceback.print_exc()


def main():
    asyncio.run(run())


if __name__ == "__main__":
    main()
