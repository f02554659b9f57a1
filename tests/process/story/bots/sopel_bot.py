"""An ordinary plugin of Sopel."""

import os
import time
from pathlib import Path

from sopel import plugin


@plugin.command("ping")
def ping(bot, trigger):
    bot.say("pong")


@plugin.command("boom")
def boom(bot, trigger):
    raise LookupError("no such thing")


@plugin.command("slow")
def slow(bot, trigger):
    began = time.perf_counter()
    bot.say("working")
    time.sleep(0.3)
    bot.say("done")
    Path(os.environ["SLOW_MS"]).write_text(str((time.perf_counter() - began) * 1000))
