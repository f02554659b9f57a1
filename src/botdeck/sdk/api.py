"""What the bot asked of its platform's API since the last heartbeat, which takes the figures along as `api.calls`,
`api.errors`, `api.max_ms` and `api.rate_limited`.

Adapters call this when a request of the library has come to its end:

    from botdeck.sdk import api

    api.called(duration_ms: float, *, failed: bool = False, rate_limited: bool = False) -> None

`failed` means an answer that was no success, or none at all; `rate_limited` means that the platform said "too many
requests", and is no error unless `failed` says so as well. From any thread; never raises.
"""

from __future__ import annotations

import os
import threading


class _Counts:
    """`counted` says whether anybody counts this bot's requests: from then on, zero is a figure, too."""

    def __init__(self, *, counted: bool = False) -> None:
        # Reentrant, because a signal handler may make a request while its own thread is inside.
        self.lock = threading.RLock()
        self.counted = counted
        self.from_zero()

    def from_zero(self) -> None:
        self.calls = self.errors = self.rate_limited = 0
        self.max_ms = 0.0


_counts = _Counts()


def called(duration_ms: float, *, failed: bool = False, rate_limited: bool = False) -> None:
    """A request of the bot was answered, or failed."""
    counts = _counts
    with counts.lock:
        counts.counted = True
        counts.calls += 1
        if failed:
            counts.errors += 1
        if rate_limited:
            counts.rate_limited += 1
        if duration_ms > counts.max_ms:
            counts.max_ms = duration_ms


def take() -> dict[str, object]:
    """The figures as fields of a heartbeat, and count from zero again; nothing where nobody counts."""
    counts = _counts
    with counts.lock:
        if not counts.counted:
            return {}
        fields: dict[str, object] = {
            "api.calls": counts.calls,
            "api.errors": counts.errors,
            "api.max_ms": round(counts.max_ms, 1),
            "api.rate_limited": counts.rate_limited,
        }
        counts.from_zero()
    return fields


def _after_fork_in_child() -> None:
    """What was counted until now is told by the parent, and another thread may have held the lock at the fork."""
    global _counts
    _counts = _Counts(counted=_counts.counted)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
