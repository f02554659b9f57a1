"""Whether the deck can do its work."""

from dataclasses import dataclass
from typing import Literal

from fastapi import APIRouter

from botdeck import __version__
from botdeck.deck.context import CurrentDeck
from botdeck.deck.errors import documented
from botdeck.deck.permissions import Permission, requires

router = APIRouter(tags=["health"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    status: Literal["ok"] = "ok"
    version: str
    database: Literal["ok"] = "ok"


@router.get("/health", summary="Is the deck well?", responses=documented(503))
@requires(Permission.PUBLIC)
async def health(deck: CurrentDeck) -> Health:
    """503 with a sentence while the database cannot be read and written. Nobody needs to be signed in."""
    await deck.check_database()
    return Health(version=__version__)
