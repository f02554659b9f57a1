"""Clients that send what no client should, each made from a seed: `frames` on an open WebSocket, `heads` instead of a
decent request. `siege` lets them loose on a deck."""

from dataclasses import dataclass
from random import Random


@dataclass(frozen=True, slots=True)
class Attack:
    """`sent` one by one. With `reads`, everything that comes back is read, else nothing at all. The deck has to end
    the connection by itself when `must_end`; otherwise the client leaves."""

    name: str
    sent: tuple[bytes, ...]
    must_end: bool = True
    reads: bool = True


def cut(data: bytes, random: Random) -> tuple[bytes, ...]:
    """Mostly whole, sometimes in pieces that end anywhere."""
    if len(data) < 2 or random.random() < 0.6:
        return (data,)
    ends = sorted(random.sample(range(1, len(data)), min(len(data) - 1, random.randint(1, 4))))
    return tuple(data[start:end] for start, end in zip([0, *ends], [*ends, len(data)], strict=True))
