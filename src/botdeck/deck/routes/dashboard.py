"""The figures of the dashboard."""

from typing import Annotated

from fastapi import APIRouter, Query

from botdeck.deck.context import CurrentDeck
from botdeck.deck.errors import documented
from botdeck.deck.permissions import Permission, requires
from botdeck.models import DashboardStats

router = APIRouter(prefix="/api/dashboard", tags=["dashboard"])


@router.get("/stats", summary="The figures of the dashboard", responses=documented(401, 404, 503))
@requires(Permission.READ)
async def dashboard_stats(
    deck: CurrentDeck,
    bot: Annotated[str | None, Query(description="A bot's name; without one, the default bot.")] = None,
) -> DashboardStats:
    """With the last 50 log lines. Pages poll this while their live channel is away."""
    return await deck.dashboard.stats(bot if bot is not None else deck.default_bot(), with_logs=True)
