"""50 bots and a runner that is killed: how soon the next one has them all, whether it is right about them, and whether
it learns how each ends, also of those that end while no runner lives."""

import os
import signal
import time
from dataclasses import dataclass, field

from bench.house.processes import age_s
from bench.house.report import Figures
from bench.house.stack import Stack
from bench.house.waiting import TooLate, wait_for
from bench.house.world import PYTHON, World
from botdeck.models import BotStatus

BOTS = 50
MOST_UPTIME_ERROR_S = 0.1
CODES = {signal.SIGUSR1: 0, signal.SIGUSR2: 3, signal.SIGHUP: 77}
"""The bot ends with the code when the signal comes; any other signal ends it as it ends any program."""
SIGNALS = (*CODES, signal.SIGTERM, signal.SIGKILL, signal.SIGSEGV)
EACH = 2
BOT = """
import os, signal, sys, time
for number, code in {codes}.items():
    signal.signal(number, lambda *_, code=code: os._exit(code))
print("here", flush=True)
time.sleep(3600)
""".replace("{codes}", repr({int(number): code for number, code in CODES.items()}))


@dataclass
class Outcome:
    adopted_s: float = 0.0
    first_s: float = 0.0
    worst_uptime_error_s: float = 0.0
    ends: int = 0
    faults: list[str] = field(default_factory=list)

    def figures(self) -> Figures:
        return {
            "bots": BOTS,
            "first_adopted_after_s": round(self.first_s, 3),
            "all_adopted_after_s": round(self.adopted_s, 3),
            "worst_uptime_error_s": round(self.worst_uptime_error_s, 3),
            "ends_known_exactly": self.ends,
            "faults": len(self.faults),
        }


def run() -> Outcome:
    outcome = Outcome()
    names = [f"bot{n:02}" for n in range(BOTS)]
    bots = {name: {"command": [*PYTHON, "-c", BOT], "restart": "never"} for name in names}
    with World("adopt") as world, Stack(world, bots) as stack:
        stack.start()
        wait_for(lambda: _up(stack) == BOTS, "all bots", 60, every_s=0.1)
        before = stack.statuses()
        _adopt(stack, outcome)
        _compare(before, stack.statuses(), outcome)
        _end_some(stack, names[: len(SIGNALS) * EACH], outcome, while_away=False)
        _end_some(stack, names[len(SIGNALS) * EACH : 2 * len(SIGNALS) * EACH], outcome, while_away=True)
    return outcome


def _up(stack: Stack) -> int:
    return sum(status.pid is not None for status in stack.statuses().values())


def _adopt(stack: Stack, outcome: Outcome) -> None:
    """The runner's own log tells when, so that asking costs it nothing."""
    stack.kill(stack.runner)
    stack.runner_log.write_text("")
    began = time.monotonic()
    stack.start_runner()
    wait_for(lambda: "taken over" in stack.runner_log.read_text(), "the first bot", 60, every_s=0.002)
    outcome.first_s = time.monotonic() - began
    wait_for(lambda: stack.runner_log.read_text().count("taken over") == BOTS, "all bots", 60, every_s=0.002)
    outcome.adopted_s = time.monotonic() - began
    wait_for(lambda: _up(stack) == BOTS, "the deck to know", 60, every_s=0.1)


def _compare(before: dict[str, BotStatus], after: dict[str, BotStatus], outcome: Outcome) -> None:
    for name, old in before.items():
        new = after[name]
        if (new.pid, new.run) != (old.pid, old.run):
            outcome.faults.append(f"{name}: pid {old.pid} before, {new.pid} after")
        true_s = age_s(new.pid) if new.pid else None
        if true_s is None or new.uptime_s is None:
            outcome.faults.append(f"{name}: no uptime")
            continue
        error_s = abs(true_s - new.uptime_s)
        outcome.worst_uptime_error_s = max(outcome.worst_uptime_error_s, error_s)
        if error_s > MOST_UPTIME_ERROR_S:
            outcome.faults.append(f"{name}: uptime {new.uptime_s:.2f} s, and it is {true_s:.2f} s")


def _end_some(stack: Stack, names: list[str], outcome: Outcome, *, while_away: bool) -> None:
    """Each by a signal; then what the deck's records say."""
    pids = {name: status.pid for name, status in stack.statuses().items()}
    if while_away:
        stack.kill(stack.runner)
    sent = {}
    for position, name in enumerate(names):
        sent[name] = SIGNALS[position % len(SIGNALS)]
        pid = pids[name]
        assert pid
        os.kill(pid, sent[name])
    if while_away:
        wait_for(lambda: not any(age_s(pids[name] or 0) for name in names), "the ends")
        stack.start_runner()
    for name, number in sent.items():
        _check_end(stack, name, number, outcome)


def _check_end(stack: Stack, name: str, number: signal.Signals, outcome: Outcome) -> None:
    expected = (CODES[number], None) if number in CODES else (None, number.name)
    sql = "SELECT exit_code, signal FROM run WHERE bot = ? AND ended IS NOT NULL ORDER BY started DESC LIMIT 1"
    try:
        (told,) = wait_for(lambda: stack.query(sql, name), f"the end of {name}", 20, every_s=0.05)
    except TooLate as late:
        outcome.faults.append(str(late))
        return
    if told == expected:
        outcome.ends += 1
    else:
        outcome.faults.append(f"{name}: it ended with {expected}, and its record says {told}")
