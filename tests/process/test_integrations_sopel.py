"""Sopel, unchanged and autoloaded, on a real server: what Botdeck is told is what happened."""

import time
from collections.abc import Iterator

import pytest

from .irc_world import CHANNEL, SopelWorld, User, wait_for

pytestmark = pytest.mark.process

PLUGIN = """\
import contextlib, os, time
from sopel import plugin

with contextlib.suppress(ImportError):  # Sopel without Botdeck
    from botdeck.sdk import heartbeat
    heartbeat.BEAT_S = {beat_s}

@plugin.command("boom")
def boom(bot, trigger):
    raise LookupError("no such thing")

@plugin.command("slow")
def slow(bot, trigger):
    bot.say("working")
    while not os.path.exists({go!r}):
        time.sleep(0.01)
    bot.say("done")

@plugin.command("hang")
@plugin.thread(False)
def hang(bot, trigger):
    time.sleep(3600)

@plugin.command("once")
@plugin.rate(user=3600)
def once(bot, trigger):
    bot.say("only once")

@plugin.rule("stumble")
def stumble(bot, trigger):
    raise KeyError("a listener")
"""


@pytest.fixture
def world() -> Iterator[SopelWorld]:
    world = SopelWorld()
    try:
        world.add_plugin("extra", PLUGIN.format(go=str(world.home / "go"), beat_s=0.1))
        world.start_server()
        yield world
    finally:
        world.close()


def ann_and_sopel(world: SopelWorld, *, autoload: bool = True) -> User:
    world.start_bot("sopel", autoload=autoload)
    ann = world.user("Ann")
    ann.wait_for_nick("sopel")
    return ann


def test_every_message_and_command_is_counted_once(world: SopelWorld) -> None:
    ann = ann_and_sopel(world)
    bob = world.user("bob")
    said = [f"hello {n} ü" for n in range(30)] + [f".calc {n} + 1000" for n in range(20)]
    said += ["\x01ACTION waves\x01", ".nosuch", "sopel: hi", "..."]

    for text in said:
        ann.say(text)
    bob.say("psst", to="sopel")
    bob.send(f"NOTICE {CHANNEL} :not a message")
    bob.say(".calc 5000 * 2")
    ann.wait_to_see("10000", from_nick="sopel")
    ann.wait_to_see("1019", from_nick="sopel")
    world.wait_for_events("sopel", "command.finished", 21)

    received = world.events("sopel", "message.received")
    from_ann = [m for m in received if m["user.id"] == "irc:127.0.0.1/ann"]
    assert len(from_ann) == len(said)
    assert [m["size"] for m in from_ann[:50]] == [len(text.encode()) for text in said[:50]]
    assert [m["chat.channel.id"] for m in received if m["user.id"] == "irc:127.0.0.1/bob"] == ["bob", CHANNEL]
    commands = world.events("sopel", "command.finished")
    assert {(c["command.name"], c["outcome"]) for c in commands} == {("calc", "ok")}
    assert len(commands) == 21
    assert {c["id"] for c in commands} == {c["id"] for c in world.events("sopel", "command.started")}
    assert len(world.events("sopel", "message.sent")) == len([n for n, _ in ann.seen if n == "sopel"]) == 21
    assert {u["user.name"] for u in world.events("sopel", "user.seen")} == {"Ann", "bob"}
    assert not world.events("sopel", "telemetry.error")


def test_the_bot_is_introduced_and_its_connection_told(world: SopelWorld) -> None:
    ann_and_sopel(world)

    assert world.server is not None
    world.server.kill()
    world.wait_for_events("sopel", "gateway.disconnect")

    names = [event["event"] for event in world.events("sopel") if event["event"] != "heartbeat"]
    assert names == ["bot.started", "gateway.ready", "gateway.disconnect"]
    started = world.events("sopel")[0]
    assert (started["framework"], started["framework.version"]) == ("sopel", "8.0.4")


def test_it_beats_as_connected_until_the_server_is_gone(world: SopelWorld) -> None:
    ann_and_sopel(world)
    beats = world.wait_for_events("sopel", "heartbeat", len(world.events("sopel", "heartbeat")) + 3)

    assert world.server is not None
    world.server.kill()
    world.wait_for_events("sopel", "gateway.disconnect")
    last = wait_for(lambda: world.events("sopel")[-1], "the last event")

    assert not beats[0]["gateway.connected"]
    assert all(beat["gateway.connected"] for beat in beats[-3:])
    assert all(beat["eventloop.lag_ms"] >= 0 for beat in beats[-3:])
    # Sopel sleeps now before it tries again.
    assert (last["event"], last["gateway.connected"]) == ("heartbeat", False)
    assert not world.events("sopel", "telemetry.error")


def test_a_slow_command_in_a_thread_of_its_own_does_not_stop_the_beats(world: SopelWorld) -> None:
    ann = ann_and_sopel(world)

    ann.say(".slow")
    ann.wait_to_see("working", from_nick="sopel")

    assert world.wait_for_events("sopel", "heartbeat", len(world.events("sopel", "heartbeat")) + 3)
    assert not world.events("sopel", "command.finished")


def test_a_command_that_holds_up_the_message_loop_stops_the_beats(world: SopelWorld) -> None:
    ann = ann_and_sopel(world)
    world.wait_for_events("sopel", "heartbeat", 3)

    ann.say(".hang")
    world.wait_for_events("sopel", "command.started")

    before = world.events_file("sopel").stat().st_size
    time.sleep(1)  # ten beats
    assert world.events_file("sopel").stat().st_size == before
    assert world.events("sopel")[-1]["event"] == "command.started"


def test_a_command_that_fails_is_told_with_its_exception(world: SopelWorld) -> None:
    ann = ann_and_sopel(world)

    ann.say(".boom")
    ann.wait_to_see("LookupError", from_nick="sopel")
    ann.say("stumble")
    ann.wait_to_see("KeyError", from_nick="sopel")
    ann.say(".calc 1+1")
    ann.wait_to_see("[calc] 2", from_nick="sopel")
    failed, fine = world.wait_for_events("sopel", "command.finished", 2)

    assert (failed["command.name"], failed["outcome"]) == ("boom", "error")
    assert failed["exception.type"] == "LookupError"
    assert "raise LookupError" in failed["exception.stacktrace"]
    assert fine["outcome"] == "ok"
    (error,) = world.events("sopel", "error")
    assert error["exception.type"] == "KeyError"


def test_a_slow_command_is_active_from_its_start_to_its_end(world: SopelWorld) -> None:
    ann = ann_and_sopel(world)

    ann.say(".slow")
    ann.wait_to_see("working", from_nick="sopel")
    (started,) = world.events("sopel", "command.started")
    ann.say(".calc 2*2")
    ann.wait_to_see("[calc] 4", from_nick="sopel")
    (other,) = world.wait_for_events("sopel", "command.finished")
    assert other["id"] != started["id"]
    (world.home / "go").touch()
    ann.wait_to_see("done", from_nick="sopel")

    finished = world.wait_for_events("sopel", "command.finished", 2)
    assert finished[-1]["id"] == started["id"]


def test_a_command_that_sopel_refuses_is_rejected(world: SopelWorld) -> None:
    ann = ann_and_sopel(world)

    ann.say(".once")
    ann.wait_to_see("only once", from_nick="sopel")
    world.wait_for_events("sopel", "command.finished")
    ann.say(".once")

    finished = world.wait_for_events("sopel", "command.finished", 2)
    assert [command["outcome"] for command in finished] == ["ok", "rejected"]


def test_sopel_says_the_same_with_and_without_botdeck(world: SopelWorld) -> None:
    said = [".calc 6*7", "hello", ".boom", ".temp C", "stumble", ".calc 1/0", ".choose one", ".once", "sopel: x"]

    def dialogue(*, autoload: bool) -> list[str]:
        sopel = world.start_bot("sopel", autoload=autoload)
        ann = world.user(f"ann{autoload:d}")
        ann.wait_for_nick("sopel")
        for text in said:
            ann.say(text)
        ann.say(".slow")
        ann.wait_to_see("working", from_nick="sopel")
        wait_for(lambda: len([1 for nick, _ in ann.look() if nick == "sopel"]) == 8, f"all answers: {ann.seen}")
        sopel.kill()
        sopel.wait()
        answers = sorted(text.replace(ann.nick, "ann") for nick, text in ann.seen if nick == "sopel")
        ann.close()
        bare = world.user(f"check{autoload:d}")  # the next Sopel needs the nick
        wait_for(lambda: (bare.send(f"JOIN {CHANNEL}"), bare.look(), "sopel" not in bare.names)[-1], "sopel to be gone")
        return answers

    without = dialogue(autoload=False)

    assert dialogue(autoload=True) == without
    assert world.events("sopel", "command.finished")
