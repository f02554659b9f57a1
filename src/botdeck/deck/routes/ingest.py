"""Where bots that run elsewhere report. docs/sdk.md tells what they say."""

from typing import Any

from fastapi import APIRouter, HTTPException
from starlette.requests import ClientDisconnect, Request

from botdeck.deck.context import CurrentDeck, CurrentPrincipal
from botdeck.deck.errors import documented
from botdeck.deck.permissions import Permission, requires
from botdeck.models import Ingestion

router = APIRouter(prefix="/api", tags=["bots elsewhere"])
_LINES = {"schema": {"type": "string"}, "example": '{"v":1,"event":"message.received","time":"...","run":"r1","seq":1}'}
_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/x-ndjson": _LINES,
            "application/json": {"schema": {"type": "array", "items": {"type": "object"}}},
        },
    }
}


@router.post(
    "/ingest",
    summary="Report events",
    responses=documented(400, 401, 403, 413, 429, 503),
    openapi_extra=_BODY,
)
@requires(Permission.INGEST)
async def ingest(request: Request, deck: CurrentDeck, principal: CurrentPrincipal) -> Ingestion:
    """Lines of schema v1, or an array of the same objects: at most 1,000 in 1 MiB. Answers when all are committed; the
    same lines may be posted again and count once, if they have a `seq`."""
    bot = principal.bot
    assert bot is not None, "the route's permission lets bots in only"
    if request.headers.get("content-encoding", "identity") != "identity":
        raise HTTPException(400, "Events are taken as they are, without a Content-Encoding.")
    try:
        taken = await deck.http_intake.take(bot, request.body)
    except ClientDisconnect:
        raise HTTPException(400, "The request ended before its body did.") from None
    # Committed. Browsers first: this does not wait.
    deck.logs.add(bot, taken.lines)
    if taken.changed:
        deck.dashboard.changed(bot)
    deck.remote_bots.heard(bot, taken.events)
    await deck.remote_bots.remember(bot)
    return taken.ingestion
