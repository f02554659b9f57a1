"""Who is still there: the deck says each few seconds that it lives, and lets go of those who do not answer or take
nothing, so that no connection outlives its browser by more than 15 seconds."""

import asyncio
import itertools
import logging

from botdeck.deck.audience import LiveClient
from botdeck.deck.websocket_manager import ConnectionManager

HEARTBEAT_S = 5.0
SILENT_S = 12.0
"""Two pings unanswered."""
STUCK_S = 10.0
LOOK_S = 1.0
HEARTBEATS = round(HEARTBEAT_S / LOOK_S)
"""A part of the browsers with each look."""
_log = logging.getLogger(__name__)


async def keep_in_touch(hub: ConnectionManager) -> None:
    """Runs for as long as the deck."""
    loop = asyncio.get_running_loop()
    looked_at = loop.time()
    for turn in itertools.count():
        await asyncio.sleep(LOOK_S)
        now = loop.time()
        try:
            look(hub, now, late_s=max(0.0, now - looked_at - LOOK_S))
            hub.broadcast_heartbeat(part=turn % HEARTBEATS, of=HEARTBEATS)
        except Exception:
            _log.exception("Looking after the browsers failed; it goes on in a second")
        looked_at = now


def look(hub: ConnectionManager, now: float, *, late_s: float) -> None:
    """`late_s` is for how long the deck itself was too busy to hear anybody."""
    for client in hub.clients:
        client.heard_at += late_s
        client.stuck_since += late_s
        _note_progress(client, now)
        if now - client.heard_at > SILENT_S or now - client.stuck_since > STUCK_S:
            # It would not take a farewell either.
            client.connection.abort()
    hub.forget_empty_audiences(now)


def _note_progress(client: LiveClient, now: float) -> None:
    waiting = client.connection.waiting_bytes
    if not waiting or waiting != client.stuck_bytes:
        client.stuck_since = now
        if client.stuck_bytes:
            # It is slow, but it takes something. Pings go only to those who are ready.
            client.heard_at = now
    client.stuck_bytes = waiting
