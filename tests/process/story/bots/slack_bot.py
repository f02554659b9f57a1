"""An ordinary bot on slack-bolt."""

import os
import time
from pathlib import Path

from slack_bolt import App
from slack_bolt.adapter.socket_mode import SocketModeHandler
from slack_sdk import WebClient

app = App(client=WebClient(token=os.environ["BOT_TOKEN"], base_url=os.environ["SLACK_API_URL"]))


@app.message()
def listen(message):
    pass


@app.command("/ping")
def ping(ack, say):
    ack()
    say("pong")


@app.command("/boom")
def boom(ack):
    ack()
    time.sleep(0.05)  # what is raised at once would take the receipt back
    raise LookupError("no such thing")


@app.command("/slow")
def slow(ack, respond):
    began = time.perf_counter()
    ack("working")
    time.sleep(0.3)
    respond("done")
    Path(os.environ["SLOW_MS"]).write_text(str((time.perf_counter() - began) * 1000))


bot = SocketModeHandler(app, os.environ["APP_TOKEN"], ping_interval=1)


def main():
    bot.start()


if __name__ == "__main__":
    main()
