"""Every library that the story is played with. A new one is a `Stage` in a `stage_*.py` of its own and a row here."""

from .stage import Stage
from .stage_irc import IrcStage, SopelStage
from .stage_slack import SlackAsyncStage, SlackStage
from .stage_xmpp import SlixmppStage

STAGES: list[type[Stage]] = [IrcStage, SopelStage, SlackStage, SlackAsyncStage, SlixmppStage]
