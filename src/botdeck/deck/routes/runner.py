"""Where runners dial in. docs/protocol.md tells what goes over the link."""

from collections.abc import AsyncIterator

from fastapi import APIRouter
from starlette.websockets import WebSocket

from botdeck.deck.context import CurrentDeck
from botdeck.deck.permissions import Permission, requires
from botdeck.deck.runner_link import LinkClosed
from botdeck.deck.sockets import was_closed

router = APIRouter()


@router.websocket("/api/runner/link", name="runner_link")
@requires(Permission.RUNNER)
async def runner_link(websocket: WebSocket, deck: CurrentDeck) -> None:
    await websocket.accept()
    try:
        await deck.runners.serve(_frames(websocket), websocket.send_text)
    except LinkClosed as closed:
        await websocket.close(closed.code, closed.reason)
    except Exception as error:
        if not was_closed(error):
            raise


async def _frames(websocket: WebSocket) -> AsyncIterator[str | bytes]:
    """Until the runner goes."""
    while (message := await websocket.receive())["type"] != "websocket.disconnect":
        data = message.get("bytes")
        yield data if data is not None else message.get("text") or ""
