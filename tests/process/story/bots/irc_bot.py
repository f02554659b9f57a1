"""An ordinary bot on the irc library."""

import os
import time
import traceback
from pathlib import Path

from irc.bot import ExponentialBackoff, SingleServerIRCBot

CHANNEL = "#botdeck"


class Bot(SingleServerIRCBot):
    def on_welcome(self, connection, _event):
        connection.join(CHANNEL)

    def on_pubmsg(self, connection, event):
        text = event.arguments[0]
        if text == "!ping":
            connection.privmsg(CHANNEL, "pong")
        elif text == "!boom":
            raise LookupError("no such thing")
        elif text == "!slow":
            began = time.perf_counter()
            connection.privmsg(CHANNEL, "working")
            time.sleep(0.3)
            connection.privmsg(CHANNEL, "done")
            Path(os.environ["SLOW_MS"]).write_text(str((time.perf_counter() - began) * 1000))


bot = Bot([("127.0.0.1", int(os.environ["IRC_PORT"]))], "bot", "bot", recon=ExponentialBackoff(min_interval=1))


def main():
    bot._connect()
    while True:  # what a handler raises leaves the loop; this author would have the bot go on
        try:
            bot.reactor.process_forever()
        except LookupError:
            traceback.print_exc()


if __name__ == "__main__":
    main()
