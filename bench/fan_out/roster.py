"""All who are measured, in the order of the table."""

import sys

from bench.fan_out.botdeck import Botdeck
from bench.fan_out.candidate import Candidate
from bench.fan_out.libraries import (
    FastApiLoop,
    FastApiLoopDeflated,
    NodeWs,
    Picows,
    PythonSocketIo,
    Socketify,
    SocketIo,
    WebsocketsBroadcast,
    Writer,
)
from bench.fan_out.nats import Nats
from bench.house.packages import NotToBeHad

CANDIDATES: dict[str, type[Candidate]] = {
    candidate.name: candidate
    for candidate in (
        Writer,
        Botdeck,
        Picows,
        Socketify,
        NodeWs,
        WebsocketsBroadcast,
        Nats,
        SocketIo,
        FastApiLoop,
        FastApiLoopDeflated,
        PythonSocketIo,
    )
}


def ready(names: list[str]) -> tuple[dict[str, str], dict[str, str]]:
    """The versions of those that can be had, and why the others cannot."""
    versions: dict[str, str] = {}
    missing: dict[str, str] = {}
    for name in names:
        try:
            versions[name] = CANDIDATES[name].install()
        except NotToBeHad as reason:
            missing[name] = str(reason)
            print(f"{name} takes no part: {reason}", file=sys.stderr)
    return versions, missing
