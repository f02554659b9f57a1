"""The tokens of bots that run elsewhere."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import Field

from botdeck.deck.context import CurrentDeck, CurrentPrincipal
from botdeck.deck.errors import documented
from botdeck.deck.permissions import Permission, requires
from botdeck.models import BotToken, NewBotToken

router = APIRouter(prefix="/api/tokens", tags=["bots elsewhere"])


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenForm:
    bot: Annotated[str, Field(max_length=256)]
    """What the bot is to be called here; no runner may have one of that name."""


@router.get("", summary="All tokens", responses=documented(401, 403, 503))
@requires(Permission.ADMINISTER)
async def list_tokens(deck: CurrentDeck) -> list[BotToken]:
    """By bot, with those that were revoked. The tokens themselves are kept nowhere."""
    return await deck.bot_tokens.all()


@router.post("", summary="Make a token", responses=documented(400, 401, 403, 409, 503))
@requires(Permission.ADMINISTER)
async def make_token(form: TokenForm, deck: CurrentDeck, principal: CurrentPrincipal) -> NewBotToken:
    """With it a bot that runs elsewhere reports, and can do nothing else. It is shown this once. 409 when the bot has
    one, or is kept by a runner."""
    made = await deck.bot_tokens.make(form.bot, by=principal.record_name)
    await deck.audit.record("token made", principal.record_name, bot=form.bot)
    return made


@router.delete("/{bot}", status_code=204, summary="Revoke a token", responses=documented(401, 403, 404, 409, 503))
@requires(Permission.ADMINISTER)
async def revoke_token(
    bot: Annotated[str, Path(description="The bot whose token it is.")], deck: CurrentDeck, principal: CurrentPrincipal
) -> None:
    """What the bot posts is refused from now on, and it is no longer shown. What it said is kept."""
    await deck.bot_tokens.revoke(bot, by=principal.record_name)
    await deck.audit.record("token revoked", principal.record_name, bot=bot)
