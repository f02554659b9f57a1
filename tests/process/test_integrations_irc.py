"""Bots on the irc library, unchanged and autoloaded, on a real server."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from .irc_world import CHANNEL, World, wait_for

pytestmark = pytest.mark.process

BOT = """\
import sys, irc.bot
class Bot(irc.bot.SingleServerIRCBot):
    def on_welcome(self, connection, event):
        connection.join("#botdeck")
    def on_pubmsg(self, connection, event):
        text = event.arguments[0]
        if text == "!ping":
            connection.privmsg(event.target, "pong")
        elif text == "!crash":
            raise ValueError("crashed")
        elif text == "!die":
            self.die("bye")
    def on_privmsg(self, connection, event):
        connection.notice(event.source.nick, "psst")
Bot([("127.0.0.1", int(sys.argv[1]))], "bot", "bot").start()
"""

SIMPLE_CLIENT = """\
import sys, irc.client
class Bot(irc.client.SimpleIRCClient):
    def on_welcome(self, connection, event):
        connection.join("#botdeck")
    def on_pubmsg(self, connection, event):
        if event.arguments[0] == "!ping":
            connection.privmsg(event.target, "pong")
bot = Bot()
bot.connect("127.0.0.1", int(sys.argv[1]), "bot")
bot.start()
"""

BARE_REACTOR = """\
import sys, irc.client
def welcome(connection, event):
    connection.join("#botdeck")
def said(connection, event):
    if event.arguments[0] == "!ping":
        connection.privmsg(event.target, "pong")
reactor = irc.client.Reactor()
connection = reactor.server().connect("127.0.0.1", int(sys.argv[1]), "bot")
connection.add_global_handler("welcome", welcome)
connection.add_global_handler("pubmsg", said)
reactor.process_forever()
"""

ASYNCIO_CLIENT = """\
import asyncio, sys, irc.client_aio
asyncio.set_event_loop(asyncio.new_event_loop())
class Bot(irc.client_aio.AioSimpleIRCClient):
    def on_welcome(self, connection, event):
        connection.join("#botdeck")
    def on_pubmsg(self, connection, event):
        if event.arguments[0] == "!ping":
            connection.privmsg(event.target, "pong")
bot = Bot()
bot.connect("127.0.0.1", int(sys.argv[1]), "bot")
bot.start()
"""


QUICK_HEART = "import botdeck.sdk.heartbeat; botdeck.sdk.heartbeat.BEAT_S = 0.1\n"


@pytest.fixture
def world() -> Iterator[World]:
    world = World()
    try:
        world.start_server()
        yield world
    finally:
        world.close()


def start(world: World, source: str, *, autoload: bool = True, name: str = "bot") -> subprocess.Popen[bytes]:
    script = world.home / "bot.py"
    script.write_text(source)
    return world.start(name, [sys.executable, str(script), str(world.irc_port)], autoload=autoload)


@pytest.mark.parametrize(
    "source", [BOT, SIMPLE_CLIENT, BARE_REACTOR, ASYNCIO_CLIENT], ids=["bot", "client", "reactor", "asyncio"]
)
def test_every_message_is_counted_once(world: World, source: str) -> None:
    start(world, source)
    ann = world.user("Ann")
    ann.wait_for_nick("bot")
    said = [f"hello {n} ü" for n in range(40)] + ["\x01ACTION waves\x01", "a \x01PING 1\x01 b", "...", "!ping"]

    for text in said:
        ann.say(text)
    ann.wait_to_see("pong", from_nick="bot")
    (command,) = world.wait_for_events("bot", "command.finished")

    received = world.events("bot", "message.received")
    assert [message["size"] for message in received] == [len(text.encode()) for text in said]
    assert {message["user.id"] for message in received} == {"irc:127.0.0.1/ann"}
    assert (command["command.name"], command["outcome"]) == ("ping", "ok")
    pongs = [message for message in world.events("bot", "message.sent") if message["chat.channel.id"] == CHANNEL]
    assert [message["size"] for message in pongs] == [len("pong")]
    names = [event["event"] for event in world.events("bot")]
    assert [name for name in names if name != "heartbeat"][:2] == ["bot.started", "gateway.ready"]
    assert not {"telemetry.error", "error"} & set(names)


def test_private_messages_belong_to_the_person(world: World) -> None:
    start(world, BOT)
    ann = world.user("ann")
    ann.wait_for_nick("bot")

    ann.say("hello", to="bot")

    (received,) = world.wait_for_events("bot", "message.received")
    (sent,) = world.wait_for_events("bot", "message.sent")
    assert received["chat.channel.id"] == sent["chat.channel.id"] == "ann"


@pytest.mark.parametrize(("command", "outcome"), [("!crash", "error"), ("!die", "ok")])
def test_a_bot_ends_as_it_would_without_botdeck(world: World, command: str, outcome: str) -> None:
    codes, traces = [], []
    for name, autoload in (("without", False), ("bot", True)):
        process = start(world, BOT, autoload=autoload, name=name)
        user = world.user(f"user{autoload:d}")
        user.wait_for_nick("bot")
        user.say(command)
        codes.append(wait_for(lambda p=process: str(p.poll()) if p.poll() is not None else "", "the bot to end"))
        traces.append(world.output(name).splitlines()[-1:])

    assert codes[0] == codes[1]
    assert traces[0] == traces[1]
    (finished,) = world.events("bot", "command.finished")
    assert finished["outcome"] == outcome
    assert finished.get("exception.type") == ("ValueError" if outcome == "error" else None)


def test_losing_the_server_is_told_once(world: World) -> None:
    start(world, BOT)
    world.user("ann").wait_for_nick("bot")

    assert world.server is not None
    world.server.kill()

    assert world.wait_for_events("bot", "gateway.disconnect") == world.events("bot", "gateway.disconnect")
    assert len(world.events("bot", "gateway.ready")) == 1


def test_the_example_with_one_line_reports_itself(world: World) -> None:
    example = Path(__file__).parents[2] / "examples/echo_bot.py"
    world.events_file("echo").touch()
    env = {"BOTDECK_EVENTS": str(world.events_file("echo")), "BOTDECK_RUN": "run-1"}
    world.start("echo", [sys.executable, str(example), "127.0.0.1", str(world.irc_port), CHANNEL], env=env)
    ann = world.user("ann")
    ann.wait_for_nick("echo")

    ann.say("hello")
    ann.wait_to_see("hello", from_nick="echo")

    assert len(world.wait_for_events("echo", "message.sent")) == 1
    assert len(world.events("echo", "message.received")) == 1
    assert world.events("echo")[0]["framework"] == "irc"


@pytest.mark.parametrize(
    "source", [BOT, SIMPLE_CLIENT, BARE_REACTOR, ASYNCIO_CLIENT], ids=["bot", "client", "reactor", "asyncio"]
)
def test_it_beats_as_connected_and_no_more_once_the_server_is_gone(world: World, source: str) -> None:
    start(world, QUICK_HEART + source)
    world.user("ann").wait_for_nick("bot")

    beats = world.wait_for_events("bot", "heartbeat", len(world.events("bot", "heartbeat")) + 3)
    assert world.server is not None
    world.server.kill()
    world.wait_for_events("bot", "gateway.disconnect")
    after = world.wait_for_events("bot", "heartbeat", len(world.events("bot", "heartbeat")) + 3)

    assert [beat["gateway.connected"] for beat in beats[-3:]] == [True] * 3
    assert [beat["gateway.connected"] for beat in after[-3:]] == [False] * 3
    assert not world.events("bot", "telemetry.error")


def test_the_connection_is_told_without_waiting_for_the_next_beat(world: World) -> None:
    start(world, BOT)
    world.user("ann").wait_for_nick("bot")
    world.wait_for_events("bot", "heartbeat", 2)
    assert world.server is not None
    world.server.kill()

    beats = world.wait_for_events("bot", "heartbeat", 3)

    assert [beat["gateway.connected"] for beat in beats] == [False, True, False]


@pytest.mark.parametrize("source", [BOT, ASYNCIO_CLIENT], ids=["bot", "asyncio"])
def test_a_handler_that_never_returns_stops_the_beats(world: World, source: str) -> None:
    hang = 'if event.arguments[0] == "!hang":\n            import time; time.sleep(3600)\n        elif '
    first = "if text ==" if source is BOT else "if event.arguments[0] =="
    start(world, QUICK_HEART + source.replace(first, hang + first.removeprefix("if "), 1))
    ann = world.user("ann")
    ann.wait_for_nick("bot")
    world.wait_for_events("bot", "heartbeat", 3)

    ann.say("!hang")
    world.wait_for_events("bot", "command.started")

    assert world.events("bot")[-1]["event"] == "command.started"
    assert stays_silent(world, "bot")


def test_a_bot_that_is_halted_beats_no_more_until_it_goes_on(world: World) -> None:
    process = start(world, QUICK_HEART + BOT)
    world.user("ann").wait_for_nick("bot")
    world.wait_for_events("bot", "heartbeat", 3)

    process.send_signal(signal.SIGSTOP)
    wait_for(lambda: " T " in Path(f"/proc/{process.pid}/stat").read_text(), "the bot to be halted")
    silent = stays_silent(world, "bot")
    before = len(world.events("bot", "heartbeat"))
    process.send_signal(signal.SIGCONT)

    assert silent
    assert world.wait_for_events("bot", "heartbeat", before + 2)


def stays_silent(world: World, name: str) -> bool:
    """For ten times as long as a quick heart takes to beat."""
    before = world.events_file(name).stat().st_size
    time.sleep(1)
    return world.events_file(name).stat().st_size == before
