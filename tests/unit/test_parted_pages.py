"""A page that is told to go while its first snapshot is read."""

from botdeck.deck.clock import SYSTEM_CLOCK
from botdeck.deck.envelopes import Envelopes
from botdeck.deck.websocket_manager import ConnectionManager
from botdeck.models import Operator, Role


class Wire:
    """A connection that keeps what is written to it."""

    descriptor = -1
    waiting_bytes = 0

    def __init__(self) -> None:
        self.written: list[bytes] = []

    def write(self, data: bytes) -> None:
        self.written.append(data)

    def wake(self) -> None: ...

    def part(self, code: int, reason: str, *, last: bytes = b"") -> None: ...

    def abort(self) -> None: ...


async def test_nothing_is_written_after_the_farewell_of_a_page() -> None:
    hub = ConnectionManager(Envelopes("epoch", SYSTEM_CLOCK))
    wires = [Wire(), Wire()]
    ann = Operator(user_id="1", name="ann", role=Role.ADMIN)
    stays, goes = (hub.connect(wire, ann, "session") for wire in wires)
    positions = hub.positions(None)

    goes.lost()
    for client in (stays, goes):
        hub.follow(client, None, b"snapshot", positions)

    assert [wire.written for wire in wires] == [[b"snapshot"], []]
    assert goes.shard is None
