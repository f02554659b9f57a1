"""The deck's two clocks, passed in so that tests can move them."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime


@dataclass(frozen=True, slots=True)
class Clock:
    now: Callable[[], datetime]
    """Wall time in UTC: for people and records. It may jump."""
    seconds: Callable[[], float]
    """Seconds that never jump and go on while the machine sleeps: for durations."""


SYSTEM_CLOCK = Clock(
    now=lambda: datetime.now(UTC),
    seconds=lambda: time.clock_gettime(time.CLOCK_BOOTTIME),
)
