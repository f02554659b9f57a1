"""One, then 50 of 1,000 pages stop reading: what the others hear of it, what it costs, and how long.

    make bench-stalls [ARGS="--pages 1000 --seconds 15 --json"]

Exit code 1 when the others' silence grows by more than 50 ms, one that reads nothing costs the deck more than 64 KB
and a message, is not gone after 15 s, or keeps it from ending within a second.
"""

import signal
import sys
import time

from bench.house import report
from bench.house.live import handshake, start_deck
from bench.house.processes import memory
from bench.house.stack import Stack
from bench.house.waiting import wait_for
from bench.house.world import World
from bench.stall.pace import BOT, Pace
from bench.stall.readers import Crowd, Silence
from bench.stall.sockets import waiting_bytes

MANY = 50
CALM, ONE, SOME = "nobody stops", "1 stops", f"{MANY} stop"
SETTLING_S = 2.0
GONE_PATIENCE_S = 60.0
FILLING_S = 6.0
LOOK_S = 0.5
MOST_ADDED_MS = 50.0
MOST_HELD_KB = 64.0 + 32.0
"""A write and a message."""
MOST_GONE_S = 15.0
MOST_ENDING_S = 1.0


class Trial:
    def __init__(self, stack: Stack, crowd: Crowd, seconds: float) -> None:
        self._stack = stack
        self._crowd = crowd
        self._seconds = seconds

    def stalled(self, count: int) -> report.Figures:
        """So many stop reading, until the deck has let them go. With none it is looked at in the same way, since that
        disturbs, too."""
        self._crowd.begin()
        until = time.monotonic() + self._seconds
        before, largest, waiting, gone_after_s = self._rss(), 0, 0, 0.0
        ports, began = set(self._crowd.stall(count)), time.monotonic()
        while time.monotonic() < until or not gone_after_s:
            assert time.monotonic() < began + GONE_PATIENCE_S, "the deck never let them go"
            left = waiting_bytes(self._stack.port, ports)
            largest = max(largest, self._rss())
            waiting = max([waiting, *left])
            if not left and not gone_after_s:
                gone_after_s = time.monotonic() - began
            time.sleep(LOOK_S)
        figures = _figures(self._crowd.silence())
        if not count:
            return figures
        return figures | {
            "gone_after_s": round(gone_after_s, 1),
            # What one costs is lost in what a deck's memory does by itself.
            "deck_grew_kb_each": round((largest - before) / count, 1) if count == MANY else None,
            "in_the_kernel_kb": round(waiting / 1024),
        }

    def ending_s(self) -> float:
        """From SIGTERM to the end, while many do not read."""
        ports = set(self._crowd.stall(MANY))
        time.sleep(FILLING_S)
        left = len(waiting_bytes(self._stack.port, ports))
        assert left == MANY, f"of {len(ports)} that stopped reading only {left} are there after {FILLING_S:g} s"
        deck = self._stack.deck
        assert deck
        began = time.monotonic()
        deck.send_signal(signal.SIGTERM)
        deck.wait(GONE_PATIENCE_S)
        return time.monotonic() - began

    def _rss(self) -> int:
        assert self._stack.deck
        return memory(self._stack.deck.pid).rss


def _figures(silence: Silence) -> report.Figures:
    beyond = sorted(silence.beyond)
    assert beyond, "nobody heard anything"
    return {
        "heard": len(beyond),
        "silence_p99_ms": round(beyond[int(len(beyond) * 0.99)] * 1000, 1),
        "silence_max_ms": round(beyond[-1] * 1000, 1),
        "lost": silence.lost,
    }


def measure(pages: int, seconds: float, rounds: int) -> tuple[dict[str, report.Figures], float]:
    with World("stalls") as world, Stack(world, {}) as stack:
        start_deck(stack)
        with Crowd(stack.port, handshake(stack, {"bot": BOT})) as crowd, Pace(stack):
            wait_for(lambda: BOT in stack.statuses(), "the runner")
            crowd.open(pages - 1 - 2 * MANY, will_stall=0)
            trial = Trial(stack, crowd, seconds)
            rows: dict[str, list[report.Figures]] = {CALM: [], ONE: [], SOME: []}
            for _ in range(rounds):
                crowd.open(pages - crowd.open(0, will_stall=0), will_stall=1 + MANY)
                time.sleep(SETTLING_S)
                rows[CALM].append(trial.stalled(0))
                rows[ONE].append(trial.stalled(1))
                rows[SOME].append(trial.stalled(MANY))
            crowd.open(MANY, will_stall=MANY)
            return {name: _calmest(figures) for name, figures in rows.items()}, trial.ending_s()


def _calmest(rounds: list[report.Figures]) -> report.Figures:
    """Of each figure the least: what a round has more, the machine added. But nobody may be lost in any."""
    least = {key: value and min(figures[key] for figures in rounds) for key, value in rounds[0].items()}
    return least | {"lost": sum(figures["lost"] for figures in rounds)}


def faults(rows: dict[str, report.Figures], ending_s: float) -> list[str]:
    found = []
    for name in (ONE, SOME):
        row = rows[name]
        added = {which: row[which] - rows[CALM][which] for which in ("silence_p99_ms", "silence_max_ms")}
        found += [f"{name}: {which} grew by {ms:.0f}" for which, ms in added.items() if ms > MOST_ADDED_MS]
        if row["gone_after_s"] > MOST_GONE_S:
            found.append(f"{name}: gone only after {row['gone_after_s']} s")
    if rows[SOME]["deck_grew_kb_each"] > MOST_HELD_KB:
        found.append(f"{SOME}: each costs the deck {rows[SOME]['deck_grew_kb_each']} KB")
    found += [f"{name}: {row['lost']} others were lost" for name, row in rows.items() if row["lost"]]
    if ending_s > MOST_ENDING_S:
        found.append(f"the deck ended {ending_s:.1f} s after SIGTERM")
    return found


def main() -> int:
    parser = report.parser(__doc__)
    parser.add_argument("--pages", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=15, help="of each part, at least")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    circumstances = report.circumstances()
    rows, ending_s = measure(options.pages, options.seconds, options.rounds)
    off = faults(rows, ending_s)
    print(report.table(rows))
    print(f"\nSIGTERM with {MANY} that do not read: ended after {ending_s:.2f} s")
    for fault in off:
        print(f"OFF  {fault}")
    if options.json:
        figures = {"bench": "stalls", **circumstances, "pages": options.pages, "ending_s": round(ending_s, 2)}
        report.print_json(figures | {"parts": rows, "off": off})
    return 1 if off else 0


if __name__ == "__main__":
    sys.exit(main())
