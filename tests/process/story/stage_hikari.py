"""hikari with arc's slash commands, against the fake Discord."""

from .stage import Stage
from .stage_discord import SlashStage


class HikariArc(SlashStage):
    name = "hikari and arc"
    requirements = "hikari"
    file = "hikari_arc.py"
    hears_text = True
    says_when_it_fails = ("❌ Something went wrong. Please contact the bot developer.",)


STAGES: list[type[Stage]] = [HikariArc]
