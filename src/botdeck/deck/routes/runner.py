"""Where runners dial in. docs/protocol.md tells what goes over the link."""

from collections.abc import AsyncIterator

from fastapi import APIRouter
from starlette.websockets import WebSocket, WebSocketDisconnect

from botdeck.deck.context import CurrentDeck, CurrentPrincipal
from botdeck.deck.permissions import Permission, requires
from botdeck.deck.runner_link import LinkClosed
from botdeck.deck.sockets import SocketWire
from botdeck.protocol.frames import MAX_FRAME_BYTES

router = APIRouter()


@router.websocket("/api/runner/link", name="runner_link")
@requires(Permission.RUNNER)
async def runner_link(websocket: WebSocket, deck: CurrentDeck, principal: CurrentPrincipal) -> None:
    wire = SocketWire(websocket, largest_frame=MAX_FRAME_BYTES)
    try:
        await websocket.accept()
        await deck.runners.serve(_frames(websocket), wire.send, joined_as=principal.runner)
    except LinkClosed as closed:
        wire.connection.part(closed.code, str(closed))
    except (ConnectionError, WebSocketDisconnect):
        return  # it went while it was being told something


async def _frames(websocket: WebSocket) -> AsyncIterator[str | bytes]:
    """Until the runner goes."""
    while (message := await websocket.receive())["type"] != "websocket.disconnect":
        data = message.get("bytes")
        yield data if data is not None else message.get("text") or ""
