"""50 bots at once, until the last has run its first line."""

from bench.house.processes import CpuMeter
from bench.house.waiting import wait_for
from bench.peers import Peer, Program, now
from bench.side_by_side import Rows, Trial, at_work

BOTS = 50
PROGRAMS = [Program(f"bot{n}", ("sleep",), autostart=False) for n in range(BOTS)]


def measure(kind: type[Peer], quick: bool) -> Rows:
    with at_work(kind, "start", PROGRAMS) as peer:
        keepers, deck = CpuMeter(peer.keepers), CpuMeter(peer.deck)
        ordered = now()
        peer.start([program.name for program in PROGRAMS])
        wait_for(lambda: len(peer.noted("first")) >= BOTS, "the bots", 60)
        figures = {
            "last_first_line_s": round(max(row.at for row in peer.noted("first")) - ordered, 3),
            "cpu_s": round(keepers.read(), 3),
            "with_deck_cpu_s": round(keepers.read() + deck.read(), 3) if peer.deck() else None,
        }
    return {kind.name: figures}


TRIAL = Trial(
    "start",
    f"{BOTS} bots started by one order",
    measure,
    rounds=5,
    ratios=("last_first_line_s", "cpu_s", "with_deck_cpu_s"),
)
