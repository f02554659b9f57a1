"""Botdeck's runner beside supervisord, circus, PM2, runit and s6: the same trials for all, in one session.

    make bench-runner [ARGS="--only survival,flood --peers botdeck,s6 --quick --json"]

Peers are installed when they are missing (Python and npm packages into .bench/, Debian packages on the system). They
take turns, round by round; the tables show medians. What can be compared without luck are counts and CPU seconds.
"""

import statistics
import sys
import traceback
from typing import Any

from bench.house import report
from bench.house.report import Figures
from bench.peers import Peer, install
from bench.side_by_side import Rows, Trial, burst, flood, memory, restart, start, stop, survival

TRIALS = {
    trial.name: trial
    for trial in (
        survival.TRIAL,
        restart.TRIAL,
        stop.TRIAL,
        memory.TRIAL,
        burst.BY_LINE,
        burst.BY_BLOCK,
        flood.TRIAL,
        start.TRIAL,
    )
}


def main() -> int:
    parser = report.parser(__doc__)
    parser.add_argument("--only", metavar="TRIAL,...", default=",".join(TRIALS), help=f"of {', '.join(TRIALS)}")
    parser.add_argument("--peers", metavar="NAME,...", default=",".join(install.PEERS), help="who takes part")
    parser.add_argument("--rounds", type=int, help="instead of each trial's own number")
    parser.add_argument("--quick", action="store_true", help="small and once, for development")
    options = parser.parse_args()
    peers, missing = install.ready(_chosen(options.peers, install.PEERS, parser))
    trials = [TRIALS[name] for name in _chosen(options.only, TRIALS, parser)]
    versions = {name: install.version(peer) for name, peer in peers.items()}
    print("  ".join(f"{name} {version}" for name, version in versions.items()))
    figures: Figures = {"bench": "runner", **report.circumstances(), "versions": versions, "missing": missing}
    for trial in trials:
        rounds = 1 if options.quick else options.rounds or trial.rounds
        figures[trial.name] = _go_through(trial, peers, rounds, options.quick)
        print(f"\n{trial.title} (medians of {rounds})" if rounds > 1 else f"\n{trial.title}")
        print(report.table(figures[trial.name], ratio_to="botdeck", ratios=trial.ratios))
        if trial.footnote:
            print(trial.footnote)
        sys.stdout.flush()
    if options.json:
        report.print_json(figures)
    return 0


def _chosen(text: str, known: dict[str, Any], parser: Any) -> list[str]:
    names = text.split(",")
    for name in names:
        if name not in known:
            parser.error(f"no {name!r}; there are {', '.join(known)}")
    return names


def _go_through(trial: Trial, peers: dict[str, type[Peer]], rounds: int, quick: bool) -> Rows:
    goes: list[Rows] = []
    for _ in range(rounds):
        if trial.yardstick:
            goes.append(trial.yardstick(quick))
        goes += [_try(trial, peer, quick) for peer in peers.values()]
    return _medians(goes)


def _try(trial: Trial, peer: type[Peer], quick: bool) -> Rows:
    """One peer that fails a trial must not take the others' figures along."""
    try:
        return trial.measure(peer, quick)
    except Exception as error:
        traceback.print_exc()
        return {peer.name: {"failed": str(error)}}


def _medians(goes: list[Rows]) -> Rows:
    rows: Rows = {}
    for label in dict.fromkeys(label for go in goes for label in go):
        of_label = [go[label] for go in goes if label in go]
        keys = dict.fromkeys(key for figures in of_label for key in figures)
        rows[label] = {key: _median([figures[key] for figures in of_label if key in figures]) for key in keys}
    return rows


def _median(values: list[Any]) -> Any:
    """Of numbers; of anything else, the last."""
    numbers = [value for value in values if isinstance(value, int | float) and not isinstance(value, bool)]
    if len(numbers) == len(values):
        middle = statistics.median(numbers)
        return round(middle, 3) if isinstance(middle, float) else middle
    return values[-1]


if __name__ == "__main__":
    sys.exit(main())
