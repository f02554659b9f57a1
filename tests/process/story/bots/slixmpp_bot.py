"""An ordinary bot on slixmpp."""

import asyncio
import logging
import os
import time
from pathlib import Path

import slixmpp

ROOM = slixmpp.JID("deck@rooms.localhost")


class Bot(slixmpp.ClientXMPP):
    def __init__(self):
        super().__init__("bot@localhost", "pw-bot")
        self.register_plugin("xep_0045")
        self.register_plugin("xep_0203")
        self.enable_starttls = False
        self.enable_plaintext = True
        self.plugin["feature_mechanisms"].unencrypted_plain = True
        self.add_event_handler("session_start", self.start)
        self.add_event_handler("disconnected", self.again)
        self.add_event_handler("groupchat_message", self.said)

    async def start(self, _event):
        self.send_presence()
        await self.plugin["xep_0045"].join_muc_wait(ROOM, "bot", maxstanzas=20)

    def again(self, _event):
        self.loop.call_later(0.5, self.dial)

    def dial(self):
        self.connect("127.0.0.1", int(os.environ["XMPP_PORT"]))

    async def said(self, message):
        if message["mucnick"] == "bot" or message.get_plugin("delay", check=True):
            return  # its own, and what was said before it came
        if message["body"] == "!ping":
            self.say("pong")
        elif message["body"] == "!boom":
            raise LookupError("no such thing")
        elif message["body"] == "!slow":
            began = time.perf_counter()
            self.say("working")
            await asyncio.sleep(0.3)
            self.say("done")
            Path(os.environ["SLOW_MS"]).write_text(str((time.perf_counter() - began) * 1000))

    def say(self, text):
        self.send_message(mto=ROOM, mbody=text, mtype="groupchat")


logging.basicConfig(level=logging.ERROR, format="%(levelname)s %(name)s %(message)s")
loop = asyncio.new_event_loop()
asyncio.set_event_loop(loop)
bot = Bot()


def main():
    bot.dial()
    loop.run_forever()


if __name__ == "__main__":
    main()
