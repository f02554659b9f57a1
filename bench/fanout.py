"""One message to many clients: Botdeck's own deck beside other WebSocket servers, in one session.

    make bench-fanout [ARGS="--clients 100,1000,5000 --only botdeck,ws --rounds 2 --json"]

Each server has one core to itself, and the clients, in C, another. What is missing is installed: Python and npm packages
into .bench/, Debian packages on the system. They take turns, round by round; the tables show medians. Exit code 1 when
a client of Botdeck did not get every message exactly once.
"""

import os
import sys
import traceback
from typing import Any

from bench.fan_out import picture, roster, summary, trial
from bench.fan_out.candidate import Candidate
from bench.fan_out.places import allow_many_files, cores
from bench.house import report
from bench.house.world import World


def main() -> int:
    parser = report.parser(__doc__)
    parser.add_argument("--clients", metavar="N,...", default="100,1000,5000", help="how many")
    parser.add_argument("--only", metavar="NAME,...", help=f"of {', '.join(roster.CANDIDATES)}")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=5.0, help="of messages at an even pace, in each go")
    options = parser.parse_args()
    names = options.only.split(",") if options.only else list(roster.CANDIDATES)
    for name in names:
        if name not in roster.CANDIDATES:
            parser.error(f"no {name!r}; there are {', '.join(roster.CANDIDATES)}")
    versions, missing = roster.ready(names)
    print("  ".join(f"{name} {version}" for name, version in versions.items()))
    server_core, load_core = cores()
    os.sched_setaffinity(0, {load_core})  # who publishes is no part of the server
    allow_many_files()
    figures: report.Figures = {"bench": "fanout", **report.circumstances(), "versions": versions, "missing": missing}
    figures["clients"] = {}
    for clients in map(int, options.clients.split(",")):
        goes = _go_through(list(versions), clients, options)
        rows = summary.rows(goes)
        figures["clients"][str(clients)] = rows
        print(f"\n{clients:,} clients (medians of {options.rounds})\n{summary.table(rows)}", flush=True)
        print("\n".join(summary.sentences(rows)))
    if options.only is None and "1000" in figures["clients"]:
        print(f"\nThe picture: {picture.write(figures)}")
    if options.json:
        report.print_json(figures)
    return 0 if summary.is_complete(figures, "botdeck") else 1


def _go_through(names: list[str], clients: int, options: Any) -> dict[str, list[trial.Go | str]]:
    server_core, load_core = cores()
    goes: dict[str, list[trial.Go | str]] = {name: [] for name in names}
    for _ in range(options.rounds):
        for name in names:
            goes[name].append(_try(roster.CANDIDATES[name], clients, options.seconds))
    return goes


def _try(candidate: type[Candidate], clients: int, seconds: float) -> trial.Go | str:
    """One that fails must not take the others' figures along."""
    server_core, load_core = cores()
    with World(f"fanout-{candidate.name}") as world:
        try:
            with candidate(world, server_core) as server:
                return trial.measure(server, clients, seconds, load_core)
        except Exception as error:
            traceback.print_exc()
            return str(error)


if __name__ == "__main__":
    sys.exit(main())
