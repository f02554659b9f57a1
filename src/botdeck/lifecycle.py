"""A bot's states and the legal moves between them: a pure function of (life, happening, now).

`step` decides; `runner/bot_runner.py` does what it says. `now` is seconds of a clock that never jumps (CLOCK_BOOTTIME);
luck (0 to 1) is passed in too, so that every hard case is a row of a test table.

    stopped ──start──► starting ──ready──► running ◄──► unhealthy    alive, but deaf
                          ▲                   │ stop, or a reason to restart it
                          │                   ├──► stopping ──exit──► stopped, or starting again
                          │                   │ exit
                          │                   ├──► backoff (crashed, restarted at the due time)
                          └───── due ─────────┤
                                              ├──► exited (ended by itself, the policy wants it no more)
    a command that cannot run, a spent budget ──► failed

A new runner begins with Adopted (the process lives) or Vacant (it does not) on the life that the journal kept.
"""

from dataclasses import dataclass, field, replace
from enum import StrEnum

from botdeck.errors import ActionRefused
from botdeck.models import Action, Cause, Restart, State, Wanted
from botdeck.restart_policy import History, Policy, refusal

BUDGET_LOOK_S = 60.0
"""Between looks whether an unhealthy bot may be restarted again, after its start budget was spent."""

HEARD_WITHIN_S = 1.0
"""A new runner has read within this time what a bot said while none lived; before, it judges no bot by it."""

ALIVE = frozenset({State.STARTING, State.RUNNING, State.UNHEALTHY, State.STOPPING})
"""States in which a process lives."""
WORKING = frozenset({State.STARTING, State.RUNNING, State.UNHEALTHY})
"""And nobody ends it."""
_OUR_DOING = frozenset({Cause.UNHEALTHY, Cause.MEMORY})
"""Ends that Botdeck brought about because of what the bot did: they count as crashes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """Why Botdeck ends the run in course."""

    cause: Cause
    operator: str = ""
    timed_out: bool = False
    """It did not end when it was asked to, and was killed."""
    at_once: bool = False
    """It was not even asked, as an operator wanted it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Life:
    """All that decides what happens next to a bot."""

    state: State = State.STOPPED
    wanted: Wanted = Wanted.STOPPED
    reason: str = ""
    history: History = field(default_factory=History)
    due_at: float | None = None
    """When the next thing happens by itself: a retry, readiness, or the end of patience with a stop."""
    ending: Ending | None = None
    """While the state is stopping."""
    gave_up: bool = False
    """Failed by a limit, and not because it cannot run: only an operator starts it again."""
    leaving: bool = False
    """The runner ends and its bots with it; what is wanted is left as it was, for the next runner."""


class Order(StrEnum):
    """What the doer must do now."""

    NOTHING = "nothing"
    SPAWN = "spawn"
    TERMINATE = "terminate"
    """Ask the process to end (its stop signal, to the main process only)."""
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
class Configured:
    """The bot is new in the configuration, and to be started."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Redefined:
    """Its definition changed in a way that a running process cannot take over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Removed:
    """It was taken out of the configuration."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scheduled:
    """Its `restart_at` has come."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """The bot said that it works (or lived long enough)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deaf:
    """It lives and does not do its work; why, in words."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Hears:
    """It does its work again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TooBig:
    """It uses more memory than it may."""

    reason: str


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
    oom: bool = False
    """The kernel killed it because memory was short."""
    host_lost: bool = False
    """The host went down since it was last seen alive."""
    trouble: str = ""
    """Why no process came to be, when starting failed for a reason that may pass (out of memory, of processes)."""

    @property
    def clean(self) -> bool:
        return self.exit_code == 0

    @property
    def cause(self) -> Cause:
        if self.trouble:
            return Cause.CANNOT_START
        if self.oom:
            return Cause.OOM
        if self.signal:
            return Cause.SIGNAL
        if self.exit_code is not None:
            return Cause.EXIT
        return Cause.HOST if self.host_lost else Cause.UNSEEN

    def in_words(self) -> str:
        match self.cause:
            case Cause.CANNOT_START:
                return f"did not start: {self.trouble}"
            case Cause.OOM:
                return "killed by the kernel, which was out of memory"
            case Cause.SIGNAL:
                return f"ended by {self.signal}"
            case Cause.EXIT:
                return f"exited with code {self.exit_code}"
            case Cause.HOST:
                return "ended when its host went down"
            case _:
                return "ended, and nobody saw how"


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """The clock reached `due_at`. `lacking`: what a bot that is not ready did not do, in words."""

    lacking: str = ""


Happening = (
    Asked
    | Adopted
    | Vacant
    | Leaving
    | Configured
    | Redefined
    | Removed
    | Scheduled
    | Ready
    | Deaf
    | Hears
    | TooBig
    | CannotStart
    | Ended
    | Due
)


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
        case Configured() | Redefined() | Removed():
            return _reconfigured(life, happening, now, policy)
        case Scheduled():
            return _scheduled(life, now, policy)
        case Ready():
            if life.state is not State.STARTING:
                return life, Order.NOTHING
            return replace(life, state=State.RUNNING, reason="", due_at=None), Order.NOTHING
        case Deaf(reason=reason):
            return _deaf(life, reason, now, policy)
        case Hears():
            if life.state is not State.UNHEALTHY:
                return life, Order.NOTHING
            return replace(life, state=State.RUNNING, reason="", due_at=None), Order.NOTHING
        case TooBig(reason=reason):
            return _too_big(life, reason, now, policy)
        case CannotStart(reason=reason):
            return _cannot_start(life, reason)
        case Ended():
            return _ended(life, happening, now, policy)
        case Due():
            return _due(life, happening, now, policy)


def end_in_words(life: Life, ended: Ended) -> str:
    """Why the run ended, for its record. `life` is the one before the step."""
    return life.reason if life.state is State.STOPPING else ended.in_words()


def ending_of(life: Life, ended: Ended) -> Ending:
    """What kind of end it was, and whose. `life` is the one before the step."""
    if life.state is not State.STOPPING:
        return Ending(cause=ended.cause)
    return life.ending or Ending(cause=Cause.OPERATOR)


# Orders of operators.


def _asked(life: Life, asked: Asked, now: float, policy: Policy) -> tuple[Life, Order]:
    if life.leaving:
        raise ActionRefused("its runner is ending")
    match asked.action:
        case Action.START:
            return _start(life, asked.operator, now, policy)
        case Action.STOP:
            ending = Ending(cause=Cause.OPERATOR, operator=asked.operator)
            return _stop(life, ending, f"stopped by {asked.operator}", now, policy)
        case Action.RESTART:
            return _restart(life, asked.operator, now, policy)
        case Action.KILL:
            return _kill(life, asked.operator)


def _start(life: Life, operator: str, now: float, policy: Policy) -> tuple[Life, Order]:
    if life.state is State.STOPPING:
        if life.wanted is Wanted.RUNNING:
            raise ActionRefused("it is being restarted already")
        # The old process is still ending; it is started again when it is gone. What ends it stays the reason.
        again = replace(life, wanted=Wanted.RUNNING, reason=f"{life.reason}, then started again by {operator}")
        return again, Order.NOTHING
    if life.state in ALIVE:
        raise ActionRefused("it is already running")
    # Also when the budget is spent: an operator knows what they do.
    return _anew(life, now, policy)


def _restart(life: Life, operator: str, now: float, policy: Policy) -> tuple[Life, Order]:
    if life.state is State.STOPPING:
        again = life.wanted is Wanted.RUNNING
        return (life, Order.NOTHING) if again else _start(life, operator, now, policy)
    counted = replace(life, history=replace(life.history, operator_restarts=life.history.operator_restarts + 1))
    if life.state not in ALIVE:
        return _start(counted, operator, now, policy)
    ending = Ending(cause=Cause.OPERATOR, operator=operator)
    return _end(counted, ending, f"restarted by {operator}", now, policy)


def _kill(life: Life, operator: str) -> tuple[Life, Order]:
    if life.state not in ALIVE:
        raise ActionRefused(f"it is {life.state.value}, so there is no process to kill")
    killed = replace(
        life,
        state=State.STOPPING,
        wanted=Wanted.STOPPED,
        reason=f"killed by {operator}",
        ending=Ending(cause=Cause.OPERATOR, operator=operator, at_once=True),
        due_at=None,
    )
    return killed, Order.KILL


# Starting.


def _anew(life: Life, now: float, policy: Policy) -> tuple[Life, Order]:
    """Started because somebody wants it: what went before is forgotten but for the counts."""
    fresh = Life(wanted=Wanted.RUNNING, history=life.history.begun_anew())
    return _spawn(fresh, now, policy)


def _spawn(life: Life, now: float, policy: Policy) -> tuple[Life, Order]:
    spawned = replace(
        life,
        state=State.STARTING,
        history=life.history.started(now),
        ending=None,
        gave_up=False,
        due_at=now + _time_to_be_ready_s(policy),
    )
    return spawned, Order.SPAWN


def _by_itself(life: Life, now: float, policy: Policy) -> tuple[Life, Order]:
    """Started without an operator, unless it must not be."""
    if why_not := refusal(life.history, policy, now):
        return _give_up(life, why_not), Order.NOTHING
    return _spawn(life, now, policy)


def _give_up(life: Life, why: str) -> Life:
    last = f"; last end: {life.reason}" if life.reason else ""
    return replace(life, state=State.FAILED, reason=f"{why}{last}", due_at=None, ending=None, gave_up=True)


def _time_to_be_ready_s(policy: Policy) -> float:
    return policy.ready_timeout_s if policy.ready_after_s is None else policy.ready_after_s


def _cannot_start(life: Life, reason: str) -> tuple[Life, Order]:
    if life.leaving or (life.state is State.STOPPING and life.wanted is Wanted.STOPPED):
        return replace(life, state=State.STOPPED, due_at=None, ending=None), Order.NOTHING
    return replace(life, state=State.FAILED, reason=reason, due_at=None, ending=None), Order.NOTHING


# Ending it.


def _end(life: Life, ending: Ending, why: str, now: float, policy: Policy) -> tuple[Life, Order]:
    """Ask a live process to end; what is wanted stays."""
    stopping = replace(life, state=State.STOPPING, reason=why, ending=ending, due_at=now + policy.stop_timeout_s)
    return stopping, Order.TERMINATE


def _stop(life: Life, ending: Ending, why: str, now: float, policy: Policy) -> tuple[Life, Order]:
    unwanted = replace(life, wanted=Wanted.STOPPED)
    if life.state is State.STOPPING:
        # Under way already, and patience is not begun anew. A second stop of a plain stop changes nothing.
        if life.wanted is Wanted.STOPPED:
            return life, Order.NOTHING
        timed_out = life.ending is not None and life.ending.timed_out
        return replace(unwanted, reason=why, ending=replace(ending, timed_out=timed_out)), Order.NOTHING
    if life.state not in ALIVE:
        return replace(unwanted, state=State.STOPPED, reason=why, due_at=None, gave_up=False), Order.NOTHING
    return _end(unwanted, ending, why, now, policy)


def _leaving(life: Life, now: float, policy: Policy) -> tuple[Life, Order]:
    left = replace(life, leaving=True)
    if life.state is State.STOPPING:
        return left, Order.NOTHING
    if life.state in ALIVE:
        return _end(left, Ending(cause=Cause.RUNNER), "stopped with its runner", now, policy)
    if life.state is State.BACKOFF:
        return replace(left, state=State.STOPPED, reason="stopped with its runner", due_at=None), Order.NOTHING
    return left, Order.NOTHING


def _reconfigured(
    life: Life, happening: Configured | Redefined | Removed, now: float, policy: Policy
) -> tuple[Life, Order]:
    if life.leaving:
        return life, Order.NOTHING
    ending = Ending(cause=Cause.CONFIGURATION)
    match happening:
        case Configured():
            return (life, Order.NOTHING) if life.state in ALIVE else _anew(life, now, policy)
        case Removed():
            return _stop(life, ending, "taken out of the configuration", now, policy)
        case Redefined() if life.state in WORKING:
            return _end(life, ending, "restarted, for its definition changed", now, policy)
        case Redefined() if life.state in (State.BACKOFF, State.FAILED) and life.wanted is Wanted.RUNNING:
            # What it failed of may be what was changed.
            return _anew(life, now, policy)
        case _:
            return life, Order.NOTHING


def _scheduled(life: Life, now: float, policy: Policy) -> tuple[Life, Order]:
    if life.leaving or life.state not in WORKING or refusal(life.history, policy, now):
        return life, Order.NOTHING
    return _end(life, Ending(cause=Cause.SCHEDULE), "restarted at its time (restart_at)", now, policy)


def _deaf(life: Life, reason: str, now: float, policy: Policy) -> tuple[Life, Order]:
    if life.state is State.UNHEALTHY:
        return replace(life, reason=reason), Order.NOTHING
    if life.state is not State.RUNNING:
        return life, Order.NOTHING
    # The first time at once, but by a step of its own, so that everyone sees what it was before it is restarted.
    due_at = now + life.history.deaf_delay_s(now) if _restarts_unhealthy(life, policy) else None
    return replace(life, state=State.UNHEALTHY, reason=reason, due_at=due_at), Order.NOTHING


def _restarts_unhealthy(life: Life, policy: Policy) -> bool:
    return policy.restart_unhealthy and policy.restart is not Restart.NEVER and not life.leaving


def _too_big(life: Life, reason: str, now: float, policy: Policy) -> tuple[Life, Order]:
    if life.leaving or life.state not in WORKING or refusal(life.history, policy, now):
        return life, Order.NOTHING
    return _end(life, Ending(cause=Cause.MEMORY), reason, now, policy)


# What a new runner finds.


def _adopted(life: Life, lived_s: float, now: float, policy: Policy) -> tuple[Life, Order]:
    if life.state is State.STOPPING and life.ending and (life.ending.timed_out or life.ending.at_once):
        # Whether the last runner came to it or not: it is to be killed, and not asked (again).
        return replace(life, due_at=None), Order.KILL
    if life.state is State.STOPPING or life.wanted is Wanted.STOPPED:
        # The runner that was asked to stop it died before it was done. Patience begins anew, for nobody knows how
        # much of it was used up.
        why = life.reason if life.state is State.STOPPING and life.reason else "stopped by an earlier order"
        return _end(life, life.ending or Ending(cause=Cause.OPERATOR), why, now, policy)
    life = replace(life, gave_up=False)  # it lives, whatever a journal says that could not be written in time
    if life.state in (State.RUNNING, State.UNHEALTHY) or _ready_by_age(lived_s, policy):
        return replace(life, state=State.RUNNING, reason="", due_at=None), Order.NOTHING
    remaining_s = max(HEARD_WITHIN_S, _time_to_be_ready_s(policy) - lived_s)
    return replace(life, state=State.STARTING, due_at=now + remaining_s), Order.NOTHING


def _ready_by_age(lived_s: float, policy: Policy) -> bool:
    return policy.ready_after_s is not None and lived_s >= policy.ready_after_s


def _vacant(life: Life, ended: Ended | None, now: float, policy: Policy) -> tuple[Life, Order]:
    if ended is not None:
        return _ended(life, ended, now, policy)
    if life.wanted is Wanted.STOPPED:
        return replace(life, state=State.STOPPED, due_at=None, ending=None), Order.NOTHING
    if life.state is State.EXITED or life.gave_up:
        # It ended by itself and its policy wants it no more, or was tried often enough; a new runner is no reason to
        # run it again.
        return replace(life, due_at=None), Order.NOTHING
    if life.state is State.BACKOFF and life.history.crash_loop(now):
        # Not sooner because its runner was restarted.
        return replace(life, due_at=now + life.history.delay_s(0.5, now)), Order.NOTHING
    if life.state is State.BACKOFF or life.state in ALIVE:
        # (It was about to start, and the runner died first.) No reason to forget its crashes.
        return _by_itself(life, now, policy)
    return _by_itself(replace(life, reason="", history=replace(life.history, crashes=0, restarts=0)), now, policy)


# What happens to the process, and what the clock brings.


def _ended(life: Life, ended: Ended, now: float, policy: Policy) -> tuple[Life, Order]:
    if life.wanted is Wanted.STOPPED or life.leaving:
        return replace(life, state=State.STOPPED, due_at=None, ending=None), Order.NOTHING
    if ended.host_lost:
        # No crash, and no plan of anybody's: what is wanted is restored.
        return _by_itself(replace(life, reason="", ending=None), now, policy)
    ours = ending_of(life, ended).cause if life.state is State.STOPPING else None
    if ours is not None and ours not in _OUR_DOING:
        # An operator's restart, the schedule's or the configuration's, and no crash: the counts begin anew.
        return _anew(life, now, policy)
    reason = end_in_words(life, ended)
    if policy.restart is Restart.NEVER or (policy.restart is Restart.ON_FAILURE and ended.clean and ours is None):
        return _exited(life, ended, reason), Order.NOTHING
    return _crashed(life, ended, reason, now, policy)


def _exited(life: Life, ended: Ended, reason: str) -> Life:
    total = life.history.crashes_total + (not ended.clean)
    history = replace(life.history, crashes_total=total)
    return replace(life, state=State.EXITED, reason=reason, history=history, due_at=None, ending=None)


def _crashed(life: Life, ended: Ended, reason: str, now: float, policy: Policy) -> tuple[Life, Order]:
    history = life.history.crashed(ended.lived_s, now)
    crashed = replace(
        life,
        state=State.BACKOFF,
        reason=reason if ended.trouble or life.ending else f"{reason} after {ended.lived_s:.1f} s",
        history=history,
        ending=None,
        due_at=now + history.delay_s(ended.luck, now),
    )
    if why_not := refusal(history, policy, now):
        return _give_up(crashed, why_not), Order.NOTHING
    return _due(crashed, Due(), now, policy)


def _due(life: Life, due: Due, now: float, policy: Policy) -> tuple[Life, Order]:
    if life.due_at is None or now < life.due_at:
        return life, Order.NOTHING
    match life.state:
        case State.BACKOFF:
            return _by_itself(life, now, policy)
        case State.STARTING if policy.ready_after_s is None:
            lacking = f": {due.lacking}" if due.lacking else ""
            why = f"not ready within {policy.ready_timeout_s:g} s{lacking}"
            return _end(life, Ending(cause=Cause.UNHEALTHY), why, now, policy)
        case State.STARTING:
            return step(life, Ready(), now, policy)
        case State.UNHEALTHY:
            return _end_unhealthy(life, now, policy)
        case State.STOPPING:
            return _out_of_patience(life, policy)
        case _:
            return replace(life, due_at=None), Order.NOTHING


def _end_unhealthy(life: Life, now: float, policy: Policy) -> tuple[Life, Order]:
    if not _restarts_unhealthy(life, policy):
        return replace(life, due_at=None), Order.NOTHING
    if refusal(life.history, policy, now):
        # A bot that is deaf now may hear again by itself; one that may not be started again is gone for good.
        return replace(life, due_at=now + BUDGET_LOOK_S), Order.NOTHING
    counted = replace(life, history=life.history.ended_deaf(now))
    return _end(counted, Ending(cause=Cause.UNHEALTHY), life.reason, now, policy)


def _out_of_patience(life: Life, policy: Policy) -> tuple[Life, Order]:
    reason = f"{life.reason}; killed, for it did not end within {policy.stop_timeout_s:g} s"
    ending = replace(life.ending, timed_out=True) if life.ending else None
    return replace(life, reason=reason, ending=ending, due_at=None), Order.KILL
