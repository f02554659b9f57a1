"""A bot that logs and counts, and keeps a ledger of its own: `python bot.py FOLDER RATE`.

After each write that returned, the ledger (a small file mapped into memory, so that it outlives a SIGKILL) says so. An
abstract socket by the bot's name can be held by one process only: a second copy of the bot notes that and ends.
"""

import mmap
import os
import socket
import struct
import sys
import time
from pathlib import Path

import botdeck

FOLDER, RATE = Path(sys.argv[1]), float(sys.argv[2])
NAME, RUN = os.environ["BOTDECK_BOT"], os.environ["BOTDECK_RUN"]


def note(file: str) -> None:
    with (FOLDER / file).open("a") as notes:
        notes.write(f"{NAME} {os.getpid()} {RUN}\n")


def hold_the_only_place() -> socket.socket:
    place = socket.socket(socket.AF_UNIX)
    try:
        place.bind(f"\0{FOLDER}/{NAME}")
    except OSError:
        note("copies")
        sys.exit(1)
    return place


def open_ledger() -> mmap.mmap:
    with (FOLDER / "ledgers" / f"{NAME}.{RUN}").open("w+b") as file:
        file.truncate(16)
        return mmap.mmap(file.fileno(), 16)


def work(ledger: mmap.mmap) -> None:
    """An event and a line at a time, until told that it is enough."""
    number, began, enough = 0, time.monotonic(), FOLDER / "enough"
    while not enough.exists():
        botdeck.emit("message.received", number=number, **{"user.id": f"bench:{number % 50}"})
        struct.pack_into("<Q", ledger, 0, number + 1)
        os.write(1, b"line %d\n" % number)
        struct.pack_into("<Q", ledger, 8, number + 1)
        number += 1
        time.sleep(max(0.0, began + number / RATE - time.monotonic()))


if __name__ == "__main__":
    place = hold_the_only_place()
    note("starts")
    work(open_ledger())
    note("done")
    time.sleep(3600)
