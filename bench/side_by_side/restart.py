"""From a crash to the new process's first line, and what becomes of a bot that crashes at once, every time."""

import itertools

from bench.house.waiting import wait_for
from bench.peers import Noted, Peer, Program, now
from bench.side_by_side import Rows, Trial, at_work

WATCHED_S = 12.0
QUICK_WATCHED_S = 8.0
LIVES_S = 2.0
EACH = 3
PROGRAMS = [Program(f"once{n}", ("crash", "0")) for n in range(EACH)]
PROGRAMS += [Program(f"lived{n}", ("crash", str(LIVES_S))) for n in range(EACH)]


def measure(kind: type[Peer], quick: bool) -> Rows:
    watched_s = QUICK_WATCHED_S if quick else WATCHED_S
    with at_work(kind, "restart", PROGRAMS) as peer:
        wait_for(lambda: peer.noted("first", "lived0"), "the first bot")
        until = now() + watched_s
        wait_for(lambda: now() > until, "the end of the watch", watched_s + 10, every_s=0.1)
        given_up = any(peer.status(f"once{n}").given_up for n in range(EACH))
        rows = peer.noted()
    at_once = [_gaps_ms(rows, f"once{n}") for n in range(EACH)]
    lived = [gaps[0] for n in range(EACH) if (gaps := _gaps_ms(rows, f"lived{n}"))]
    return {
        kind.name: {
            "lived_2_s_ms": _middle(lived),
            "exits_at_once_ms": _middle([gaps[0] for gaps in at_once if gaps]),
            "the_next_ones_ms": max(at_once, key=len)[1:5],
            f"starts_in_{watched_s:g}_s": _middle([len(gaps) + 1 for gaps in at_once]),
            "gave_up": given_up,
        }
    }


def _gaps_ms(rows: list[Noted], name: str) -> list[int]:
    """From each exit to the next first line."""
    times = [(row.what, row.at) for row in rows if row.name == name and row.what in ("first", "exit")]
    pairs = itertools.pairwise(times)
    return [round((later - before) * 1000) for (what, before), (_, later) in pairs if what == "exit"]


def _middle(values: list[int]) -> int | None:
    return sorted(values)[len(values) // 2] if values else None


TRIAL = Trial("restart", "Crash to the new process's first line", measure, rounds=3, ratios=("lived_2_s_ms",))
