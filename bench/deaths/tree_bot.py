"""A bot that leaves others behind: `python -I -S tree_bot.py FOLDER NAME KIND MANNER`.

Everyone of it ignores SIGTERM, and notes its pid and start tick. KIND says what it starts: `group`, `session`,
`daemon`, `bare` (a daemon whose environment is empty), `all` of these, or `leaves` (it turns itself into a daemon).
With the manner `polite` the main process ends at SIGTERM. It notes itself last, when all others are there.
"""

import os
import signal
import sys
import time
from typing import NoReturn

FOLDER, NAME, KIND, MANNER, *PIPE = sys.argv[1:]
HOUR_S = 3600
DAEMONS = ("daemon", "bare")


def main() -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if KIND == "linger":
        linger("bare", int(PIPE[0]))
    if KIND == "leaves":
        branch("daemon")
        note("main")
        return
    for kind in ("group", "session", "daemon", "bare") if KIND == "all" else (KIND,):
        branch(kind)
    if MANNER == "polite":
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
    note("main")
    time.sleep(HOUR_S)


def branch(kind: str) -> None:
    """Returns in the main process, when the branch is there."""
    there, tell = os.pipe()
    pid = os.fork()
    if pid == 0:
        become(kind, tell)
    os.close(tell)
    os.read(there, 1)
    os.close(there)
    if kind in DAEMONS:
        os.waitpid(pid, 0)


def become(kind: str, tell: int) -> NoReturn:
    if kind != "group":
        os.setsid()
    if kind in DAEMONS and os.fork():
        os._exit(0)
    if kind == "bare":
        # A new program with nothing of the old one's environment or open files, but for the pipe.
        os.dup2(tell, 3)
        os.closerange(4, 1024)
        os.execve(sys.executable, [sys.executable, "-I", "-S", sys.argv[0], FOLDER, NAME, "linger", "rude", "3"], {})
    linger(kind, tell)


def linger(role: str, tell: int) -> NoReturn:
    note(role)
    os.write(tell, b".")
    os.close(tell)
    time.sleep(HOUR_S)
    os._exit(0)


def note(role: str) -> None:
    with open("/proc/self/stat") as stat:
        tick = stat.read().rpartition(")")[2].split()[19]
    fd = os.open(f"{FOLDER}/{NAME}.notes", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    os.write(fd, f"{role} {os.getpid()} {tick}\n".encode())
    os.close(fd)


if __name__ == "__main__":
    main()
