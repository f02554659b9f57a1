"""What is missing in a stream, in offsets and in words; and how much of a flood is kept."""

import random

import pytest

from botdeck.runner.flood import Flood
from botdeck.runner.gaps import Gap, Gaps, bytes_in_words


def spans(gaps: Gaps) -> list[tuple[int, int]]:
    return [(gap.begin, gap.end) for gap in gaps]


def test_gaps_that_overlap_are_one_with_all_reasons() -> None:
    gaps = Gaps([Gap(begin=10, end=20, reasons=["a"]), Gap(begin=30, end=40, reasons=["b"])])

    gaps.add(Gap(begin=15, end=35, reasons=["a"]))

    assert list(gaps) == [Gap(begin=10, end=40, reasons=["a", "b"])]
    assert gaps.size == 30


def test_gaps_that_touch_are_one_when_they_have_the_same_reason() -> None:
    gaps = Gaps([Gap(begin=10, end=20, reasons=["a"])])

    gaps.add(Gap(begin=20, end=30, reasons=["a"]))
    gaps.add(Gap(begin=30, end=40, reasons=["b"]))

    assert spans(gaps) == [(10, 30), (30, 40)]


def test_what_is_said_at_a_place_belongs_to_what_is_missing_from_there_on() -> None:
    gaps = Gaps([Gap(begin=10, end=20, reasons=["a"])])

    gaps.add(Gap(begin=20, end=20, notices=["Here."]))
    before = spans(gaps)
    gaps.add(Gap(begin=20, end=30, reasons=["b"]))

    assert before == [(10, 20), (20, 20)]
    assert list(gaps)[1] == Gap(begin=20, end=30, reasons=["b"], notices=["Here."])


def test_what_was_shipped_is_forgotten_and_what_is_to_be_said_right_there_is_not() -> None:
    gaps = Gaps([Gap(begin=10, end=20), Gap(begin=25, end=25, notices=["Here."]), Gap(begin=30, end=40)])

    gaps.forget_before(25)
    at_25 = spans(gaps)
    gaps.forget_before(33)

    assert at_25 == [(25, 25), (30, 40)]
    assert spans(gaps) == [(33, 40)]
    assert gaps.size == 7


def test_the_next_gap_is_cut_at_where_it_is_asked_for() -> None:
    gaps = Gaps([Gap(begin=10, end=20), Gap(begin=30, end=40)])

    assert gaps.next_from(0) == Gap(begin=10, end=20)
    assert gaps.next_from(15) == Gap(begin=15, end=20)
    assert gaps.next_from(20) == Gap(begin=30, end=40)
    assert gaps.next_from(40) is None


@pytest.mark.parametrize("seed", range(10))
def test_any_gaps_are_as_much_as_the_bytes_they_cover(seed: int) -> None:
    luck, gaps, missing = random.Random(seed), Gaps(), set[int]()
    for _ in range(100):
        begin = luck.randrange(300)
        gap = Gap(begin=begin, end=begin + luck.randrange(20), reasons=[luck.choice("ab")])
        gaps.add(gap)
        missing |= set(range(gap.begin, gap.end))

    found = [offset for gap in gaps for offset in range(gap.begin, gap.end)]

    assert found == sorted(missing)
    assert gaps.size == len(missing)


def test_a_gap_says_how_much_and_why() -> None:
    gap = Gap(begin=0, end=13_000_000, reasons=["of this", "of that"], notices=["Something happened."])

    assert gap.in_words("output") == "13.0 MB of output were dropped here: of this; of that. Something happened."
    assert Gap(begin=7, end=7, notices=["Something happened."]).in_words("events") == "Something happened."
    assert Gap(begin=0, end=1, reasons=["of this"]).in_words("output") == "1 byte of output was dropped here: of this."


@pytest.mark.parametrize(
    ("count", "words"),
    [(0, "0 bytes"), (999, "999 bytes"), (1000, "1.0 KB"), (999_960, "1.0 MB"), (256_000_000, "256.0 MB")],
)
def test_sizes_are_said_in_a_unit_that_fits(count: int, words: str) -> None:
    assert bytes_in_words(count) == words


def test_a_burst_goes_through_and_then_so_much_a_second() -> None:
    flood = Flood(burst=10_000_000, rate=1_000_000, now=0)

    assert flood.pour(10_000_000, 0) == 0
    assert flood.pour(500_000, 0) == 500_000
    assert flood.closed
    assert flood.opens_in_s == 1
    flood.open(200_000, 1)
    assert flood.pour(800_000, 1) == 0
    assert flood.pour(1, 1) == 1


def test_over_a_long_flood_the_rate_is_what_is_kept() -> None:
    flood, now, kept = Flood(burst=4_000_000, rate=2_000_000, now=0), 0.0, 0
    while now < 100:
        written = 1_000_000
        kept += written - flood.pour(written, now)
        if flood.closed:
            now += flood.opens_in_s
            flood.open(256_000, now)
            kept += 256_000
        now += 0.01

    assert 200_000_000 * 0.9 < kept <= 4_000_000 + 2_000_000 * now


def test_a_bot_that_writes_less_than_its_rate_is_never_a_flood() -> None:
    flood = Flood(burst=1_000_000, rate=1_000_000, now=0)

    assert all(flood.pour(900_000, second) == 0 for second in range(1, 1000))
    assert not flood.closed


def test_a_rate_of_nothing_is_no_limit() -> None:
    assert Flood(burst=1, rate=0, now=0).pour(1 << 40, 0) == 0
