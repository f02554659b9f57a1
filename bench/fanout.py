"""One message to many clients: Botdeck's own deck beside other WebSocket servers, in one session.

    make bench-fanout [ARGS="--clients 100,1000,5000 --only botdeck,ws --rounds 2 --json"]

Each server has a core to itself, and the clients, in C, another. What is missing is installed: Python and npm packages
into .bench/, Debian packages on the system. They take turns, round by round; the tables show medians. A go with all
of them at 1,000 clients also draws docs/images/fanout.svg. Exit code 1 when a client of Botdeck did not get every
message exactly once.
"""

import datetime
import os
import sys
import traceback
from typing import Any

from bench.fan_out import picture, roster, summary
from bench.fan_out.candidate import Candidate
from bench.fan_out.load import install_clients
from bench.fan_out.places import Cores, allow_many_files
from bench.fan_out.trial import FIRST_CLIENTS, Go, measure
from bench.house import report
from bench.house.packages import NotToBeHad
from bench.house.world import World

PICTURED_CLIENTS = 1000


def main() -> int:
    options = _options()
    try:
        install_clients()
    except NotToBeHad as reason:
        print(f"The clients cannot be compiled: {reason}", file=sys.stderr)
        return 2
    versions, missing = roster.ready(options.only)
    print("  ".join(f"{name} {version}" for name, version in versions.items()))
    cores = Cores.of_this_process()
    os.sched_setaffinity(0, {cores.clients})  # for publishing of this process is no part of a server
    allow_many_files()
    figures: report.Figures = {"bench": "fanout", **report.circumstances(), "versions": versions, "missing": missing}
    by_clients = figures["clients"] = {}
    for clients in options.clients:
        rows = by_clients[str(clients)] = _go_through(list(versions), clients, options, cores)
        print(f"\n{clients:,} clients (medians of {options.rounds})\n{summary.table(rows)}", flush=True)
    if PICTURED_CLIENTS in options.clients and len(versions) + len(missing) == len(roster.CANDIDATES):
        rows = by_clients[str(PICTURED_CLIENTS)]
        print(f"\nDrawn: {picture.write(rows, PICTURED_CLIENTS, day=_day())}")
    if options.json:
        report.print_json(figures)
    return 0 if all(summary.is_complete(rows.get(summary.US)) for rows in by_clients.values()) else 1


def _options() -> Any:
    parser = report.parser(__doc__)
    parser.add_argument("--clients", metavar="N,...", default="100,1000,5000", help="how many")
    parser.add_argument(
        "--only", metavar="NAME,...", default=",".join(roster.CANDIDATES), help=f"of {', '.join(roster.CANDIDATES)}"
    )
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=5.0, help="of messages at an even pace, in each go")
    options = parser.parse_args()
    options.only = options.only.split(",")
    options.clients = [int(number) for number in options.clients.split(",")]
    if min(options.clients) <= FIRST_CLIENTS:
        parser.error(f"more than {FIRST_CLIENTS} clients, so that the memory of one can be told")
    for name in options.only:
        if name not in roster.CANDIDATES:
            parser.error(f"no {name!r}; there are {', '.join(roster.CANDIDATES)}")
    return options


def _go_through(names: list[str], clients: int, options: Any, cores: Cores) -> dict[str, report.Figures]:
    goes: dict[str, list[Go | str]] = {name: [] for name in names}
    for _ in range(options.rounds):
        for name in names:
            goes[name].append(_try(roster.CANDIDATES[name], clients, options.seconds, cores))
    return summary.rows(goes, {name: roster.CANDIDATES[name].label for name in names})


def _try(candidate: type[Candidate], clients: int, seconds: float, cores: Cores) -> Go | str:
    """One that fails must not take the others' figures along."""
    with World(f"fanout-{candidate.name}") as world:
        try:
            with candidate(world, cores.server) as server:
                return measure(server, clients, seconds, cores.clients)
        except Exception as error:
            traceback.print_exc()
            return str(error)


def _day() -> str:
    today = datetime.datetime.now(datetime.UTC)
    return f"{today.day} {today:%B %Y}"


if __name__ == "__main__":
    sys.exit(main())
