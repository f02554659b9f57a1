"""SIGKILL of the daemon, which is started again 2 s later."""

import contextlib
import os
import signal
import time

from bench.house.processes import age_s, lives
from bench.house.report import Figures
from bench.house.waiting import TooLate, wait_for
from bench.peers import Peer, Program
from bench.side_by_side import Rows, Trial, at_work

AWAY_S = 2.0
SETTLE_S = 3.0
PROGRAMS = [Program("plain", ("talk", "plain")), Program("proof", ("talk", "proof"))]


def measure(kind: type[Peer], quick: bool) -> Rows:
    rows: Rows = {}
    with at_work(kind, "survival", PROGRAMS) as peer:
        victims = list(peer.victims())
    for victim in victims:
        with at_work(kind, "survival", PROGRAMS) as peer:
            label = kind.name if len(victims) == 1 else f"{kind.name}, {victim.strip()} killed"
            rows[label] = _one(peer, victim)
    return rows


def _one(peer: Peer, victim: str) -> Figures:
    wait_for(lambda: len(peer.noted("said", "proof")) > 50, "the bots' first lines")
    old = {name: peer.noted("first", name)[0].pid for name in ("plain", "proof")}
    for pid in peer.victims()[victim]:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    time.sleep(AWAY_S)  # it is away for a while: this is the trial, not a wait for something
    peer.reopen()
    with contextlib.suppress(TooLate):
        wait_for(lambda: peer.status("proof").pid, "what it says of the bot", 10)
    time.sleep(SETTLE_S)  # for second copies to come
    seen, true_uptime_s = peer.status("proof"), age_s(old["proof"])
    figures: Figures = {
        "plain_bot_lives": lives(old["plain"]),
        "processes_for_2_bots": len(peer.bots()),
        "same_pid_known": seen.pid == old["proof"],
        "uptime_shown_s": None if seen.uptime_s is None else round(seen.uptime_s, 2),
        "uptime_true_s": None if true_uptime_s is None else round(true_uptime_s, 2),
    }
    written, kept = _lines_of(peer, old["proof"])
    return {**figures, "lines_kept": kept, "lines_written": written}


def _lines_of(peer: Peer, pid: int) -> tuple[int, int]:
    """How many lines the old process wrote, and how many of them are in the log of all."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    wait_for(lambda: not lives(pid), "the old bot's end")
    written = sum(row.pid == pid for row in peer.noted("said", "proof"))
    beginning = b"%d " % pid

    def kept() -> int:
        return len({line for line in peer.log_lines("proof") if line.startswith(beginning)})

    with contextlib.suppress(TooLate):
        wait_for(lambda: kept() >= written, "its lines", 5, every_s=0.2)
    return written, kept()


TRIAL = Trial("survival", "SIGKILL of the daemon, started again 2 s later", measure, rounds=1)
