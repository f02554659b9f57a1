"""How many may come at once, and when the others are told to come: rows of a clock, no sleeps."""

import pytest

from botdeck.deck.admission import BOOKED_SHARE, LONGEST_WAIT_S, Admission
from botdeck.deck.doorstep import accepted_and_closed, handshake_key

KEY = "dGhlIHNhbXBsZSBub25jZQ=="
HANDSHAKE = (
    f"GET /deck/ws/1?bot=a HTTP/1.1\r\nHost: here\r\nUpgrade: websocket\r\nSec-WebSocket-Key: {KEY}\r\n\r\n".encode()
)


def admitted(admission: Admission, now: float, count: int) -> int:
    return sum(admission.admit(now) for _ in range(count))


def test_a_single_page_on_a_quiet_deck_is_let_in_whenever_it_comes() -> None:
    admission = Admission(rate_per_s=10, burst=5)

    assert [admission.admit(now) for now in (0.0, 0.1, 0.2, 1000.0, 1000.1, 1e9)] == [True] * 6


@pytest.mark.parametrize(
    ("later_s", "let_in"),
    [(0.0, 0), (0.09, 0), (0.11, 1), (0.25, 2), (0.51, 5), (3600.0, 5)],
)
def test_after_a_burst_they_are_let_in_at_the_rate_and_never_more_than_a_burst(later_s: float, let_in: int) -> None:
    admission = Admission(rate_per_s=10, burst=5)

    assert admitted(admission, 100.0, 50) == 5
    assert admitted(admission, 100.0 + later_s, 50) == let_in


def test_each_that_is_turned_away_is_told_a_later_time() -> None:
    admission = Admission(rate_per_s=100, burst=1)

    told = [admission.book(50.0).after_s for _ in range(5)]

    step = 1 / (100 * BOOKED_SHARE)
    assert told == pytest.approx([1 + n * step for n in range(5)])


def test_a_herd_that_comes_at_the_times_it_was_told_finds_room_besides_some_who_come_for_the_first_time() -> None:
    admission = Admission(rate_per_s=100, burst=10)
    told = [50.0 + admission.book(50.0).after_s for _ in range(2000)]
    strangers = [51.0 + n / 15 for n in range(300)]
    admitted(admission, 50.0, 10)

    assert all(admission.admit(now) for now in sorted(told + strangers))


def test_times_that_nobody_waits_for_any_more_are_forgotten() -> None:
    admission = Admission(rate_per_s=100, burst=1)
    for _ in range(1000):
        admission.book(0.0)

    assert admission.book(20.0).after_s == pytest.approx(1.0)


def test_nobody_is_told_to_wait_much_longer_than_a_minute() -> None:
    admission = Admission(rate_per_s=10, burst=1)

    waits = [admission.book(0.0) for _ in range(5000)]

    assert all(wait.after_s <= LONGEST_WAIT_S + 1 for wait in waits)
    assert (waits[-1].after_s, waits[-1].spread_s) == (30.0, 60.0)


def test_a_clock_that_goes_back_gives_nothing_and_takes_nothing() -> None:
    admission = Admission(rate_per_s=10, burst=5)
    admitted(admission, 100.0, 5)

    assert admitted(admission, 90.0, 5) == 0
    assert admitted(admission, 100.11, 5) == 1


@pytest.mark.parametrize(("pages", "spread_s"), [(0, 1.0), (1, 1.0), (160, 1.0), (1600, 10.0), (4800, 30.0)])
def test_all_who_leave_a_deck_that_stops_come_to_the_next_one_at_the_rate(pages: int, spread_s: float) -> None:
    wait = Admission(rate_per_s=200).after_restart(pages)

    assert (wait.after_s, wait.spread_s) == (1.0, spread_s)


@pytest.mark.parametrize(
    ("request_", "key"),
    [
        (HANDSHAKE, KEY),
        (HANDSHAKE.replace(b"Sec-WebSocket-Key: ", b"sec-websocket-key:\t"), KEY),
        (HANDSHAKE.replace(b"/deck/ws/", b"/deck/api/runner/link"), None),
        (HANDSHAKE.replace(b"GET", b"POST"), None),
        (HANDSHAKE.replace(b"Host", b"authorization: Bearer x\r\nHost"), None),
        (HANDSHAKE.replace(KEY.encode(), b"short"), None),
        (HANDSHAKE[:-1], None),
        (HANDSHAKE[3:], None),
        (b"", None),
    ],
    ids=["page", "small letters", "runner", "no GET", "program", "bad key", "first piece", "last piece", "nothing"],
)
def test_only_a_whole_handshake_of_a_page_is_answered_early(request_: bytes, key: str | None) -> None:
    assert handshake_key(request_, b"/deck/ws/") == key


def test_the_early_answer_is_a_right_one() -> None:
    answer = accepted_and_closed(KEY, b"(frames)", 1013, "Busy.")

    head, _, frames = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 101 ")
    assert b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" in head  # as RFC 6455 has it
    assert frames == b"(frames)\x88\x07" + (1013).to_bytes(2) + b"Busy."
