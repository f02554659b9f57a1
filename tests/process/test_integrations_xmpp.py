"""What the story does not play with slixmpp: words between two, rooms that hide addresses, refusals, plain handlers."""

from collections.abc import Iterator
from contextlib import closing

import pytest

from .irc_world import World, wait_for
from .story.person import Person
from .story.prosody import Prosody
from .story.stage import Environment

pytestmark = pytest.mark.process

BOT = """\
import asyncio, os, time
import slixmpp
from slixmpp.exceptions import XMPPError

class Bot(slixmpp.ClientXMPP):
    def __init__(self):
        super().__init__("bot@localhost", "pw-bot")
        self.register_plugin("xep_0045")
        self.enable_starttls = False
        self.enable_plaintext = True
        self.plugin["feature_mechanisms"].unencrypted_plain = True
        self.add_event_handler("session_start", self.start)
        self.add_event_handler("message", self.told)
        self.add_event_handler("message", self.told_too)

    async def start(self, _):
        self.send_presence()
        await self.plugin["xep_0045"].join_muc_wait(slixmpp.JID("deck@rooms.localhost"), "bot", maxstanzas=0)

    def told(self, message):
        if message["body"] == "!plain":
            time.sleep(0.1)
            message.reply("done").send()
        elif message["body"] == "!no":
            raise XMPPError("not-allowed")
        elif message["body"] == "hello":
            raise KeyError("not of a command")

    async def told_too(self, message):
        if message["body"] == "!plain":
            await asyncio.sleep(0.1)

loop = asyncio.new_event_loop()
asyncio.set_event_loop(loop)
bot = Bot()
bot.connect("127.0.0.1", int(os.environ["XMPP_PORT"]))
loop.run_forever()
"""


@pytest.fixture
def world() -> Iterator[World]:
    with closing(World()) as world:
        yield world


def start(world: World, prosody: Prosody) -> Person:
    ann = prosody.person("ann")
    script = world.home / "bot.py"
    script.write_text(BOT)
    env = {"XMPP_PORT": str(prosody.port)}
    world.start("bot", [Environment("slixmpp").python(), str(script)], env=env, autoload=True)
    wait_for(lambda: ["here", "bot"] in ann.saw(), "the bot in the room", 60)
    return ann


def test_words_between_two_belong_to_the_person_and_handlers_of_both_kinds_to_the_command(world: World) -> None:
    with closing(Prosody()) as prosody:
        ann = start(world, prosody)

        ann.say("/msg bot@localhost !plain")
        (command,) = world.wait_for_events("bot", "command.finished")
        wait_for(lambda: [seen[2] for seen in ann.saw() if seen[0] == "told"] == ["done"], "the answer")

    (received,) = world.events("bot", "message.received")
    (sent,) = world.events("bot", "message.sent")
    assert received["user.id"] == "xmpp:ann@localhost"
    assert received["chat.channel.id"] == "ann@localhost"
    assert "chat.message.id" not in received
    assert sent["chat.channel.id"].startswith("ann@localhost")
    assert command["duration_ms"] >= 200


def test_what_a_handler_refuses_is_rejected_and_what_it_raises_is_an_error(world: World) -> None:
    with closing(Prosody()) as prosody:
        ann = start(world, prosody)

        ann.say("/msg bot@localhost !no")
        ann.say("/msg bot@localhost hello")
        (error,) = world.wait_for_events("bot", "error")
        (command,) = world.wait_for_events("bot", "command.finished")

    assert (command["command.name"], command["outcome"]) == ("no", "rejected")
    assert error["exception.type"] == "KeyError"
    assert len(world.events("bot", "error")) == 1


def test_a_room_that_hides_addresses_has_people_by_their_nicks(world: World) -> None:
    with closing(Prosody(public_addresses=False)) as prosody:
        ann = start(world, prosody)
        prosody.person("bob").say("hello")

        (received,) = world.wait_for_events("bot", "message.received")
        assert ["said", "bob", "hello"] in ann.saw()

    assert received["user.id"] == "xmpp:deck@rooms.localhost/bob"
    assert received["chat.channel.id"] == "deck@rooms.localhost"
    assert received["chat.message.id"]
    assert not world.events("bot", "telemetry.error")
