"""One, then 50 of 1,000 pages stop reading: what the others hear of it, what it costs, and how long.

    make bench-stalls [ARGS="--pages 1000 --seconds 15 --json"]

Exit code 1 when the others' silence grows by more than 50 ms, one that reads nothing costs the deck more than 64 KB
and a message, is not gone after 15 s, or keeps it from ending within a second.
"""

import signal
import sys
import time
from collections.abc import Callable

from bench.house import report
from bench.house.live import handshake, start_deck
from bench.house.processes import memory
from bench.house.stack import Stack
from bench.house.waiting import wait_for
from bench.house.world import World
from bench.stall.pace import BOT, PACE_S, Pace
from bench.stall.readers import Crowd, Silence
from bench.stall.sockets import still_there, waiting_bytes

MANY = 50
GONE_PATIENCE_S = 60.0
FILLING_S = 6.0
LOOK_S = 0.25
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

    def nobody(self) -> report.Figures:
        return self._during(lambda: None)

    def stalled(self, count: int) -> report.Figures:
        """So many stop reading, until the deck has let them go."""
        figures: report.Figures = {}

        def watch() -> None:
            before, largest, waiting = self._rss(), 0, 0
            ports, began = set(self._crowd.stall(count)), time.monotonic()
            while still_there(self._stack.port, ports):
                assert time.monotonic() < began + GONE_PATIENCE_S, "the deck never let them go"
                largest = max(largest, self._rss())
                waiting = max([waiting, *waiting_bytes(self._stack.port, ports)])
                time.sleep(LOOK_S)
            figures["gone_after_s"] = round(time.monotonic() - began, 1)
            figures["deck_grew_kb_each"] = round((largest - before) / count, 1)
            figures["in_the_kernel_kb"] = round(waiting / 1024)

        return self._during(watch) | figures

    def ending_s(self) -> float:
        """From SIGTERM to the end, while many do not read."""
        ports = set(self._crowd.stall(MANY))
        time.sleep(FILLING_S)
        left = still_there(self._stack.port, ports)
        assert left == MANY, f"of {len(ports)} that stopped reading only {left} are there after {FILLING_S:g} s"
        deck = self._stack.deck
        assert deck
        began = time.monotonic()
        deck.send_signal(signal.SIGTERM)
        deck.wait(GONE_PATIENCE_S)
        return time.monotonic() - began

    def _during(self, what: Callable[[], None]) -> report.Figures:
        self._crowd.begin()
        until = time.monotonic() + self._seconds
        what()
        time.sleep(max(0.0, until - time.monotonic()))
        return _figures(self._crowd.silence())

    def _rss(self) -> int:
        assert self._stack.deck
        return memory(self._stack.deck.pid).rss


def _figures(silence: Silence) -> report.Figures:
    gaps = sorted(silence.gaps)
    assert gaps, "nobody heard anything"
    return {
        "heard": len(gaps),
        "silence_p99_ms": _beyond_ms(gaps[int(len(gaps) * 0.99)]),
        "silence_max_ms": _beyond_ms(gaps[-1]),
        "lost": silence.lost,
    }


def _beyond_ms(gap_s: float) -> float:
    """Of a silence, what the pace does not explain."""
    return round((gap_s - PACE_S) * 1000, 1)


def measure(pages: int, seconds: float) -> tuple[dict[str, report.Figures], float]:
    with World("stalls") as world, Stack(world, {}) as stack:
        start_deck(stack)
        with Crowd(stack.port, handshake(stack, {"bot": BOT})) as crowd, Pace(stack):
            wait_for(lambda: BOT in stack.statuses(), "the runner")
            opened = crowd.open(pages, will_stall=2 * MANY + 1)
            assert opened == pages, f"only {opened} of {pages} pages are there"
            time.sleep(2)
            trial = Trial(stack, crowd, seconds)
            rows = {
                "nobody stops": trial.nobody(),
                "1 stops": trial.stalled(1),
                f"{MANY} stop": trial.stalled(MANY),
                "nobody again": trial.nobody(),
            }
            print(report.table(rows), flush=True)
            return rows, trial.ending_s()


def faults(rows: dict[str, report.Figures], ending_s: float) -> list[str]:
    calm = max(rows["nobody stops"]["silence_max_ms"], rows["nobody again"]["silence_max_ms"])
    found = []
    for name in ("1 stops", f"{MANY} stop"):
        row = rows[name]
        if row["silence_max_ms"] > calm + MOST_ADDED_MS:
            found.append(f"{name}: the others heard nothing for {row['silence_max_ms'] - calm:.0f} ms more")
        if row["deck_grew_kb_each"] > MOST_HELD_KB and name != "1 stops":
            found.append(f"{name}: each costs the deck {row['deck_grew_kb_each']} KB")
        if row["gone_after_s"] > MOST_GONE_S:
            found.append(f"{name}: gone only after {row['gone_after_s']} s")
    found += [f"{name}: {row['lost']} others were lost" for name, row in rows.items() if row["lost"]]
    if ending_s > MOST_ENDING_S:
        found.append(f"the deck ended {ending_s:.1f} s after SIGTERM")
    return found


def main() -> int:
    parser = report.parser(__doc__)
    parser.add_argument("--pages", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=15, help="of each part, at least")
    options = parser.parse_args()
    circumstances = report.circumstances()
    rows, ending_s = measure(options.pages, options.seconds)
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
