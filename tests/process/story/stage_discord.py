"""discord.py and its forks against the fake Discord, each with prefix commands and with slash commands."""

from botdeck.testing.discord import FakeDiscord

from .stage import DEADLINE_S, BotProcess, Stage

TOKEN = "MTEwMDAwMDAwMDAwMDAwMDAwOQ==.abc.def"  # begins with an id, as libraries check


class DiscordStage(Stage):
    platform = "discord"
    kind = "prefix"
    one_line = True
    discord: FakeDiscord | None = None

    @property
    def _discord(self) -> FakeDiscord:
        assert self.discord is not None, "open() comes first"
        return self.discord

    def open(self) -> None:
        self.discord = FakeDiscord()

    def close(self) -> None:
        if self.discord is not None:
            self.discord.close()

    def bot(self) -> BotProcess:
        return self.ordinary_bot(ELSEWHERE=f"discord {self._discord.api_url}", TOKEN=TOKEN)

    def wait_for_bot(self) -> None:
        self._discord.wait_for_bot(DEADLINE_S)

    def say(self, person: str, text: str) -> None:
        self._discord.say(person, text)

    def command(self, person: str, name: str) -> None:
        self._discord.say(person, f"!{name}")

    def heard(self) -> list[str]:
        return list(self._discord.heard)

    def user_id(self, person: str) -> str:
        return f"discord:{self._discord.user_id(person)}"

    def cut(self) -> None:
        self._discord.drop()
        self._discord.wait_until(lambda: self._discord.resumes == 1, "the bot to resume", DEADLINE_S)


class SlashStage(DiscordStage):
    kind = "slash"
    commands_are_messages = False
    hears_text = False  # these bots do without the privileged intent

    def wait_for_bot(self) -> None:
        super().wait_for_bot()
        registered = self._discord.commands
        self._discord.wait_until(lambda: len(registered) == 3, "its commands to be registered", DEADLINE_S)
        self._discord.wait_for_calm(DEADLINE_S)  # nextcord loses a call that comes before it knows the command's id

    def command(self, person: str, name: str) -> None:
        self._discord.call(person, name)


class DiscordPy(DiscordStage):
    name = requirements = "discord.py"
    file = "discord_prefix.py"


class DiscordPySlash(SlashStage):
    name = "discord.py slash"
    requirements = "discord.py"
    file = "discord_slash.py"


class PyCord(DiscordStage):
    name = requirements = "py-cord"
    file = "discord_prefix.py"


class PyCordSlash(SlashStage):
    name = "py-cord slash"
    requirements = "py-cord"
    file = "pycord_slash.py"


class Disnake(DiscordStage):
    name = requirements = "disnake"
    file = "disnake_prefix.py"


class DisnakeSlash(SlashStage):
    name = "disnake slash"
    requirements = "disnake"
    file = "disnake_slash.py"


class Nextcord(DiscordStage):
    name = requirements = "nextcord"
    file = "nextcord_prefix.py"


class NextcordSlash(SlashStage):
    name = "nextcord slash"
    requirements = "nextcord"
    file = "nextcord_slash.py"


STAGES: list[type[Stage]] = [
    *(DiscordPy, DiscordPySlash, PyCord, PyCordSlash),
    *(Disnake, DisnakeSlash, Nextcord, NextcordSlash),
]
