"""Durations as people read them."""

import re

_UNIT_S = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


def parse_duration_s(text: str) -> float:
    """`90s`, `15m`, `1h`, `2d`. Raises ValueError in words."""
    number = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)([smhd])", text.strip())
    if number is None:
        raise ValueError(f"expected a duration like 90s, 15m, 1h or 2d, not {text!r}")
    return float(number[1]) * _UNIT_S[number[2]]


def largest_units(seconds: float) -> str:
    """`2d 3h`, `2h 5m`, `3m 10s`, `12s`, `0.8s`: the two largest units are enough."""
    if seconds < 10:
        return f"{seconds:.1f}s"
    whole, parts = int(seconds), list[str]()
    for unit, size_s in reversed(_UNIT_S.items()):
        if whole >= size_s or parts:
            parts.append(f"{whole // size_s}{unit}")
            whole %= size_s
    return " ".join(part for part in parts[:2] if not part.startswith("0"))


def hours_minutes(seconds: float | None) -> str:
    """`2h 5m`; `-` when there is none."""
    if seconds is None:
        return "-"
    minutes = int(seconds) // 60
    return f"{minutes // 60}h {minutes % 60}m"
