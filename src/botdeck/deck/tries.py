"""How often somebody may guess: per (address, name), with growing waits, so that nobody locks out anybody else."""

from collections import OrderedDict

from botdeck.errors import TooManyTries

FREE = 3
LONGEST_WAIT_S = 300.0
FORGOTTEN_AFTER_S = 3600.0
_MOST_KEYS = 10_000
"""The longest untouched is forgotten beyond that. Each costs its maker an Argon2 verification."""


class Tries:
    """Failed attempts by key. `now` is seconds of a clock that never jumps."""

    def __init__(self) -> None:
        self._failed: OrderedDict[tuple[str, str], tuple[int, float, float]] = OrderedDict()

    def begin(self, key: tuple[str, str], now: float) -> None:
        """Raises TooManyTries when it is too early. Counts as failed until `succeeded`, so that attempts made at the
        same time are counted too."""
        count, listen_at, last = self._failed.pop(key, (0, 0.0, now))
        if now - last > FORGOTTEN_AFTER_S:
            count, listen_at = 0, 0.0
        if now < listen_at:
            self._failed[key] = (count, listen_at, last)
            raise TooManyTries(max(1.0, listen_at - now))
        self._failed[key] = (count + 1, now + _wait_s(count + 1), now)
        if len(self._failed) > _MOST_KEYS:
            self._failed.popitem(last=False)

    def succeeded(self, key: tuple[str, str]) -> None:
        self._failed.pop(key, None)


def _wait_s(failed: int) -> float:
    """After the 3rd failure 1 s, then 2, 4 ... 300 s."""
    return 0.0 if failed < FREE else min(LONGEST_WAIT_S, 2.0 ** min(failed - FREE, 10))
