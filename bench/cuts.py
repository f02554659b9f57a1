"""Pages that are cut at random moments while everything changes: all end with the truth, and no gap goes untold.

    make bench-cuts [ARGS="--cuts 10000 --pages 100 --seed 1 --json"]

Exit code 1 when anything is off.
"""

import sys

from bench.cut import trial
from bench.house import report


def main() -> int:
    parser = report.parser(__doc__)
    parser.add_argument("--cuts", type=int, default=10_000)
    parser.add_argument("--pages", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    outcome = trial.run(trial.Plan(cuts=options.cuts, pages=options.pages, seed=options.seed))
    figures = {"bench": "cuts", **report.circumstances(), "pages": options.pages, **outcome.figures()}
    print(report.figures_table(figures))
    for fault in outcome.faults[:20]:
        print(f"OFF  {fault}")
    if options.json:
        report.print_json(figures | {"off": outcome.faults})
    return 1 if outcome.faults else 0


if __name__ == "__main__":
    sys.exit(main())
