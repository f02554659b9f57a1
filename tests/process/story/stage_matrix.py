"""matrix-nio on a real Synapse, with nio clients as people."""

import contextlib
import shutil
import tempfile
from pathlib import Path

from ..irc_world import wait_for
from .person import Person
from .relay import Relay
from .stage import DEADLINE_S, HERE, BotProcess, Environment, Stage
from .synapse import Synapse


class NioStage(Stage):
    name = "matrix-nio"
    platform = "matrix"
    requirements = "matrix-nio"
    kind = "prefix"
    file = "nio_bot.py"
    tells_unknown_commands = False  # the library knows no commands, so it knows of none that there is not
    one_line = True
    slow = True
    outcomes = (("ping", "ok"), ("boom", "error"), ("nosuch", "ok"), ("slow", "ok"), ("ping", "ok"))

    def open(self) -> None:
        self._ends = contextlib.ExitStack()
        synapse = Synapse()
        self._ends.callback(synapse.close)
        synapse.wait_and_register("ann", "bob", "bot")
        self._relay = Relay(synapse.port)
        self._ends.callback(self._relay.close)
        home = Path(tempfile.mkdtemp(prefix="botdeck-people-", dir="/var/tmp"))
        self._ends.callback(shutil.rmtree, home)
        server = f"http://127.0.0.1:{synapse.port}"
        self._ann = self._person(home / "ann", ["ann", server, "first"])
        wait_for(lambda: self._ann.saw(), f"ann in her room: {self._ann.log()}", DEADLINE_S)
        self._people = {"ann": self._ann, "bob": self._person(home / "bob", ["bob", server])}
        wait_for(lambda: ["here", "bob"] in self._ann.saw(), "bob in the room", DEADLINE_S)

    def _person(self, log: Path, words: list[str]) -> Person:
        person = Person([Environment(self.requirements).python(), str(HERE / "people/matrix.py"), *words], log)
        self._ends.callback(person.close)
        return person

    def close(self) -> None:
        self._ends.close()

    def bot(self) -> BotProcess:
        return self.ordinary_bot(HOMESERVER=f"http://127.0.0.1:{self._relay.port}")

    def wait_for_bot(self) -> None:
        wait_for(lambda: ["here", "bot"] in self._ann.saw(), f"the bot in the room: {self._ann.log()}", DEADLINE_S)

    def say(self, person: str, text: str) -> None:
        """Waits until the bot has marked it as read, since what comes together with a message at which it stumbles is
        lost for it."""
        before = len(self._sent(person, text))
        self._people[person].say(text)
        wait_for(lambda: len(self._sent(person, text)) > before, f"{text!r} in the room", DEADLINE_S)
        event_id = self._sent(person, text)[-1]
        wait_for(lambda: ["read", "bot", event_id] in self._ann.saw(), f"the bot to read {text!r}", DEADLINE_S)

    def _sent(self, person: str, text: str) -> list[str]:
        return [seen[2] for seen in self._people[person].saw() if seen[:2] == ["sent", text]]

    def command(self, person: str, name: str) -> None:
        self.say(person, f"!{name}")

    def heard(self) -> list[str]:
        return [seen[2] for seen in self._ann.saw() if seen[:2] == ["said", "bot"]]

    def user_id(self, person: str) -> str:
        return f"matrix:@{person}:localhost"

    def cut(self) -> None:
        """For long enough that the HTTP client's own second try, of which nio does not know, fails as well."""
        before = self._relay.passed
        self._relay.cut(refused=3)
        wait_for(lambda: self._relay.passed > before, "the bot to ask again", DEADLINE_S)
