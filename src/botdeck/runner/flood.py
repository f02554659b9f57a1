"""How much output of one bot is kept when it writes without end. Pure: sizes and times are told."""


class Flood:
    """A token bucket with a gate. It holds a burst; when it is empty the gate closes, and what is written until it
    opens again is too much. So what is kept comes in pieces of about a second, with one gap between two pieces."""

    PIECE_S = 1.0
    SMALLEST_PIECE = 256 << 10

    def __init__(self, *, burst: int, rate: float, now: float) -> None:
        self._tokens = float(burst)
        self._at = now
        self.closed = False
        self.limit(burst=burst, rate=rate)

    def limit(self, *, burst: int, rate: float) -> None:
        """From now on. A rate of 0 is no limit."""
        self._burst, self._rate = burst, rate

    def pour(self, size: int, now: float) -> int:
        """So much was written. How much of it, from its end, is too much; more than 0: the gate closes."""
        if self._rate <= 0:
            return 0
        self._refill(now)
        self._tokens -= size
        excess = max(0, -int(self._tokens))
        if excess:
            self.closed, self._tokens = True, 0.0
        return excess

    @property
    def opens_in_s(self) -> float:
        return max(0.0, self._piece - self._tokens) / self._rate if self._rate > 0 else 0.0

    def open(self, kept: int, now: float) -> None:
        """The time is over. So much of what was written meanwhile is kept after all, and paid for."""
        self._refill(now)
        self._tokens -= kept
        self.closed = False

    @property
    def _piece(self) -> float:
        return min(self._burst, max(self._rate * self.PIECE_S, self.SMALLEST_PIECE))

    def _refill(self, now: float) -> None:
        self._tokens = min(self._burst, self._tokens + (now - self._at) * self._rate)
        self._at = now
