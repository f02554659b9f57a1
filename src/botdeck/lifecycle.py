"""A bot's states, the legal moves between them, and the restart policy: a pure function of (life, happening, now).

`step` decides; `runner/bot_runner.py` does what it says. `now` is seconds of a clock that never jumps (CLOCK_BOOTTIME);
luck (0 to 1) is passed in too, so that every hard case is a row of a test table.

    stopped ──start──► starting ──ready──► running ──stop──► stopping ──exit──► stopped
                          ▲                   │ exit
                          │                   ├──► backoff (crashed, restarted at the due time)
                          └───── due ─────────┤
                                              ├──► exited (ended by itself, the policy wants it no more)
    a command that cannot run ──► failed

A new runner begins with Adopted (the process lives) or Vacant (it does not) on the life that the journal kept.
"""

from dataclasses import dataclass, replace
from enum import StrEnum

from botdeck.errors import ActionRefused
from botdeck.models import Action, Restart, State, Wanted

FIRST_DELAY_S = 1.0
LONGEST_DELAY_S = 60.0
JITTER = 0.2
HEALTHY_AFTER_S = 60.0
"""A run that lived this long was healthy: the next crash counts as the first."""
READY_AFTER_S = 1.0
"""A process that lives this long after its start is running, unless it said so earlier."""

ALIVE = frozenset({State.STARTING, State.RUNNING, State.UNHEALTHY, State.STOPPING})
"""States in which a process lives."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """How one bot wants to be kept; see docs/settings.md."""

    restart: Restart = Restart.ALWAYS
    stop_timeout_s: float = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Life:
    """All that decides what happens next to a bot."""

    state: State = State.STOPPED
    wanted: Wanted = Wanted.STOPPED
    reason: str = ""
    crashes: int = 0
    """In a row, without a healthy run between them."""
    restarts: int = 0
    """After a crash, since an operator last started the bot."""
    due_at: float | None = None
    """When the next thing happens by itself: a retry, readiness, or the end of patience with a stop."""
    leaving: bool = False
    """The runner ends and its bots with it; what is wanted is left as it was, for the next runner."""


class Order(StrEnum):
    """What the doer must do now."""

    NOTHING = "nothing"
    SPAWN = "spawn"
    TERMINATE = "terminate"
    """Ask the process to end (SIGTERM to the main process only)."""
    KILL = "kill"
    """End the whole tree at once (SIGKILL)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """An operator's action."""

    action: Action
    operator: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Adopted:
    """A new runner found the process alive; `lived_s` by the kernel's clock. The life is the one the last runner left
    in the journal."""

    lived_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Vacant:
    """A new runner found no process. `ended` tells how the run ended that was in course when the last runner died;
    None when there was none."""

    ended: "Ended | None" = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaving:
    """The runner was told to end and to take its bots with it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """The bot said that it works (or lived long enough)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CannotStart:
    """There is nothing to run: command missing, folder missing, no such user. Trying again will not help."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """The process ended. `exit_code` and `signal` are both None when nobody saw how. `luck` is from 0 to 1."""

    lived_s: float
    exit_code: int | None = None
    signal: str | None = None
    luck: float = 0.5
    trouble: str = ""
    """Why no process came to be, when starting failed for a reason that may pass (out of memory, of processes)."""

    @property
    def clean(self) -> bool:
        return self.exit_code == 0

    def in_words(self) -> str:
        if self.trouble:
            return f"did not start: {self.trouble}"
        if self.signal:
            return f"ended by {self.signal}"
        if self.exit_code is None:
            return "ended, and nobody saw how"
        return f"exited with code {self.exit_code}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """The clock reached `due_at`."""


Happening = Asked | Adopted | Vacant | Leaving | Ready | CannotStart | Ended | Due


def step(life: Life, happening: Happening, now: float, policy: Policy) -> tuple[Life, Order]:
    """The life after what happened, and what to do about it.

    Raises ActionRefused when an operator asks for what makes no sense now (start of a live bot, kill of a dead one).
    """
    match happening:
        case Asked():
            return _asked(life, happening, now, policy)
        case Adopted(lived_s=lived_s):
            return _adopted(life, lived_s, now, policy)
        case Vacant(ended=ended):
            return _vacant(life, ended, now, policy)
        case Leaving():
            return _leaving(life, now, policy)
        case Ready():
            if life.state is not State.STARTING:
                return life, Order.NOTHING
            return replace(life, state=State.RUNNING, reason="", due_at=None), Order.NOTHING
        case CannotStart(reason=reason):
            if life.leaving or (life.state is State.STOPPING and life.wanted is Wanted.STOPPED):
                return replace(life, state=State.STOPPED, due_at=None), Order.NOTHING
            return replace(life, state=State.FAILED, reason=reason, due_at=None), Order.NOTHING
        case Ended():
            return _ended(life, happening, now, policy)
        case Due():
            return _due(life, now, policy)


def end_in_words(life: Life, ended: Ended) -> str:
    """Why the run ended, for its record. `life` is the one before the step."""
    return life.reason if life.state is State.STOPPING else ended.in_words()


def delay_s(crashes: int, luck: float) -> float:
    """Seconds before the start after the nth crash in a row: at once, then 1, 2, 4 ... 60 s, each ± 20 %."""
    if crashes <= 1:
        return 0.0
    # The exponent is capped: a bot that crashed for a year must not overflow a float.
    base = min(LONGEST_DELAY_S, FIRST_DELAY_S * 2.0 ** min(crashes - 2, 10))
    return base * (1 - JITTER + 2 * JITTER * luck)


def _asked(life: Life, asked: Asked, now: float, policy: Policy) -> tuple[Life, Order]:
    if life.leaving:
        raise ActionRefused("its runner is ending")
    match asked.action:
        case Action.START:
            return _start(life, asked.operator, now)
        case Action.STOP:
            return _stop(life, f"stopped by {asked.operator}", now, policy)
        case Action.RESTART:
            return _restart(life, asked.operator, now, policy)
        case Action.KILL:
            return _kill(life, asked.operator)


def _start(life: Life, operator: str, now: float) -> tuple[Life, Order]:
    if life.state is State.STOPPING:
        if life.wanted is Wanted.RUNNING:
            raise ActionRefused("it is being restarted already")
        # The old process is still ending; it is started again when it is gone. What ends it stays the reason.
        again = replace(life, wanted=Wanted.RUNNING, reason=f"{life.reason}, then started again by {operator}")
        return again, Order.NOTHING
    if life.state in ALIVE:
        raise ActionRefused("it is already running")
    return _fresh(now), Order.SPAWN


def _fresh(now: float) -> Life:
    return Life(state=State.STARTING, wanted=Wanted.RUNNING, due_at=now + READY_AFTER_S)


def _stop(life: Life, why: str, now: float, policy: Policy) -> tuple[Life, Order]:
    if life.state is State.STOPPING:
        # Under way already, and patience is not begun anew. A second stop of a plain stop changes nothing.
        if life.wanted is Wanted.STOPPED:
            return life, Order.NOTHING
        return replace(life, wanted=Wanted.STOPPED, reason=why), Order.NOTHING
    if life.state not in ALIVE:
        return replace(life, state=State.STOPPED, wanted=Wanted.STOPPED, reason=why, due_at=None), Order.NOTHING
    stopping = replace(
        life, state=State.STOPPING, wanted=Wanted.STOPPED, reason=why, due_at=now + policy.stop_timeout_s
    )
    return stopping, Order.TERMINATE


def _restart(life: Life, operator: str, now: float, policy: Policy) -> tuple[Life, Order]:
    if life.state not in ALIVE:
        return _start(life, operator, now)
    if life.state is State.STOPPING:
        again = life.wanted is Wanted.RUNNING
        return (life, Order.NOTHING) if again else _start(life, operator, now)
    stopping, order = _stop(life, f"restarted by {operator}", now, policy)
    return replace(stopping, wanted=Wanted.RUNNING), order


def _kill(life: Life, operator: str) -> tuple[Life, Order]:
    if life.state not in ALIVE:
        raise ActionRefused(f"it is {life.state.value}, so there is no process to kill")
    killed = replace(life, state=State.STOPPING, wanted=Wanted.STOPPED, reason=f"killed by {operator}", due_at=None)
    return killed, Order.KILL


def _adopted(life: Life, lived_s: float, now: float, policy: Policy) -> tuple[Life, Order]:
    if life.state is State.STOPPING or life.wanted is Wanted.STOPPED:
        # The runner that was asked to stop it died before it was done. Patience begins anew, for nobody knows how
        # much of it was used up.
        why = life.reason if life.state is State.STOPPING and life.reason else "stopped by an earlier order"
        stopping, order = _stop(replace(life, state=State.RUNNING), why, now, policy)
        return replace(stopping, wanted=life.wanted), order
    if lived_s < READY_AFTER_S:
        return replace(life, state=State.STARTING, due_at=now + READY_AFTER_S - lived_s), Order.NOTHING
    return replace(life, state=State.RUNNING, reason="", due_at=None), Order.NOTHING


def _vacant(life: Life, ended: Ended | None, now: float, policy: Policy) -> tuple[Life, Order]:
    if ended is not None:
        return _ended(life, ended, now, policy)
    if life.wanted is Wanted.STOPPED:
        return replace(life, state=State.STOPPED, due_at=None), Order.NOTHING
    if life.state is State.EXITED:
        # It ended by itself and its policy wants it no more; a new runner is no reason to run it again.
        return replace(life, due_at=None), Order.NOTHING
    if life.state is State.BACKOFF:
        return replace(life, state=State.STARTING, due_at=now + READY_AFTER_S), Order.SPAWN
    return _fresh(now), Order.SPAWN


def _leaving(life: Life, now: float, policy: Policy) -> tuple[Life, Order]:
    left = replace(life, leaving=True)
    if life.state is State.STOPPING:
        return left, Order.NOTHING
    if life.state in ALIVE:
        stopping, order = _stop(left, "stopped with its runner", now, policy)
        return replace(stopping, wanted=life.wanted), order
    if life.state is State.BACKOFF:
        return replace(left, state=State.STOPPED, reason="stopped with its runner", due_at=None), Order.NOTHING
    return left, Order.NOTHING


def _ended(life: Life, ended: Ended, now: float, policy: Policy) -> tuple[Life, Order]:
    if life.wanted is Wanted.STOPPED or life.leaving:
        return replace(life, state=State.STOPPED, due_at=None), Order.NOTHING
    if life.state is State.STOPPING:
        # An operator's restart, and no crash: the counts begin anew, as with a start.
        return _fresh(now), Order.SPAWN
    if policy.restart is Restart.NEVER or (policy.restart is Restart.ON_FAILURE and ended.clean):
        return replace(life, state=State.EXITED, reason=ended.in_words(), due_at=None), Order.NOTHING
    crashes = 1 if ended.lived_s >= HEALTHY_AFTER_S else life.crashes + 1
    crashed = replace(
        life,
        state=State.BACKOFF,
        reason=ended.in_words() if ended.trouble else f"{ended.in_words()} after {ended.lived_s:.1f} s",
        crashes=crashes,
        restarts=life.restarts + 1,
        due_at=now + delay_s(crashes, ended.luck),
    )
    return _due(crashed, now, policy)


def _due(life: Life, now: float, policy: Policy) -> tuple[Life, Order]:
    if life.due_at is None or now < life.due_at:
        return life, Order.NOTHING
    match life.state:
        case State.BACKOFF:
            return replace(life, state=State.STARTING, due_at=now + READY_AFTER_S), Order.SPAWN
        case State.STARTING:
            return step(life, Ready(), now, policy)
        case State.STOPPING:
            reason = f"{life.reason}; killed, for it did not end within {policy.stop_timeout_s:g} s"
            return replace(life, reason=reason, due_at=None), Order.KILL
        case _:
            return replace(life, due_at=None), Order.NOTHING
