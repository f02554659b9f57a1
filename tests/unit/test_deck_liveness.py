"""Who is let go of: those who do not answer, and those who take nothing. Not those who are slow, nor anybody when it is
the deck that was late."""

from typing import Any

import pytest

from botdeck.deck.audience import LiveClient
from botdeck.deck.clock import SYSTEM_CLOCK
from botdeck.deck.envelopes import Envelopes
from botdeck.deck.liveness import SILENT_S, STUCK_S, look
from botdeck.deck.websocket_manager import ConnectionManager

from .live_wire import ANN


class Connection:
    """What `look` sees of one."""

    descriptor = -1
    waiting_bytes = 0
    aborted = False

    def abort(self) -> None:
        self.aborted = True


@pytest.fixture
async def hub() -> ConnectionManager:
    return ConnectionManager(Envelopes("e", SYSTEM_CLOCK))


def a_client(hub: ConnectionManager) -> tuple[LiveClient, Any]:
    connection: Any = Connection()
    client = hub.connect(connection, ANN, None)
    client.heard_at = client.stuck_since = 0.0
    return client, connection


async def test_one_who_answers_nothing_is_let_go_of(hub: ConnectionManager) -> None:
    _, connection = a_client(hub)
    for second in range(1, int(SILENT_S) + 1):
        look(hub, second, late_s=0.0)
        assert not connection.aborted

    look(hub, SILENT_S + 1, late_s=0.0)

    assert connection.aborted


async def test_one_who_answers_stays(hub: ConnectionManager) -> None:
    client, connection = a_client(hub)
    for second in range(1, 100):
        if second % 5 == 0:
            client.heard_at = second
        look(hub, second, late_s=0.0)

    assert not connection.aborted


async def test_one_who_takes_nothing_is_let_go_of_though_it_speaks(hub: ConnectionManager) -> None:
    client, connection = a_client(hub)
    connection.waiting_bytes = 5000
    for second in range(1, int(STUCK_S) + 2):
        client.heard_at = second
        look(hub, second, late_s=0.0)
        assert not connection.aborted

    look(hub, STUCK_S + 2, late_s=0.0)

    assert connection.aborted


async def test_one_who_is_slow_and_so_gets_no_ping_stays_as_long_as_it_takes_something(hub: ConnectionManager) -> None:
    _, connection = a_client(hub)
    for second in range(1, 100):
        connection.waiting_bytes = 60_000 - 500 * second
        look(hub, second, late_s=0.0)

    assert not connection.aborted


async def test_what_begins_to_wait_is_no_sign_of_life(hub: ConnectionManager) -> None:
    _, connection = a_client(hub)
    look(hub, SILENT_S, late_s=0.0)
    connection.waiting_bytes = 5000
    look(hub, SILENT_S + 1, late_s=0.0)

    assert connection.aborted


async def test_nobody_is_let_go_of_because_the_deck_was_busy(hub: ConnectionManager) -> None:
    client, connection = a_client(hub)
    connection.waiting_bytes = 5000
    look(hub, 1, late_s=0.0)
    client.heard_at = 1

    look(hub, 60, late_s=58.0)

    assert not connection.aborted
