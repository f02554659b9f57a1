"""One story, played on every stage: people talk to a bot, its connection drops, and they go on."""

import functools
import os
import re
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from ..irc_world import World, wait_for
from .stage import HERE, BotProcess, Stage
from .stages import STAGES

SAID = (
    ("ann", "hello"),
    ("bob", "hi ann, grüß dich"),
    ("ann", "how are you?"),
    ("ann", "still there?"),
    ("bob", "yes"),
)
"""Ordinary messages, by whom."""
_OUR_FRAMES = re.compile(r'^ *File "HOME/sdk/.*\n(?:    .*\n)*', re.M)
COMMANDS = ("ping", "boom", "nosuch", "slow", "ping")


class Mode(StrEnum):
    AUTOLOAD = "autoload"
    ONE_LINE = "one line"
    WITHOUT = "without Botdeck"


@dataclass(frozen=True)
class Played:
    """What is left of a story when the bot is gone."""

    stage: Stage
    events: list[dict[str, Any]]
    heard: list[str]
    output: str
    slow_ms: float
    """How long its slow command took, as the bot itself measured it."""

    def told(self, event: str) -> list[dict[str, Any]]:
        return [each for each in self.events if each["event"] == event]


@functools.cache
def played(name: str, mode: Mode) -> Played:
    """Once in a process, for all tests that look at it."""
    return play(name, mode)


def play(name: str, mode: Mode) -> Played:
    stage = next(kind for kind in STAGES if kind.name == name)()
    with closing(stage), _bot_running(stage, mode) as world:
        _play(stage)
        if mode is not Mode.WITHOUT:
            world.wait_for_events("bot", "command.finished", len(stage.outcomes))
            world.wait_for_events("bot", "message.sent", len(stage.heard()))
        slow_ms = float(wait_for((world.home / "slow_ms").read_text, "the bot's own note"))
        return Played(stage, world.events("bot"), stage.heard(), _normalised(world), slow_ms)


@contextmanager
def _bot_running(stage: Stage, mode: Mode) -> Iterator[World]:
    with closing(World()) as world:
        stage.open()
        _start(world, stage.bot(), mode)
        try:
            stage.wait_for_bot()
            yield world
        except (AssertionError, TimeoutError) as error:
            raise AssertionError(
                f"{error}\nThe bot's output: {world.output('bot')}\nEvents: {world.events('bot')}"
            ) from error


def _start(world: World, bot: BotProcess, mode: Mode) -> None:
    """As the runner does it. Unbuffered, because without Botdeck a bot's last lines would be lost with it."""
    note = world.home / "slow_ms"
    note.touch()
    note.chmod(0o666)
    env = {"PYTHONUNBUFFERED": "1", **bot.env, "SLOW_MS": str(note)}
    command = list(bot.command)
    if mode is Mode.ONE_LINE:
        command.insert(1, str(HERE / "one_line.py"))
        sdk = str(world.autoload.parents[2])
        env["PYTHONPATH"] = os.pathsep.join(filter(None, [env.get("PYTHONPATH"), sdk]))
        env |= {"BOTDECK_RUN": "run-1", "BOTDECK_EVENTS": str(world.events_file("bot"))}
    world.start("bot", command, env=env, user=bot.user, autoload=mode is Mode.AUTOLOAD)


def _play(stage: Stage) -> None:
    for person, text in SAID:
        stage.say(person, text)
    stage.command("ann", "ping")
    stage.wait_to_hear("pong")
    stage.command("bob", "boom")
    for text in stage.says_when_it_fails:
        stage.wait_to_hear(text)
    stage.command("ann", "nosuch")
    stage.command("bob", "slow")
    stage.wait_to_hear("working")
    stage.wait_to_hear("done")
    stage.cut()
    stage.command("bob", "ping")
    stage.wait_to_hear("pong", times=2)


def _normalised(world: World) -> str:
    """Without what is never the same twice (times, ports, addresses of objects, ids, and the folder of the run), and
    without the lines of a traceback for what we wrapped: those are the one trace of us that a bot's author may see."""
    output = re.sub(r"/var/tmp/botdeck-[a-z]+-\w{8}", "HOME", world.output("bot"))
    output = _OUR_FRAMES.sub("", output)
    output = re.sub(r"0x[0-9a-f]+", "0x", output)
    output = re.sub(r"\b[0-9a-f]{32}\b", "ID", output)
    return re.sub(r"\d+(\.\d+)?", "N", output)
