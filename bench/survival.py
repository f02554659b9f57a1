"""Deck, runner and bots are killed at random moments: nothing is lost, nothing doubled, nobody runs twice.

    make bench-survival [ARGS="--kills 200 --bots 20 --rate 2000 --seed 1 --only kills,adopt,starting,pid-reuse --json"]

Exit code 1 when anything is off.
"""

import sys

from bench.deaths import adopt, kills, pid_reuse, starting
from bench.house import report

PARTS = ("kills", "adopt", "starting", "pid-reuse")


def main() -> int:
    parser = report.parser(__doc__)
    parser.add_argument("--only", metavar="PART,...", default=",".join(PARTS), help=f"of {', '.join(PARTS)}")
    parser.add_argument("--kills", type=int, default=200, help="of the parts that kill at random moments")
    parser.add_argument("--bots", type=int, default=20)
    parser.add_argument("--rate", type=int, default=2000, help="events a second of all bots, and as many lines")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    plan = kills.Plan(kills=options.kills, bots=options.bots, rate=options.rate, seed=options.seed)
    doing = {
        "kills": lambda: kills.run(plan),
        "adopt": adopt.run,
        "starting": lambda: starting.run(options.kills, options.seed),
        "pid-reuse": pid_reuse.run,
    }
    figures: report.Figures = {"bench": "survival", **report.circumstances()}
    faults: list[str] = []
    for part in options.only.split(","):
        if part not in doing:
            parser.error(f"no {part!r}; there are {', '.join(PARTS)}")
        outcome = doing[part]()
        figures[part] = outcome.figures()
        faults += [f"{part}: {fault}" for fault in outcome.faults]
        print(f"\n{part}\n{report.figures_table(figures[part])}", flush=True)
    for fault in faults:
        print(f"OFF  {fault}")
    if options.json:
        report.print_json(figures | {"off": faults})
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
