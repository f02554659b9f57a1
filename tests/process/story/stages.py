"""Every library that the story is played with. A new one is a `Stage` in a `stage_*.py` of its own and a row here."""

from . import stage_discord, stage_hikari, stage_telegram
from .stage import Stage
from .stage_discordjs import DiscordJs
from .stage_irc import IrcStage, SopelStage
from .stage_matrix import NioStage
from .stage_slack import SlackAsyncStage, SlackStage
from .stage_twitch import TwitchioStage
from .stage_xmpp import SlixmppStage

STAGES: list[type[Stage]] = [
    *stage_discord.STAGES,
    *stage_hikari.STAGES,
    *stage_telegram.STAGES,
    DiscordJs,
    *(IrcStage, SopelStage),
    *(SlackStage, SlackAsyncStage),
    NioStage,
    SlixmppStage,
    TwitchioStage,
]
