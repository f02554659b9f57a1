"""A person in a room: says each line of its input, and prints who is there and what others say, a line of JSON each."""

import asyncio
import json
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
        self.add_event_handler(f"muc::{ROOM}::got_online", lambda p: show("here", p["from"].resource))
        self.add_event_handler(f"muc::{ROOM}::got_offline", lambda p: show("gone", p["from"].resource))

    async def start(self, _event):
        self.send_presence()
        await self.plugin["xep_0045"].join_muc_wait(ROOM, self.name, maxstanzas=0)
        self.loop.add_reader(sys.stdin, self.say)

    def say(self):
        if line := sys.stdin.readline():
            self.send_message(mto=ROOM, mbody=line.rstrip("\n"), mtype="groupchat")
        else:
            sys.exit()


def show(*what):
    print(json.dumps(what), flush=True)


loop = asyncio.new_event_loop()
asyncio.set_event_loop(loop)
person = Person(sys.argv[1])
person.connect("127.0.0.1", int(sys.argv[2]))
loop.run_forever()
