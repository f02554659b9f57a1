"""Whether the deck can do its work."""

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends
from starlette.requests import Request

from botdeck import __version__
from botdeck.deck.context import CurrentDeck
from botdeck.deck.errors import documented
from botdeck.deck.permissions import Permission, requires
from botdeck.errors import StorageError

router = APIRouter(tags=["health"])
_CHECK_EVERY_S = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    status: Literal["ok"] = "ok"
    version: str
    database: Literal["ok"] = "ok"


class DatabaseCheck:
    """At most once a second, for the check writes and anybody may ask for it."""

    def __init__(self) -> None:
        self._checked_at = float("-inf")
        self._error: str | None = None

    async def __call__(self, deck: CurrentDeck) -> None:
        """Raises StorageError."""
        now = deck.clock.seconds()
        if now - self._checked_at >= _CHECK_EVERY_S:
            self._checked_at = now
            self._error = await _problem_of(deck)
        if self._error is not None:
            raise StorageError(self._error)


async def _problem_of(deck: CurrentDeck) -> str | None:
    try:
        await deck.storage.health()
    except StorageError as error:
        return str(error)
    return None


async def database_check(request: Request, deck: CurrentDeck) -> None:
    state: Any = request.app.state
    if not hasattr(state, "database_check"):
        state.database_check = DatabaseCheck()
    await state.database_check(deck)


@router.get("/health", summary="Is the deck well?", responses=documented(503))
@requires(Permission.PUBLIC)
async def health(checked: Annotated[None, Depends(database_check)]) -> Health:
    """503 with a sentence while the database cannot be read and written. Nobody needs to be signed in."""
    return Health(version=__version__)
