"""discord.js on Botdeck's own stand-in for Discord."""

from botdeck.testing.discord import FakeDiscord

from .node_environment import NodeEnvironment
from .stage import DEADLINE_S, BotProcess, Stage

TOKEN = "MTEwMDAwMDAwMDAwMDAwMDAwOQ==.abc.def"  # begins with an id, as real ones do


class DiscordJs(Stage):
    name = requirements = "discord.js"
    platform = "discord"
    kind = "slash"
    file = "discordjs_bot.mjs"
    commands_are_messages = False
    tells_unknown_commands = False  # which commands there are, the bot alone knows
    outcomes = (("ping", "ok"), ("boom", "error"), ("nosuch", "ok"), ("slow", "ok"), ("ping", "ok"))
    raises = "LookupError: no such thing"
    discord: FakeDiscord | None = None

    def open(self) -> None:
        self.discord = FakeDiscord()

    def close(self) -> None:
        if self.discord is not None:
            self.discord.close()

    def bot(self) -> BotProcess:
        there = {"ELSEWHERE": f"discord {self._discord.api_url}", "TOKEN": TOKEN}
        return NodeEnvironment(self.requirements).bot(self.file, **there)

    def wait_for_bot(self) -> None:
        self._discord.wait_for_bot(DEADLINE_S)
        self._discord.wait_until(lambda: len(self._discord.commands) == 3, "its commands to be registered", DEADLINE_S)

    def say(self, person: str, text: str) -> None:
        self._discord.say(person, text)

    def command(self, person: str, name: str) -> None:
        self._discord.call(person, name)

    def heard(self) -> list[str]:
        return list(self._discord.heard)

    def user_id(self, person: str) -> str:
        return f"discord:{self._discord.user_id(person)}"

    def cut(self) -> None:
        self._discord.drop()
        self._discord.wait_until(lambda: self._discord.resumes == 1, "the bot to resume", DEADLINE_S)

    @property
    def _discord(self) -> FakeDiscord:
        assert self.discord is not None
        return self.discord
