"""slixmpp on a real prosody, with slixmpp clients as people."""

import contextlib

from ..irc_world import wait_for
from .prosody import PEOPLE, Prosody
from .relay import Relay
from .stage import DEADLINE_S, BotProcess, Stage


class SlixmppStage(Stage):
    name = "slixmpp"
    platform = "xmpp"
    requirements = "slixmpp"
    kind = "prefix"
    file = "slixmpp_bot.py"
    tells_unknown_commands = False  # the library knows no commands, so it knows of none that there is not
    one_line = True
    outcomes = (("ping", "ok"), ("boom", "error"), ("nosuch", "ok"), ("slow", "ok"), ("ping", "ok"))

    def open(self) -> None:
        self._ends = contextlib.ExitStack()
        prosody = Prosody()
        self._ends.callback(prosody.close)
        self._relay = Relay(prosody.port)
        self._ends.callback(self._relay.close)
        self._people = {name: prosody.person(name) for name in PEOPLE}

    def close(self) -> None:
        self._ends.close()

    def bot(self) -> BotProcess:
        return self.ordinary_bot(XMPP_PORT=str(self._relay.port))

    def wait_for_bot(self) -> None:
        self._wait_for_arrivals(1)

    def _wait_for_arrivals(self, number: int) -> None:
        def arrived() -> bool:
            return self._people["ann"].saw().count(["here", "bot"]) >= number

        wait_for(arrived, f"the bot in the room for the {number}. time: {self._people['ann'].log()}", DEADLINE_S)

    def say(self, person: str, text: str) -> None:
        """Waits until it is in the room, so that what two people say has an order."""
        before = self._people["ann"].saw().count(["said", person, text])
        self._people[person].say(text)
        wait_for(lambda: self._people["ann"].saw().count(["said", person, text]) > before, f"{text!r} in the room")

    def command(self, person: str, name: str) -> None:
        self.say(person, f"!{name}")

    def heard(self) -> list[str]:
        return [seen[2] for seen in self._people["ann"].saw() if seen[:2] == ["said", "bot"]]

    def user_id(self, person: str) -> str:
        return f"xmpp:{person}@localhost"

    def cut(self) -> None:
        self._relay.cut()
        self._wait_for_arrivals(2)
