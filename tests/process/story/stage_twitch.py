"""TwitchIO on a fake of Twitch."""

from ..irc_world import wait_for
from .stage import DEADLINE_S, BotProcess, Stage
from .twitch import FakeTwitch


class TwitchioStage(Stage):
    name = requirements = "twitchio"
    platform = "twitch"
    kind = "prefix"
    file = "twitchio_bot.py"
    one_line = True

    def __init__(self) -> None:
        self._twitch = FakeTwitch()

    def open(self) -> None:
        """It is open from the start."""

    def close(self) -> None:
        self._twitch.close()

    def bot(self) -> BotProcess:
        return self.ordinary_bot(ELSEWHERE=f"twitch {self._twitch.addresses}")

    def wait_for_bot(self) -> None:
        self._wait_for_subscriptions(1)

    def _wait_for_subscriptions(self, number: int) -> None:
        wait_for(lambda: self._twitch.subscribed >= number, f"subscription number {number}", DEADLINE_S)

    def say(self, person: str, text: str) -> None:
        self._twitch.say(person, text)

    def command(self, person: str, name: str) -> None:
        self.say(person, f"!{name}")

    def heard(self) -> list[str]:
        return list(self._twitch.heard)

    def user_id(self, person: str) -> str:
        return f"twitch:{self._twitch.user_id(person)}"

    def cut(self) -> None:
        self._twitch.drop()
        self._wait_for_subscriptions(2)
