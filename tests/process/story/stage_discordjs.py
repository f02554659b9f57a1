"""discord.js on Botdeck's own stand-in for Discord."""

from .node_environment import NodeEnvironment
from .stage import BotProcess
from .stage_discord import TOKEN, SlashStage


class DiscordJs(SlashStage):
    name = requirements = "discord.js"
    file = "discordjs_bot.mjs"
    hears_text = True
    one_line = False
    tells_unknown_commands = False  # which commands there are, the bot alone knows
    outcomes = (("ping", "ok"), ("boom", "error"), ("nosuch", "ok"), ("slow", "ok"), ("ping", "ok"))
    raises = "LookupError: no such thing"

    def bot(self) -> BotProcess:
        there = {"ELSEWHERE": f"discord {self._discord.api_url}", "TOKEN": TOKEN}
        return NodeEnvironment(self.requirements).bot(self.file, **there)
