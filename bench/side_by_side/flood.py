"""One bot prints as fast as it can, while others are killed and must be back, and somebody asks how things stand."""

import contextlib
import os
import signal
import statistics
import threading
import time
from collections.abc import Iterator

from bench.house.processes import CpuMeter
from bench.house.waiting import wait_for
from bench.peers import Peer, Program, now
from bench.side_by_side import Rows, Trial, at_work

SECONDS = 9
QUICK_SECONDS = 5
VICTIMS = 3
ASK_EVERY_S = 0.1


def measure(kind: type[Peer], quick: bool) -> Rows:
    seconds = QUICK_SECONDS if quick else SECONDS
    programs = [Program("flood", ("flood", str(seconds)), autostart=False)]
    programs += [Program(f"victim{n}", ("sleep",)) for n in range(VICTIMS)]
    with at_work(kind, "flood", programs) as peer:
        wait_for(lambda: len(peer.noted("first")) == VICTIMS, "the victims")
        time.sleep(1.5)  # until all take them for started
        keepers, deck = CpuMeter(peer.keepers), CpuMeter(peer.deck)
        peer.start(["flood"])
        wait_for(lambda: peer.noted("first", "flood"), "the flood")
        with _asking(peer) as answers_ms:
            back_ms = [_kill_one(peer, f"victim{n}", seconds / (VICTIMS + 1)) for n in range(VICTIMS)]
            wait_for(lambda: peer.noted("end", "flood"), "the end of the flood", 60)
        cpu_s, deck_cpu_s = keepers.read(), deck.read()
        printed = int(peer.noted("end", "flood")[0].extra)
    ordered = sorted(answers_ms)
    return {
        kind.name: {
            "back_after_ms": round(statistics.median(back_ms)),
            "slowest_ms": round(max(back_ms)),
            "status_p50_ms": ordered[len(ordered) // 2],
            "status_p95_ms": ordered[int(len(ordered) * 0.95)],
            "cpu_s": round(cpu_s, 2),
            "with_deck_cpu_s": round(cpu_s + deck_cpu_s, 2) if peer.deck() else None,
            "lines_printed": printed,
        }
    }


def _kill_one(peer: Peer, name: str, after_s: float) -> float:
    time.sleep(after_s)  # spread over the flood
    victim = peer.noted("first", name)[-1]
    killed = now()
    os.kill(victim.pid, signal.SIGKILL)
    wait_for(lambda: len(peer.noted("first", name)) > 1, f"{name} again", 60, every_s=0.002)
    return (peer.noted("first", name)[-1].at - killed) * 1000


@contextlib.contextmanager
def _asking(peer: Peer) -> Iterator[list[float]]:
    """Asks on a thread of its own for as long as the context lasts; the list of answer times."""
    answers_ms: list[float] = []
    enough = threading.Event()

    def ask() -> None:
        while not enough.wait(ASK_EVERY_S):
            began = now()
            peer.status("victim0")
            answers_ms.append(round((now() - began) * 1000, 1))

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield answers_ms
    finally:
        enough.set()
        thread.join()


TRIAL = Trial(
    "flood",
    f"A bot prints single lines for {SECONDS} s while others are killed",
    measure,
    rounds=3,
    ratios=("cpu_s", "with_deck_cpu_s"),
    footnote="Status: by HTTP (botdeck), XML-RPC (supervisord), its client (circus), command lines (the others).",
)
