"""What bots elsewhere post: which lines are new, whatever the order, and what becomes of those that cannot be read."""

import json
import random
from datetime import UTC, datetime

import pytest

from botdeck.deck import posted
from botdeck.deck.seen_seqs import MOST_RANGES, SeenSeqs
from botdeck.errors import BadBatch, StorageError

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def a_line(**fields: object) -> bytes:
    line = {"v": 1, "event": "x", "time": "2026-11-22T11:00:00Z", "run": "r1", **fields}
    return json.dumps(line).encode() + b"\n"


@pytest.mark.parametrize("seed", range(20))
def test_a_number_is_new_once_in_whatever_order_they_come(seed: int) -> None:
    order = random.Random(seed)
    numbers = [order.randrange(-20, 200) for _ in range(400)]
    seen, model = SeenSeqs(), set[int]()

    for number in numbers:
        assert seen.add(number) == (number not in model)
        model.add(number)
        if order.random() < 0.1:
            seen = SeenSeqs.decode(seen.encode())

    assert not any(seen.add(number) for number in model)


def test_numbers_in_a_row_are_one_range_and_a_gap_that_is_filled_leaves_none() -> None:
    seen = SeenSeqs()
    for number in [*range(1, 50), *range(51, 100), 50]:
        seen.add(number)

    assert seen.encode() == b"[[1,99]]"


def test_of_too_many_gaps_the_oldest_is_taken_for_closed() -> None:
    seen = SeenSeqs()
    for number in range(0, 2 * MOST_RANGES + 2, 2):
        seen.add(number)

    assert len(json.loads(seen.encode())) == MOST_RANGES
    assert not seen.add(1)
    assert seen.add(3)


def test_what_the_database_should_not_hold_is_an_error_in_words() -> None:
    with pytest.raises(StorageError, match="which are no ranges"):
        SeenSeqs.decode(b"half a line")


def test_a_damaged_line_is_of_the_run_of_its_neighbour() -> None:
    runs = {
        body: [one.event.run for one in posted.read(body, NOW)]
        for body in (
            b"?\n" + a_line(run="a") + b"?\n" + a_line(run="b") + b"?\n",
            b"?\n",
            a_line(run=""),
            a_line(run="x" * 201) + a_line(run="a"),
        )
    }

    assert list(runs.values()) == [["a", "a", "a", "b", "b"], ["unknown"], ["unknown"], ["a", "a"]]


def test_an_array_says_the_same_as_lines() -> None:
    lines = a_line(seq=1, text="ä") + a_line(seq=2)
    array = b" [" + lines.replace(b"}\n", b"},").rstrip(b",") + b"]"

    assert [one.event for one in posted.read(array, NOW)] == [one.event for one in posted.read(lines, NOW)]


@pytest.mark.parametrize("body", [b"[", b"[[]", b"[" * 100_000, b"[1,]", b'["\xff'])
def test_an_array_that_cannot_be_read_is_refused_as_a_whole(body: bytes) -> None:
    with pytest.raises(BadBatch, match="nothing of it is kept"):
        posted.read(body, NOW)


def test_runs_with_slashes_share_no_stream_with_others() -> None:
    events = [posted.read(line, NOW)[0].event for line in (a_line(run="a/http"), a_line(run="a", **{"process.pid": 7}))]

    assert [posted.stream_of("far", event) for event in events] == ["far/a%2Fhttp/http", "far/a/http/7"]
