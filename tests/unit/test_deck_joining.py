"""Who joins the hub, or catches up, while messages for the others are under way."""

import contextlib
import json
import re
import socket
from collections.abc import Iterator

import pytest

from botdeck.deck.audience import LiveClient
from botdeck.deck.clock import SYSTEM_CLOCK
from botdeck.deck.envelopes import Envelopes
from botdeck.deck.websocket_manager import ConnectionManager
from botdeck.models import Operator, Role

from .deck_house import a_status, eventually

ANN = Operator(user_id="1", name="ann", role=Role.ADMIN)


class Page:
    """A connection whose other end is read here."""

    def __init__(self, hub: ConnectionManager) -> None:
        self._ours, self._theirs = socket.socketpair()
        self._theirs.setblocking(False)
        self._read = b""
        self.client: LiveClient = hub.connect(self, ANN, None)
        self.hub = hub

    @property
    def descriptor(self) -> int:
        return self._ours.fileno()

    @property
    def waiting_bytes(self) -> int:
        return 0

    def write(self, data: bytes) -> None:
        self._ours.sendall(data)

    def wake(self) -> None:
        raise AssertionError("nothing here changes which bot is followed")

    def part(self, code: int, reason: str, *, last: bytes = b"") -> None:
        raise AssertionError(reason)

    def abort(self) -> None:
        raise AssertionError("it takes everything")

    def join(self) -> "Page":
        self.hub.follow(self.client, "helper", b"", self.hub.positions("helper"))
        return self

    def restarts(self) -> list[int]:
        """Of the statuses that came until now, in order."""
        with contextlib.suppress(BlockingIOError):
            self._read += self._theirs.recv(1 << 20)
        return [json.loads(number) for number in re.findall(rb'"restarts":(\d+)', self._read)]

    def close(self) -> None:
        self._ours.close()
        self._theirs.close()


class Pages:
    def __init__(self) -> None:
        self.hub = ConnectionManager(Envelopes("e", SYSTEM_CLOCK))
        self._all: list[Page] = []

    def new(self) -> Page:
        page = Page(self.hub)
        self._all.append(page)
        return page

    def tell(self, restarts: int) -> None:
        self.hub.broadcast_bot_status(a_status("helper", restarts=restarts))

    def close(self) -> None:
        for page in self._all:
            page.close()


@pytest.fixture
def pages() -> Iterator[Pages]:
    pages = Pages()
    yield pages
    pages.close()


async def test_a_page_that_joins_while_a_message_is_under_way_misses_nothing(pages: Pages) -> None:
    first = pages.new().join()
    pages.tell(1)
    pages.hub._on_time()  # encoded, and not written yet

    second = pages.new().join()

    pages.tell(2)
    await eventually(lambda: first.restarts() == [1, 2] and second.restarts() == [2])
    pages.tell(3)
    await eventually(lambda: first.restarts() == [1, 2, 3] and second.restarts() == [2, 3])


async def test_a_page_that_resumes_while_a_message_is_under_way_gets_it_once(pages: Pages) -> None:
    first = pages.new().join()
    had = pages.hub.positions("helper")
    pages.tell(1)
    pages.hub._on_time()

    second = pages.new()
    pages.hub.follow(second.client, "helper", b"", had)
    pages.tell(2)

    await eventually(lambda: first.restarts() == [1, 2] and second.restarts() == [1, 2])


async def test_a_page_that_goes_while_it_waits_to_be_ready_is_not_written_to(pages: Pages) -> None:
    first = pages.new().join()
    pages.tell(1)
    pages.hub._on_time()

    second = pages.new().join()
    pages.hub.disconnect(second.client)
    pages.tell(2)

    await eventually(lambda: first.restarts() == [1, 2])
    assert second.restarts() == []
