"""A deck's sockets, as the kernel has them."""

from collections.abc import Collection
from pathlib import Path

GONE = {"06", "07"}
"""TIME_WAIT and CLOSE: nothing is kept for it any more."""


def waiting_bytes(port: int, peers: Collection[int]) -> list[int]:
    """What waits in the kernel to be sent on each connection from the ports of the peers to a server's port, as long as
    that is there at its end, in whatever state."""
    found = []
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        _, local, remote, state, queues, *_ = line.split()
        if int(local[-4:], 16) == port and int(remote[-4:], 16) in peers and state not in GONE:
            found.append(int(queues.partition(":")[0], 16))
    return found
