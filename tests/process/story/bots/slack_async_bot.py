"""An ordinary bot on slack-bolt, the asyncio one."""

import asyncio
import os
import time
from pathlib import Path

from slack_bolt.adapter.socket_mode.async_handler import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncApp
from slack_sdk.web.async_client import AsyncWebClient

app = AsyncApp(client=AsyncWebClient(token=os.environ["BOT_TOKEN"], base_url=os.environ["SLACK_API_URL"]))
bot = app


@app.message()
async def listen(message):
    pass


@app.command("/ping")
async def ping(ack, say):
    await ack()
    await say("pong")


@app.command("/boom")
async def boom(ack):
    await ack()
    await asyncio.sleep(0.05)  # what is raised at once would take the receipt back
    raise LookupError("no such thing")


@app.command("/slow")
async def slow(ack, respond):
    began = time.perf_counter()
    await ack("working")
    await asyncio.sleep(0.3)
    await respond("done")
    Path(os.environ["SLOW_MS"]).write_text(str((time.perf_counter() - began) * 1000))


async def run():
    await AsyncSocketModeHandler(app, os.environ["APP_TOKEN"], ping_interval=1).start_async()


def main():
    asyncio.run(run())


if __name__ == "__main__":
    main()
