"""The bots that all supervisors keep alike: `python -I -S bot.py SIDE_FILE NAME MODE [ARGUMENT...]`.

What really happened is appended to the side file, past any supervisor: `WHAT NAME PID TIME EXTRA`, times of the
monotonic clock.
"""

import contextlib
import os
import signal
import sys
import time
from typing import NoReturn

SIDE = os.open(sys.argv[1], os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
NAME = sys.argv[2]
HOUR_S = 3600.0
LINE_BYTES = 100


def note(what: str, extra: object = "") -> None:
    os.write(SIDE, f"{what} {NAME} {os.getpid()} {time.monotonic()} {extra}\n".encode())


def sleep() -> None:
    note("first")
    time.sleep(HOUR_S)


def talk(kind: str) -> None:
    """`plain` prints like most bots do; `proof` survives that nobody reads any more."""
    if kind == "plain":
        talk_plainly()
    note("first")
    number = 0
    while True:
        number += 1
        with contextlib.suppress(OSError):
            os.write(1, b"%d %d\n" % (os.getpid(), number))
        note("said", number)
        time.sleep(0.02)


def talk_plainly() -> NoReturn:
    note("first")
    number = 0
    while True:
        number += 1
        print(os.getpid(), number, flush=True)
        time.sleep(0.02)


def crash(lives_s: str) -> None:
    note("first")
    time.sleep(float(lives_s))
    note("exit")
    os._exit(1)


def stubborn() -> None:
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda number, _: note("signal", number))
    note("first")
    while True:
        time.sleep(HOUR_S)


def tree(kind: str) -> None:
    """A child in the same group, one with a session of its own, and a daemon; all ignore SIGTERM when `rude`."""
    if kind == "rude":
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
    branch("group")
    branch("session")
    branch("daemon")
    note("first")
    time.sleep(HOUR_S)


def branch(kind: str) -> None:
    if pid := os.fork():
        if kind == "daemon":
            os.waitpid(pid, 0)
        return
    if kind != "group":
        os.setsid()
    if kind == "daemon" and os.fork():
        os._exit(0)
    note("branch", kind)
    time.sleep(HOUR_S)
    os._exit(0)


def burst(count: str, lines_a_write: str) -> None:
    """Numbered lines of 100 bytes, as many to a write as said."""
    lines, step = int(count), int(lines_a_write)
    began, cpu = time.monotonic(), time.process_time()
    note("begin")
    for first in range(0, lines, step):
        write_all(b"".join(line(number) for number in range(first, min(first + step, lines))))
    note("end", f"{time.monotonic() - began} {time.process_time() - cpu}")
    time.sleep(HOUR_S)


def flood(seconds: str) -> None:
    note("first")
    number, until = 0, time.monotonic() + float(seconds)
    while time.monotonic() < until:
        for _ in range(100):
            write_all(line(number))
            number += 1
    note("end", number)
    time.sleep(HOUR_S)


def line(number: int) -> bytes:
    return b"%08d %s\n" % (number, b"x" * (LINE_BYTES - 10))


def write_all(data: bytes) -> None:
    while data:
        data = data[os.write(1, data) :]


MODES = {mode.__name__: mode for mode in (sleep, talk, crash, stubborn, tree, burst, flood)}
MODES[sys.argv[3]](*sys.argv[4:])
