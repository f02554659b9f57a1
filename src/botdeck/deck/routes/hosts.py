"""Runners and the hosts they are on."""

from fastapi import APIRouter

from botdeck.deck.context import CurrentDeck
from botdeck.deck.errors import documented
from botdeck.deck.messages import RunnerList
from botdeck.deck.permissions import Permission, requires

router = APIRouter(prefix="/api", tags=["runners"])


@router.get("/runners", summary="All runners", responses=documented(401))
@requires(Permission.READ)
async def list_runners(deck: CurrentDeck) -> RunnerList:
    """By name, those that are away too, each with its host's load as last told and all that is wrong there."""
    return RunnerList(runners=deck.fleet.runners())
