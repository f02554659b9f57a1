"""Bots by name, and the routes without a name, which act on the default bot."""

from enum import Enum
from typing import Annotated

from fastapi import APIRouter, HTTPException, Path, Query

from botdeck.deck.context import CurrentDeck, CurrentPrincipal
from botdeck.deck.errors import documented
from botdeck.deck.permissions import Permission, requires
from botdeck.errors import UnknownRun
from botdeck.models import Action, ActionResult, BotList, BotStatus, DashboardStats, LogPage, Run

router = APIRouter(prefix="/api")
_FLEET: list[str | Enum] = ["bots"]
_DEFAULT: list[str | Enum] = ["default bot"]

Name = Annotated[str, Path(description="The bot's name in botdeck.toml.")]
# 2⁵³: the last whole number that JSON readers everywhere get right.
LineId = Annotated[int | None, Query(ge=0, le=2**53, description="Id of a line that is not among the answers.")]
_ACTION_ERRORS = documented(401, 403, 404, 409, 503)


@router.get("/bots", tags=_FLEET, summary="All bots", responses=documented(401))
@requires(Permission.READ)
async def list_bots(deck: CurrentDeck) -> BotList:
    """In the order of the configuration, each with its status as of now."""
    return deck.fleet.bot_list()


@router.get("/bots/{name}", tags=_FLEET, summary="What one bot is doing", responses=documented(401, 404))
@requires(Permission.READ)
async def bot_status(name: Name, deck: CurrentDeck) -> BotStatus:
    return deck.fleet.status(name)


@router.get("/bots/{name}/stats", tags=_FLEET, summary="The figures of one bot", responses=documented(401, 404, 503))
@requires(Permission.READ)
async def bot_stats(name: Name, deck: CurrentDeck) -> DashboardStats:
    return await deck.dashboard.stats(name, with_logs=True)


@router.get("/bots/{name}/logs", tags=_FLEET, summary="Log lines", responses=documented(400, 401, 404, 503))
@requires(Permission.READ)
async def bot_logs(
    name: Name,
    deck: CurrentDeck,
    before: LineId = None,
    after: LineId = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 200,
) -> LogPage:
    """Oldest first. `before` an id: the newest lines older than it; `after` one: the oldest lines newer; without either
    the newest lines."""
    if before is not None and after is not None:
        raise HTTPException(400, "Ask for lines before one id or after one, not both.")
    deck.fleet.status(name)
    lines, more = await deck.storage.logs(name, before=before, after=after, limit=limit)
    return LogPage(lines=lines, more=more)


@router.get("/bots/{name}/runs", tags=_FLEET, summary="Lives of its process", responses=documented(400, 401, 404, 503))
@requires(Permission.READ)
async def bot_runs(name: Name, deck: CurrentDeck, limit: Annotated[int, Query(ge=1, le=1000)] = 50) -> list[Run]:
    """Newest first."""
    deck.fleet.status(name)
    return await deck.storage.runs(name, limit)


@router.get(
    "/bots/{name}/runs/{run}", tags=_FLEET, summary="One life of its process", responses=documented(401, 404, 503)
)
@requires(Permission.READ)
async def bot_run(name: Name, run: Annotated[str, Path(description="Id of the run.")], deck: CurrentDeck) -> Run:
    """With what it left for those who ask why it ended, once it is over."""
    deck.fleet.status(name)
    found = await deck.storage.run(name, run)
    if found is None:
        raise UnknownRun(f"{name} has no run '{run}'. Its runs are at /api/bots/{name}/runs.")
    return found


@router.post("/bots/{name}/{action}", tags=_FLEET, summary="Give an order", responses=_ACTION_ERRORS)
@requires(Permission.CONTROL)
async def bot_action(name: Name, action: Action, deck: CurrentDeck, principal: CurrentPrincipal) -> ActionResult:
    """Answers once the bot's runner took the order; what comes of it follows as status. 409 when the order makes no
    sense in the bot's state, 503 when its runner is not connected."""
    return await deck.runners.order(name, action, principal.record_name)


@router.get("/bot/status", tags=_DEFAULT, summary="What the default bot is doing", responses=documented(401, 404))
@requires(Permission.READ)
async def default_bot_status(deck: CurrentDeck) -> BotStatus:
    return deck.fleet.status(deck.default_bot())


@router.post("/bot/start", tags=_DEFAULT, summary="Start the default bot", responses=_ACTION_ERRORS)
@requires(Permission.CONTROL)
async def start_default_bot(deck: CurrentDeck, principal: CurrentPrincipal) -> ActionResult:
    return await deck.runners.order(deck.default_bot(), Action.START, principal.record_name)


@router.post("/bot/stop", tags=_DEFAULT, summary="Stop the default bot", responses=_ACTION_ERRORS)
@requires(Permission.CONTROL)
async def stop_default_bot(deck: CurrentDeck, principal: CurrentPrincipal) -> ActionResult:
    """It is asked to end, and killed after its `stop_timeout_s`."""
    return await deck.runners.order(deck.default_bot(), Action.STOP, principal.record_name)


@router.post("/bot/restart", tags=_DEFAULT, summary="Restart the default bot", responses=_ACTION_ERRORS)
@requires(Permission.CONTROL)
async def restart_default_bot(deck: CurrentDeck, principal: CurrentPrincipal) -> ActionResult:
    return await deck.runners.order(deck.default_bot(), Action.RESTART, principal.record_name)


@router.post("/bot/kill", tags=_DEFAULT, summary="Kill the default bot", responses=_ACTION_ERRORS)
@requires(Permission.CONTROL)
async def kill_default_bot(deck: CurrentDeck, principal: CurrentPrincipal) -> ActionResult:
    """Its whole process tree ends at once."""
    return await deck.runners.order(deck.default_bot(), Action.KILL, principal.record_name)
