"""512 MiB printed by one bot that lives on: how much of it stays on the runner's disk once the deck has it.

    make bench-disk [ARGS="--mib 512 --json"]

Blocks are counted and not sizes, for a file keeps its size when its space is given back. Exit code 1 when more than
8 MiB stay.
"""

import sys
import time

from bench.house import report
from bench.house.processes import CpuMeter
from bench.house.stack import Stack
from bench.house.waiting import wait_for
from bench.house.world import PYTHON, World
from botdeck.models import Action

MIB = 1 << 20
MOST_LEFT_MIB = 8
ODD_MIB = 3
"""More than a multiple of the steps in which space is given back, or nothing at all would stay by chance."""
LINE_BYTES = 8192
BOT = f"""
import os, sys, time
line = b"x" * {LINE_BYTES - 1} + b"\\n"
for _ in range(int(sys.argv[1]) // {LINE_BYTES}):
    os.write(1, line)
time.sleep(3600)
"""
PATIENCE_S = 600.0


def main() -> int:
    parser = report.parser(__doc__)
    parser.add_argument("--mib", type=int, default=512)
    options = parser.parse_args()
    figures = {"bench": "disk", **report.circumstances(), **measure(options.mib)}
    print(report.figures_table(figures))
    if options.json:
        report.print_json(figures)
    return 1 if figures["left_mib"] > MOST_LEFT_MIB else 0


def measure(mib: int) -> report.Figures:
    # No limit of rate or backlog: they are there to drop output, and here all of it is to be shipped.
    free = {"output_rate_mb_s": 0, "output_backlog_mb": 4 * mib, "autostart": False}
    size = (mib + ODD_MIB) * MIB
    bots = {"bot": {"command": [*PYTHON, "-c", BOT, str(size)], **free}}
    with World("disk") as world, Stack(world, bots) as stack:
        stack.start()
        runner = stack.runner
        assert runner
        cpu, peak, began = CpuMeter(lambda: [runner.pid]), 0, time.monotonic()
        stack.act(["bot"], Action.START)

        def everything() -> bool:
            nonlocal peak
            peak = max(peak, stack.run_bytes())
            return stack.stored_bytes("bot") >= size

        wait_for(everything, "the deck to have all of it", PATIENCE_S, every_s=0.05)
        seconds = time.monotonic() - began
        left = _settled(stack)
        return {
            "shipped_mib": mib + ODD_MIB,
            "left_mib": round(left / MIB, 2),
            "peak_mib": round(peak / MIB, 1),
            "seconds": round(seconds, 1),
            "runner_cpu_s": round(cpu.read(), 2),
            "stored_bytes": stack.stored_bytes("bot"),
        }


def _settled(stack: Stack) -> int:
    """The last acknowledgements are still on their way to the runner."""
    before = -1
    while (now := stack.run_bytes()) != before:
        before = now
        time.sleep(1.0)
    return now


if __name__ == "__main__":
    sys.exit(main())
