import pytest

from botdeck.cli.durations import largest_units, parse_duration_s


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("15m", 900), ("1h", 3600), ("1.5h", 5400), (" 2d ", 172_800), ("0s", 0)]
)
def test_a_duration_is_a_number_and_its_unit(text: str, seconds: float) -> None:
    assert parse_duration_s(text) == seconds


@pytest.mark.parametrize("text", ["", "1", "h", "-1h", "1 h", "1h30m", "1w", "nan", "1e3s", "٣h"])
def test_what_is_no_duration_is_said(text: str) -> None:
    with pytest.raises(ValueError, match="expected a duration like 90s, 15m, 1h or 2d, not "):
        parse_duration_s(text)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0.0s"),
        (0.84, "0.8s"),
        (12.9, "12s"),
        (60, "1m"),
        (190, "3m 10s"),
        (3600, "1h"),
        (3601, "1h"),
        (7500, "2h 5m"),
        (86_400 * 2 + 3 * 3600 + 59, "2d 3h"),
        (86_400 * 400, "400d"),
    ],
)
def test_a_duration_is_told_by_its_two_largest_units(seconds: float, words: str) -> None:
    assert largest_units(seconds) == words
