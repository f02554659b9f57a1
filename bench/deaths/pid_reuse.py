"""A bot dies while no runner lives, and somebody innocent gets its pid, forced in a pid namespace of our own: nobody
takes that one for the bot, and nobody ends it.

The kernel's start tick has steps of 10 ms, so an innocent can have even that alike; forced here by writing the
innocent's tick into the run's note of who the bot was.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from bench.house.processes import lives, start_tick
from bench.house.report import Figures
from bench.house.stack import Stack
from bench.house.waiting import TooLate, wait_for
from bench.house.world import PYTHON, World

ROUNDS = 10
"""Half of them with the same start tick, too."""
LAST_PID = Path("/proc/sys/kernel/ns_last_pid")
UNSHARE = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child"]
BOT = "import time; print('here', flush=True); time.sleep(3600)"
INNOCENT = """
import os, signal, sys, time
got = os.open(sys.argv[1], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
for number in set(signal.valid_signals()) - {signal.SIGKILL, signal.SIGSTOP}:
    signal.signal(number, lambda number, _: os.write(got, b"%d " % number))
os.write(1, b"ready")
while True:
    time.sleep(3600)
"""


@dataclass
class Outcome:
    skipped: str = ""
    pids_reused: int = 0
    same_tick: int = 0
    adopted: int = 0
    signalled: int = 0
    started_anew: int = 0
    faults: list[str] = field(default_factory=list)

    def figures(self) -> Figures:
        if self.skipped:
            return {"skipped": self.skipped}
        return {
            "pids_reused": self.pids_reused,
            "with_the_same_start_tick": self.same_tick,
            "innocents_adopted": self.adopted,
            "innocents_signalled": self.signalled,
            "bots_started_anew": self.started_anew,
        }


def run() -> Outcome:
    """In a pid namespace; skipped where none is to be had."""
    inside = [sys.executable, "-m", "bench.deaths.pid_reuse"]
    try:
        subprocess.run([*UNSHARE, "true"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        return Outcome(skipped="this user may not make a pid namespace")
    done = subprocess.run([*UNSHARE, *inside], capture_output=True, text=True, check=False)
    if done.returncode:
        return Outcome(faults=[f"it could not be tried: {done.stderr.strip().splitlines()[-1:]}"])
    return Outcome(**json.loads(done.stdout.splitlines()[-1]))


def _inside() -> Outcome:
    """As PID 1 of the namespace, where orphans come to be reaped."""
    outcome = Outcome()
    for number in range(ROUNDS):
        with World("pid-reuse") as world, Stack(world, {"bot": {"command": [*PYTHON, "-c", BOT]}}) as stack:
            _once(stack, outcome, same_tick=number % 2 == 1)
    return outcome


def _once(stack: Stack, outcome: Outcome, *, same_tick: bool) -> None:
    runner = stack.start_runner()
    note = wait_for(lambda: _note_of(stack), "the bot", 30)
    stack.kill(runner)
    identity = json.loads(note.read_text())
    for pid in (identity["shim"], identity["pid"]):
        os.kill(pid, signal.SIGKILL)
    wait_for(lambda: _reap(identity["pid"]) and _reap(identity["shim"]), "their ends")
    innocent = _innocent(stack.world, identity["pid"])
    if innocent is None:
        return
    outcome.pids_reused += 1
    if same_tick:
        note.write_text(json.dumps(identity | {"start_tick": start_tick(innocent.pid)}) + "\n")
        outcome.same_tick += 1
    _look(stack, innocent, identity["pid"], outcome)
    innocent.kill()
    innocent.wait()


def _note_of(stack: Stack) -> Path | None:
    for path in (stack.data_dir / "runner/bots/bot").glob("*/pid"):
        with contextlib.suppress(OSError):
            if path.read_text().endswith("\n"):
                return path
    return None


def _reap(pid: int) -> bool:
    """True when nobody has the pid any more."""
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)
    return not Path(f"/proc/{pid}").exists()


def _innocent(world: World, pid: int) -> "subprocess.Popen[bytes] | None":
    """A process with exactly that pid; None when somebody else was faster, every time."""
    for _ in range(50):
        LAST_PID.write_text(str(pid - 1))
        process = subprocess.Popen(
            [*PYTHON, "-c", INNOCENT, str(world.folder / "signals")], stdout=subprocess.PIPE, start_new_session=True
        )
        assert process.stdout
        process.stdout.read(5)
        if process.pid == pid:
            return process
        process.kill()
        process.wait()
    return None


def _look(stack: Stack, innocent: "subprocess.Popen[bytes]", pid: int, outcome: Outcome) -> None:
    """A new runner comes, starts the bot anew, and ends with all its bots."""
    runs = stack.data_dir / "runner/bots/bot"
    before = len(list(runs.glob("*/pid")))
    runner = stack.start_runner()
    try:
        wait_for(lambda: len(list(runs.glob("*/pid"))) > before, "the bot anew", 20)
        outcome.started_anew += 1
    except TooLate:
        outcome.adopted += 1
        outcome.faults.append(f"pid {pid}: the innocent was taken for the bot")
    runner.send_signal(signal.SIGINT)
    runner.wait(30)
    signals = (stack.world.folder / "signals").read_text()
    if signals or not lives(innocent.pid):
        outcome.signalled += 1
        outcome.faults.append(f"pid {pid}: the innocent got signals {signals or 9}")


if __name__ == "__main__":
    print(json.dumps(_inside().__dict__))
