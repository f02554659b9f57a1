"""Stopping: a bot that ignores SIGTERM, and what is left of bots that started others."""

from bench.house.processes import lives
from bench.house.report import Figures
from bench.house.waiting import wait_for
from bench.peers import Peer, Program, now
from bench.side_by_side import Rows, Trial, at_work

GRACE_S = 3
PATIENCE_S = 15.0
TREES = ("polite", "rude")
BRANCHES = ("group", "session", "daemon")
PROGRAMS = [Program("stubborn", ("stubborn",), stop_timeout_s=GRACE_S)]
PROGRAMS += [Program(kind, ("tree", kind), stop_timeout_s=GRACE_S) for kind in TREES]


def measure(kind: type[Peer], quick: bool) -> Rows:
    with at_work(kind, "stop", PROGRAMS) as peer:
        wait_for(lambda: len(peer.noted("first")) == len(PROGRAMS), "the bots")
        # A start second that has to pass for some before they count as started.
        wait_for(lambda: all(peer.status(program.name).pid for program in PROGRAMS), "their pids")
        begun = now()
        wait_for(lambda: now() > begun + 1.5, "supervisors that take a bot for started after a second")
        for program in PROGRAMS:
            peer.stop(program.name)
        figures = _stubborn(peer)
        mains = [row.pid for row in peer.noted("first")]
        until = now() + GRACE_S + 3
        wait_for(lambda: not any(map(lives, mains)) or now() > until, "the mains' ends", 60, every_s=0.05)
        settled = now() + 1.0
        wait_for(lambda: now() > settled, "a sweep")
        for branch in BRANCHES:
            figures[f"left_{branch}_of_2"] = sum(
                lives(row.pid) for row in peer.noted("branch") if row.extra.strip() == branch
            )
    return {kind.name: figures}


def _stubborn(peer: Peer) -> Figures:
    main = peer.noted("first", "stubborn")[0].pid
    until = now() + PATIENCE_S
    wait_for(lambda: not lives(main) or now() > until, "the stubborn bot", PATIENCE_S + 10, every_s=0.005)
    ended = now()
    signals = [row for row in peer.noted("signal", "stubborn") if row.pid == main]
    asked = signals[0].at if signals else None
    return {
        "asked_by": f"signal {signals[0].extra.strip()}" if signals else "nothing",
        "killed_after_s": round(ended - asked, 2) if asked and not lives(main) else None,
    }


TRIAL = Trial(
    "stop",
    f"Stop of a bot that ignores SIGTERM (given {GRACE_S} s), and processes left of two trees",
    measure,
    rounds=1,
    footnote="supervisord with stopasgroup and killasgroup, circus with stop_children, s6 with timeout-kill.",
)
