"""A person in a room: says each line of its input there (or, with `/msg ADDRESS`, to one), and prints what happens, a
line of JSON each."""

import asyncio
import json
import os
import sys

import slixmpp

ROOM = slixmpp.JID("deck@rooms.localhost")


class Person(slixmpp.ClientXMPP):
    def __init__(self, name):
        super().__init__(f"{name}@localhost", f"pw-{name}")
        self.name = name
        self.register_plugin("xep_0045")
        self.enable_starttls = False
        self.enable_plaintext = True
        self.plugin["feature_mechanisms"].unencrypted_plain = True
        self.add_event_handler("session_start", self.start)
        self.add_event_handler("groupchat_message", lambda m: show("said", m["mucnick"], m["body"]))
        self.add_event_handler("message", self.heard)
        self.add_event_handler(f"muc::{ROOM}::got_online", lambda p: show("here", p["from"].resource))
        self.add_event_handler(f"muc::{ROOM}::got_offline", lambda p: show("gone", p["from"].resource))

    async def start(self, _event):
        self.send_presence()
        await self.plugin["xep_0045"].join_muc_wait(ROOM, self.name, maxstanzas=0)
        self.loop.add_reader(sys.stdin, self.read)

    def heard(self, message):
        if message["type"] == "chat":
            show("told", str(message["from"]), message["body"])

    def read(self):
        typed = os.read(sys.stdin.fileno(), 65536)
        if not typed:
            sys.exit()
        for line in typed.decode().splitlines():
            self.say(line)

    def say(self, line):
        if line.startswith("/msg "):
            _, to, text = line.split(" ", 2)
            self.send_message(mto=to, mbody=text, mtype="chat")
        else:
            self.send_message(mto=ROOM, mbody=line, mtype="groupchat")


def show(*what):
    print(json.dumps(what), flush=True)


loop = asyncio.new_event_loop()
asyncio.set_event_loop(loop)
person = Person(sys.argv[1])
person.connect("127.0.0.1", int(sys.argv[2]))
loop.run_forever()
