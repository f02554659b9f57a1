"""Lines that strangers can cause, with the minute in our hands."""

import logging
from collections.abc import Iterator

import pytest

from botdeck.deck.noise import PERIOD_S, OnceAMinute

LOGGER = logging.getLogger("a noisy one")


class Watch:
    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def watch() -> Watch:
    return Watch()


@pytest.fixture
def noise(watch: Watch, caplog: pytest.LogCaptureFixture) -> Iterator[OnceAMinute]:
    caplog.set_level(logging.INFO)
    noise = OnceAMinute(watch)
    with noise.over(LOGGER.name):
        yield noise


def bad_request(number: int) -> None:
    LOGGER.warning("bad request %d", number)


def fail_somehow(error: Exception) -> None:
    try:
        raise error
    except Exception:
        LOGGER.exception("failed")


def fail_elsewhere() -> None:
    try:
        int("x")
    except ValueError:
        LOGGER.exception("failed")


def test_the_first_of_a_kind_is_written_and_the_others_are_counted(
    noise: OnceAMinute, watch: Watch, caplog: pytest.LogCaptureFixture
) -> None:
    for number in range(1000):
        bad_request(number)
    watch.now_s = PERIOD_S - 1
    noise.tell()
    assert caplog.messages == ["bad request 0"]

    watch.now_s = PERIOD_S
    noise.tell()
    bad_request(1000)

    assert caplog.messages == ["bad request 0", "999 more in 60 s: bad request 0", "bad request 1000"]
    assert {record.levelname for record in caplog.records} == {"WARNING"}


def test_a_line_that_came_once_is_not_told_again(
    noise: OnceAMinute, watch: Watch, caplog: pytest.LogCaptureFixture
) -> None:
    bad_request(0)
    watch.now_s = 10 * PERIOD_S
    noise.tell()

    assert caplog.messages == ["bad request 0"]


def test_two_errors_are_two_kinds_though_the_same_line_reports_them(
    noise: OnceAMinute, caplog: pytest.LogCaptureFixture
) -> None:
    for number in range(3):
        fail_somehow(RuntimeError(number))
        fail_elsewhere()

    assert [record.exc_info[0] for record in caplog.records if record.exc_info] == [RuntimeError, ValueError]


def test_what_was_left_out_is_told_at_the_end(watch: Watch, caplog: pytest.LogCaptureFixture) -> None:
    with OnceAMinute(watch).over(LOGGER.name):
        bad_request(0)
        bad_request(1)
    bad_request(2)

    assert caplog.messages == ["bad request 0", "1 more in 0 s: bad request 0", "bad request 2"]
