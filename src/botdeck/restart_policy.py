"""How often a bot may be started, and how soon: the restart policy and the counts that it looks at. Pure, like
lifecycle.py, which asks it. Times are seconds of a clock that never jumps (CLOCK_BOOTTIME)."""

from dataclasses import dataclass, replace

from botdeck.models import Restart

FIRST_DELAY_S = 1.0
LONGEST_DELAY_S = 60.0
JITTER = 0.2
HEALTHY_AFTER_S = 60.0
"""A run that lived this long was healthy: the next crash counts as the first."""
LOOP_CRASHES = 5
LOOP_WINDOW_S = 600.0
"""So many crashes within so long are a crash loop, whether each run lived for a second or for a minute and a half."""
DEAF_WINDOW_S = 3600.0
FIRST_DEAF_DELAY_S = 60.0
LONGEST_DEAF_DELAY_S = 1800.0
"""A deaf bot is restarted at once, and if that did not help, an hour holds a handful of further tries: when it is its
platform that is down, restarts help nobody and spend the budget."""
DAY_S = 86_400.0
QUARTER_S = 900.0
"""Starts are counted by quarters of an hour, so that a day of them is a hundred numbers however many they are. One
that is a day and a few minutes old may count still: too careful rather than too bold."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """How one bot wants to be kept; see docs/settings.md."""

    restart: Restart = Restart.ALWAYS
    stop_timeout_s: float = 10.0
    ready_after_s: float | None = 1.0
    """A process that lives this long is running, unless it said so earlier; None: it has to say so."""
    ready_timeout_s: float = 60.0
    """For one that has to say so."""
    restart_unhealthy: bool = True
    start_budget: int = 0
    """Starts in 24 hours, 0: no limit."""
    max_crashes: int = 0
    """In a row, 0: no limit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """What has to be remembered of a bot's starts and crashes."""

    crashes: int = 0
    """In a row, without a healthy run between them."""
    restarts: int = 0
    """After a crash, since an operator last started the bot."""
    crashes_total: int = 0
    operator_restarts: int = 0
    recent_crashes: tuple[float, ...] = ()
    """Of the last LOOP_WINDOW_S, as far as a decision needs them; the oldest first."""
    recent_deaf_ends: tuple[float, ...] = ()
    """When it was ended for being deaf, within DEAF_WINDOW_S; the oldest first."""
    starts: tuple[tuple[int, int], ...] = ()
    """Quarters of an hour and how many starts each had; of the last day, the oldest first."""

    def started(self, now: float) -> "History":
        quarter = int(now // QUARTER_S)
        kept = [(begun, count) for begun, count in self.starts if _counts(begun, now) and begun != quarter]
        count = next((count for begun, count in self.starts if begun == quarter), 0)
        return replace(self, starts=(*kept, (quarter, count + 1)))

    def crashed(self, lived_s: float, now: float) -> "History":
        recent = [at for at in self.recent_crashes if now - at < LOOP_WINDOW_S]
        return replace(
            self,
            crashes=1 if lived_s >= HEALTHY_AFTER_S else self.crashes + 1,
            restarts=self.restarts + 1,
            crashes_total=self.crashes_total + 1,
            # More than these change no decision: the delay has long reached its largest.
            recent_crashes=(*recent, now)[-20:],
        )

    def ended_deaf(self, now: float) -> "History":
        recent = [at for at in self.recent_deaf_ends if now - at < DEAF_WINDOW_S]
        return replace(self, recent_deaf_ends=(*recent, now))

    def deaf_delay_s(self, now: float) -> float:
        """How long a bot that turned out to be deaf is given to recover by itself."""
        ends = sum(now - at < DEAF_WINDOW_S for at in self.recent_deaf_ends)
        return min(LONGEST_DEAF_DELAY_S, FIRST_DEAF_DELAY_S * 2.0 ** (ends - 1)) if ends else 0.0

    def begun_anew(self) -> "History":
        """Somebody wants it started now: what went before is no reason to wait."""
        return replace(self, crashes=0, restarts=0, recent_crashes=(), recent_deaf_ends=())

    def crash_loop(self, now: float) -> bool:
        return self._recent(now) >= LOOP_CRASHES

    def loop_ends_at(self, now: float) -> float | None:
        """When it is none any more, should there be no further crash; None when there is no crash loop."""
        return self.recent_crashes[-LOOP_CRASHES] + LOOP_WINDOW_S if self.crash_loop(now) else None

    def starts_24h(self, now: float) -> int:
        return sum(count for begun, count in self.starts if _counts(begun, now))

    def delay_s(self, luck: float, now: float) -> float:
        """Before the start after the crash that was counted last: by the crashes in a row, and in a crash loop by all
        recent ones, so that a bot that dies every seventy seconds is not started at once for ever."""
        return delay_s(max(self.crashes, self._recent(now) if self.crash_loop(now) else 0), luck)

    def _recent(self, now: float) -> int:
        return sum(now - at < LOOP_WINDOW_S for at in self.recent_crashes)


def delay_s(crashes: int, luck: float) -> float:
    """Seconds before the start after the nth crash: at once, then 1, 2, 4 ... 60 s, each ± 20 %."""
    if crashes <= 1:
        return 0.0
    # The exponent is capped: a bot that crashed for a year must not overflow a float.
    base = min(LONGEST_DELAY_S, FIRST_DELAY_S * 2.0 ** min(crashes - 2, 10))
    return base * (1 - JITTER + 2 * JITTER * luck)


def refusal(history: History, policy: Policy, now: float) -> str:
    """Why a bot must not be started again by itself, in words; empty when it may be."""
    if policy.max_crashes and history.crashes >= policy.max_crashes:
        return f"{counted(history.crashes, 'crash', 'crashes')} in a row, and max_crashes is {policy.max_crashes}"
    if policy.start_budget and history.starts_24h(now) >= policy.start_budget:
        return f"its start budget is spent: {counted(policy.start_budget, 'start', 'starts')} in 24 h"
    return ""


def counted(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"


def _counts(quarter: int, now: float) -> bool:
    return now < (quarter + 1) * QUARTER_S + DAY_S
