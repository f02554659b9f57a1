"""A matrix-nio bot on a real Synapse, with matrix-commander, a client of its own authors, as the person."""

import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from .irc_world import World
from .story.stage import DEADLINE_S, HERE, Environment
from .story.synapse import Synapse

pytestmark = [pytest.mark.process, pytest.mark.slow, pytest.mark.timeout(10 * DEADLINE_S)]


class Commander:
    """Ann at her command line."""

    def __init__(self, server: str, home: Path) -> None:
        program = Path(Environment("matrix-commander").python()).parent / "matrix-commander"
        self._words = [str(program), "-c", str(home / "commander.json"), "-s", str(home / "commander"), "--no-ssl"]
        who = ["--login", "password", "--user-login", "@ann:localhost", "--password", "pw-ann"]
        self.run(*who, "--homeserver", server, "--device", "test", "--room-default", "!none:localhost")

    def run(self, *words: str) -> str:
        done = subprocess.run([*self._words, *words], capture_output=True, text=True, timeout=DEADLINE_S, check=False)
        assert done.returncode == 0, f"matrix-commander {words}: {done.stdout}{done.stderr}"
        return done.stdout

    def make_room(self) -> str:
        told = self.run("--room-create", "deck", "--plain")
        return next(word for word in told.split() if word.startswith("!"))


@pytest.fixture
def world() -> Iterator[World]:
    with closing(World()) as world:
        yield world


def test_what_was_said_before_the_bot_came_is_no_news(world: World) -> None:
    with closing(Synapse()) as synapse:
        synapse.wait_and_register("ann", "bot")
        server = f"http://127.0.0.1:{synapse.port}"
        ann = Commander(server, world.home)
        room = ann.make_room()
        ann.run("--room", room, "-m", "nobody is here yet")
        ann.run("--room-invite", room, "--user", "@bot:localhost")
        bot = [Environment("matrix-nio").python(), str(HERE / "bots/nio_bot.py")]
        env = {"HOMESERVER": server, "SLOW_MS": str(world.home / "slow_ms")}

        first = world.start("first", bot, env=env, autoload=True)
        world.wait_for_events("first", "gateway.ready")
        ann.run("--room", room, "-m", "hello")
        ann.run("--room", room, "-m", "!ping")
        world.wait_for_events("first", "message.sent")
        heard = ann.run("--listen", "tail", "--room", room, "--tail", "2")
        first.kill()
        first.wait()
        ann.run("--room", room, "-m", "are you gone?")
        world.start("second", bot, env=env, autoload=True)
        world.wait_for_events("second", "gateway.ready")
        ann.run("--room", room, "-m", "!ping again")
        world.wait_for_events("second", "command.finished")

        assert "pong" in heard
        assert [message["size"] for message in world.events("first", "message.received")] == [len("hello"), 5]
        assert [message["size"] for message in world.events("second", "message.received")] == [len("!ping again")]
        assert len(world.events("second", "command.started")) == 1
        for name in ("first", "second"):
            assert {seen["user.id"] for seen in world.events(name, "user.seen")} == {"matrix:@ann:localhost"}
            assert not world.events(name, "telemetry.error")
