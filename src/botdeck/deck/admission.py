"""How many pages may come to the live channel at once. Whoever comes too early is given a time of its own to come back
at, so that a herd that lost its deck returns in an order and at a pace. Pure; the caller has the clock."""

from dataclasses import dataclass

RATE_PER_S = 200.0
"""A handshake costs the deck some 1.8 ms of CPU, session and snapshot included: a third of a core goes to those who
come back, and 5,000 are back within half a minute, while an order is answered as always."""
BURST = 100.0
"""So many at once are never refused: a room full of people, or all tabs of a browser that was started again."""
BOOKED_SHARE = 0.8
"""Of the rate, for those who were told when to come: the rest is left for those who come for the first time. Else each
of these would take the place of one who waited, and none of the times told would hold."""
LEAST_WAIT_S = 1.0
LONGEST_WAIT_S = 60.0
"""Beyond this nobody is told a time, but to ask again within the half minute around it: half of those may be gone."""
SPREAD_S = 1.0
"""Added by chance, since browsers run the timers of hidden tabs together, once a second."""


@dataclass(frozen=True, slots=True)
class Wait:
    """Come back after `after_s` and a part, by chance, of `spread_s`."""

    after_s: float
    spread_s: float


class Admission:
    """A bucket of tokens, one a handshake, and a book of the times that were told. `now` is seconds of a clock that
    never jumps."""

    def __init__(self, *, rate_per_s: float = RATE_PER_S, burst: float = BURST) -> None:
        self._rate_per_s = rate_per_s
        self._burst = burst
        self._tokens = burst
        self._filled_at = float("-inf")
        self._booked_to = float("-inf")
        """The last time that was told."""

    def has_room(self, now: float) -> bool:
        self._fill(now)
        return self._tokens >= 1

    def admit(self, now: float) -> bool:
        """Takes a token. False when there is none."""
        if not self.has_room(now):
            return False
        self._tokens -= 1
        return True

    def book(self, now: float) -> Wait:
        """For one that was not admitted: each is told a later time than the one before."""
        longest = now + LONGEST_WAIT_S
        if self._booked_to > longest:
            return Wait(LONGEST_WAIT_S / 2, LONGEST_WAIT_S)
        self._booked_to = max(now + LEAST_WAIT_S, self._booked_to + 1 / (self._rate_per_s * BOOKED_SHARE))
        return Wait(self._booked_to - now, SPREAD_S)

    def after_restart(self, pages: int) -> Wait:
        """For so many that all have to leave now, and will come to the next deck."""
        return Wait(LEAST_WAIT_S, max(LEAST_WAIT_S, pages / (self._rate_per_s * BOOKED_SHARE)))

    def _fill(self, now: float) -> None:
        passed_s = max(0.0, now - self._filled_at)
        self._tokens = min(self._burst, self._tokens + passed_s * self._rate_per_s)
        self._filled_at = max(self._filled_at, now)
