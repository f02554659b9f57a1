"""Durations as people read them."""


def hours_minutes(seconds: float | None) -> str:
    """`2h 5m`; `-` when there is none."""
    if seconds is None:
        return "-"
    minutes = int(seconds) // 60
    return f"{minutes // 60}h {minutes % 60}m"
