"""What a supervisor takes with 50 idle bots."""

from bench.house.processes import CpuMeter, memory
from bench.house.waiting import wait_for
from bench.peers import Peer, Program, now
from bench.side_by_side import Rows, Trial, at_work

BOTS = 50
WATCHED_S = 20.0
QUICK_WATCHED_S = 5.0
SETTLE_S = 3.0
PROGRAMS = [Program(f"idle{n}", ("sleep",)) for n in range(BOTS)]


def measure(kind: type[Peer], quick: bool) -> Rows:
    watched_s = QUICK_WATCHED_S if quick else WATCHED_S
    with at_work(kind, "memory", PROGRAMS) as peer:
        wait_for(lambda: len(peer.noted("first")) >= BOTS, "the bots", 60, every_s=0.1)
        _let_pass(SETTLE_S)
        keepers, deck = CpuMeter(peer.keepers), CpuMeter(peer.deck)
        began = now()
        _let_pass(watched_s)
        passed_s = now() - began
        main, *others = peer.keepers()
        own = memory(main)
        figures = {
            "daemon_rss_mib": own.rss / 1024,
            "daemon_uss_mib": own.uss / 1024,
            "others_per_bot_pss_kib": sum(memory(pid).pss for pid in others) / BOTS,
            "idle_cpu_percent": round(100 * keepers.read() / passed_s, 3),
        }
        if peer.deck():
            figures["deck_rss_mib"] = memory(peer.deck()[0]).rss / 1024
            figures["deck_idle_cpu_percent"] = round(100 * deck.read() / passed_s, 3)
    return {kind.name: figures}


def _let_pass(seconds: float) -> None:
    until = now() + seconds
    wait_for(lambda: now() > until, "time to pass", seconds + 10, every_s=0.25)


TRIAL = Trial("memory", f"Memory and idle CPU with {BOTS} idle bots", measure, rounds=1)
