"""50 bots that do nothing: what the runner takes, what each bot costs beyond itself, and what the deck takes.

    make bench-idle [ARGS="--seconds 60 --bots 50 --json"]

Exit code 1 when the runner takes more than 0.1 % of a core or 30 MB, or a bot more than 1 MB beyond itself.
"""

import statistics
import sys
import time

from bench.house import report
from bench.house.processes import CpuMeter, command_line, memory
from bench.house.stack import Stack
from bench.house.waiting import wait_for
from bench.house.world import PYTHON, World

BOT = "import time; time.sleep(36000)"
SETTLE_S = 5.0
MOST_CPU_PERCENT = 0.1
MOST_RUNNER_MB = 30.0
MOST_PER_BOT_MB = 1.0
KIB_A_MB = 1e6 / 1024


def main() -> int:
    parser = report.parser(__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--bots", type=int, default=50)
    options = parser.parse_args()
    figures = {"bench": "idle", **report.circumstances(), **measure(options.bots, options.seconds)}
    print(report.figures_table(figures))
    if options.json:
        report.print_json(figures)
    return 0 if fits(figures) else 1


def fits(figures: report.Figures) -> bool:
    return bool(
        figures["runner_cpu_percent"] <= MOST_CPU_PERCENT
        and figures["runner_rss_mb"] <= MOST_RUNNER_MB
        and figures["per_bot_pss_mb"] <= MOST_PER_BOT_MB
    )


def measure(bots: int, seconds: float) -> report.Figures:
    configured = {f"bot{n:02}": {"command": [*PYTHON, "-c", BOT]} for n in range(bots)}
    with World("idle") as world, Stack(world, configured) as stack:
        stack.start()
        wait_for(lambda: sum(status.pid is not None for status in stack.statuses().values()) == bots, "the bots", 60)
        time.sleep(SETTLE_S)  # what follows a start is not idle
        runner, deck = stack.runner, stack.deck
        assert runner
        assert deck
        helpers = [pid for pid in world.processes() if "spawner_main" in command_line(pid)]
        own, others, of_deck = (CpuMeter(lambda pids=pids: pids) for pids in ([runner.pid], helpers, [deck.pid]))
        began = time.monotonic()
        time.sleep(seconds)  # this is the measurement
        passed_s = time.monotonic() - began
        percent = [round(100 * meter.read() / passed_s, 4) for meter in (own, others, of_deck)]
        of_helpers = [memory(pid) for pid in helpers]
        of_runner = memory(runner.pid)
        return {
            "bots": bots,
            "seconds": round(passed_s, 1),
            "runner_cpu_percent": percent[0],
            "spawner_and_shims_cpu_percent": percent[1],
            "deck_cpu_percent": percent[2],
            "runner_rss_mb": round(of_runner.rss / KIB_A_MB, 1),
            "runner_uss_mb": round(of_runner.uss / KIB_A_MB, 1),
            "deck_rss_mb": round(memory(deck.pid).rss / KIB_A_MB, 1),
            # Shared pages are counted once, divided among all that share them.
            "per_bot_pss_mb": round(sum(of.pss for of in of_helpers) / KIB_A_MB / bots, 3),
            "shim_uss_mb": round(statistics.median(of.uss for of in of_helpers) / KIB_A_MB, 3),
        }


if __name__ == "__main__":
    sys.exit(main())
