"""Trials that every supervisor goes through alike, one module each."""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from bench.house.report import Figures
from bench.house.world import World
from bench.peers import Peer, Program

Rows = dict[str, Figures]
"""Figures of one go, by the label of their line in the table."""


@dataclass(frozen=True)
class Trial:
    """`measure(peer, quick)` is done `rounds` times; the table shows medians."""

    name: str
    title: str
    measure: Callable[[type[Peer], bool], Rows]
    rounds: int
    ratios: tuple[str, ...] = ()
    """Figures that are also shown as multiples of Botdeck's."""
    footnote: str = ""
    yardstick: Callable[[bool], Rows] | None = None
    """The same without any supervisor, measured once a round."""


@contextlib.contextmanager
def at_work(kind: type[Peer], trial: str, programs: list[Program]) -> Iterator[Peer]:
    """The peer, open, in a world of its own."""
    with World(f"{trial}-{kind.name}") as world:
        peer = kind(world, programs)
        try:
            peer.open()
            yield peer
        finally:
            peer.close()
