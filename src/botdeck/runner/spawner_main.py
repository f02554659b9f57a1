"""The spawner: a bare, single-threaded Python that forks one shim per bot. It is run as a file, `python -I -S`, and so
imports the standard library only and nothing of Botdeck.

Why a process of its own: the runner has an event loop and threads, and a fork of such a process may hang. Here fork is
safe and cheap, and the shims share their pages.

A request is a message with four file descriptors: a memory file (`Request` in spawner.py says what is in it), the
bot's lock, the file for its output, and a pipe that is closed once the program runs or could not be started. The answer
carries a pidfd of the shim.

A shim is the parent of one bot, in a session of its own, and a subreaper. It notes in the run's directory who the bot
is (`pid`, before the program runs) and how it ended (`exit`), then ends whatever the bot left behind. It outlives the
spawner and the runner.
"""

import contextlib
import ctypes
import fcntl
import gc
import json
import marshal
import os
import resource
import select
import signal
import socket
import sys
import time
from typing import Any, NoReturn

PR_SET_NAME, PR_SET_CHILD_SUBREAPER = 15, 36
SIGCHLD, SIG_DFL = int(signal.SIGCHLD), None  # as C has them
ADJUST_OOM = b"300"  # out of memory: rather a bot than its keeper
LOWEST_LOCK_FD = 64  # a script that says `exec 9>file` must not drop the lock by accident
SWEEP_S = 5.0
FIRST_PID_NAMESPACE = "pid:[4026531836]"
libc = ctypes.CDLL(None)
# Found once and for all: what a shim looks up itself costs it memory for as long as its bot lives.
prctl, c_signal = libc.prctl, libc.signal


def main() -> None:
    requests = socket.socket(fileno=int(sys.argv[1]))
    os.chdir("/")
    prctl(PR_SET_NAME, b"botdeck-spawner", 0, 0, 0)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # the shims have it from here; this process ends with its socket
    news = poll_of(requests.fileno(), told_of_ends())
    gc.collect()
    gc.disable()
    gc.freeze()
    while True:
        # Ends are looked at here and nowhere else: until its pidfd is open, an ended shim must stay a zombie, or its
        # pid could be anyone's.
        for fd, _ in news.poll():
            if fd != requests.fileno():
                reap(fd)
            elif not take(requests):
                return  # the runner is gone; the shims live on


def told_of_ends() -> int:
    """A pipe in which there is something after a child's end."""
    told, tell = os.pipe()
    for fd in (told, tell):
        os.set_blocking(fd, False)
    signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
    signal.set_wakeup_fd(tell, warn_on_full_buffer=False)
    return told


def poll_of(*fds: int) -> select.poll:
    poll = select.poll()
    for fd in fds:
        poll.register(fd, select.POLLIN)
    return poll


def reap(told: int) -> None:
    os.read(told, 4096)
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def take(requests: socket.socket) -> bool:
    """One request; False when there will be none any more."""
    try:
        data, fds, _, _ = socket.recv_fds(requests, 64, 8)
    except ConnectionResetError:  # the runner died with an answer unread
        return False
    if not data:
        return False
    for fd in fds:
        # Received without close-on-exec, and then the program would hold the pipe that tells that it runs.
        os.set_inheritable(fd, False)
    answer(requests, fds)
    return True


def answer(requests: socket.socket, fds: list[int]) -> None:
    reply, sent = b"", list[int]()
    # Here and not in the shim, which would have memory of its own for it.
    request, kills = read_request(fds.pop(0)), memory_kills()
    try:
        pid = os.fork()
        if pid == 0:
            requests.close()
            try:
                shim(request, kills, *fds)
            finally:
                os._exit(1)
        sent = [os.pidfd_open(pid)]
    except OSError as error:
        reply = json.dumps({"error": error.strerror, "errno": error.errno}).encode()
    with contextlib.suppress(OSError):
        socket.send_fds(requests, [reply or b"{}"], sent)
    for fd in (*sent, *fds):
        os.close(fd)


def read_request(memory: int) -> dict[str, Any]:
    request: dict[str, Any] = marshal.loads(os.pread(memory, os.fstat(memory).st_size, 0))  # noqa: S302 - the runner's
    os.close(memory)
    return request


def shim(request: dict[str, Any], kills_before: int, lock: int, output: int, ready: int) -> NoReturn:
    become_shim()
    failed, report = os.pipe()
    pid = fork(request["dir"])
    if pid == 0:
        become_bot(request, lock, output, report)
    os.close(output)
    os.close(report)
    # The write end closes when the program runs (close-on-exec) or after a report of what failed.
    trouble = read_all(failed)
    if not trouble:
        os.close(ready)
    status, used = wait_for(pid)
    exit_note = {
        "code": os.waitstatus_to_exitcode(status),
        "at": time.clock_gettime(time.CLOCK_BOOTTIME),
        "user_s": used.ru_utime,
        "system_s": used.ru_stime,
        "peak_kib": used.ru_maxrss,
        "oom": os.waitstatus_to_exitcode(status) == -signal.SIGKILL and killed_for_memory(pid, kills_before),
    }
    if trouble:
        exit_note["trouble"] = json.loads(trouble)
    with contextlib.suppress(OSError):  # a full disk: the end is seen, how it came is not
        write_note(request["dir"] + "/exit", exit_note)
    sweep()
    os._exit(0)


def fork(run_dir: str) -> int:
    """Ends the shim, with a note, when the system has no process for the bot."""
    try:
        return os.fork()
    except OSError as error:
        trouble = {"step": "fork", "errno": error.errno, "words": error.strerror}
        at = time.clock_gettime(time.CLOCK_BOOTTIME)
        write_note(run_dir + "/exit", {"code": 1, "at": at, "trouble": trouble})
        os._exit(1)


def become_shim() -> None:
    os.setsid()
    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    prctl(PR_SET_NAME, b"botdeck-shim", 0, 0, 0)
    # Past Python, whose way would cost each shim some pages more.
    c_signal(SIGCHLD, SIG_DFL)
    # Not the runner's own output: who reads that through a pipe would wait for as long as a shim lives.
    null = os.open("/dev/null", os.O_RDWR)
    for fd in (0, 1, 2):
        os.dup2(null, fd)


def become_bot(request: dict[str, Any], lock: int, output: int, report: int) -> NoReturn:
    """Never returns: the program runs, or what failed is reported."""
    step = "prepare"
    try:
        os.setsid()
        reset_signals()
        keep_lock(lock)
        write_note(request["dir"] + "/pid", identity())
        lower_limits(request["open_files"])
        os.dup2(output, 1)
        os.dup2(output, 2)
        if request["user"]:
            step = "user"
            os.initgroups(request["user"]["name"], request["user"]["gid"])
            os.setgid(request["user"]["gid"])
            os.setuid(request["user"]["uid"])
        step = "events"
        os.close(os.open(request["events"], os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC))
        step = "cwd"
        os.chdir(request["cwd"])
        step = "exec"
        os.execvpe(request["command"][0], request["command"], request["env"])  # noqa: S606 - no shell is the point
    except OSError as error:
        os.write(report, json.dumps({"step": step, "errno": error.errno, "words": error.strerror}).encode())
    except BaseException as error:
        os.write(report, json.dumps({"step": step, "errno": None, "words": repr(error)}).encode())
    finally:
        os._exit(127)


def reset_signals() -> None:
    """Python ignores SIGPIPE, and the shim some more; a program should find all as after login."""
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
        with contextlib.suppress(OSError):
            signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())


def identity() -> dict[str, Any]:
    with open("/proc/self/stat", "rb") as stat:
        start_tick = int(stat.read().rpartition(b")")[2].split()[19])
    boot_id = ""
    with contextlib.suppress(OSError), open("/proc/sys/kernel/random/boot_id") as file:
        boot_id = file.read().strip()
    return {"pid": os.getpid(), "shim": os.getppid(), "start_tick": start_tick, "boot_id": boot_id}


def keep_lock(lock: int) -> None:
    """A copy without close-on-exec, as far out of the way as the limit of open files lets it be."""
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    lowest = LOWEST_LOCK_FD if limit == resource.RLIM_INFINITY else min(LOWEST_LOCK_FD, limit - 4)
    fcntl.fcntl(lock, fcntl.F_DUPFD, max(3, lowest))


def lower_limits(open_files: int) -> None:
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (open_files, hard))
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "wb", buffering=0) as file:
        file.write(ADJUST_OOM)


def wait_for(pid: int) -> tuple[int, resource.struct_rusage]:
    """Status and resource use of the bot; orphans that came to this subreaper meanwhile are reaped too."""
    while True:
        ended, status, used = os.wait4(-1, 0)
        if ended == pid:
            return status, used


def killed_for_memory(pid: int, kills_before: int) -> bool:
    """Whether it was the kernel, out of memory, that sent the SIGKILL. Its log names the process. Where that may not be
    read, or counts pids differently, it is taken for so when the kernel did kill something during the run."""
    if memory_kills() <= kills_before:
        return False
    log = kernel_log()
    if b"Killed process %d (" % pid in log:
        return True
    return not log or os.readlink("/proc/self/ns/pid") != FIRST_PID_NAMESPACE


def memory_kills() -> int:
    """How often the kernel killed for want of memory, in this cgroup if that is counted, else on this host."""
    for path in (own_cgroup() + b"/memory.events", b"/proc/vmstat"):
        with contextlib.suppress(OSError, ValueError):
            return int(read_file(path).partition(b"oom_kill ")[2].partition(b"\n")[0])
    return 0


def own_cgroup() -> bytes:
    with contextlib.suppress(OSError):
        return b"/sys/fs/cgroup" + read_file(b"/proc/self/cgroup").partition(b"0::")[2].partition(b"\n")[0]
    return b"/"


def read_file(path: bytes) -> bytes:
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.read(fd, 65536)
    finally:
        os.close(fd)


def kernel_log() -> bytes:
    """What there is of it; empty when it may not be read."""
    records: list[bytes] = []
    with contextlib.suppress(OSError):
        fd = os.open("/dev/kmsg", os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        while True:
            try:
                records.append(os.read(fd, 8192))
            except BrokenPipeError:  # overwritten meanwhile; the next read goes on after it
                continue
            except BlockingIOError:
                break
        os.close(fd)
    return b"".join(records)


def sweep() -> None:
    """End what the bot left behind. Children of the killed come here in turn, until there are none."""
    deadline = time.monotonic() + SWEEP_S
    while time.monotonic() < deadline:
        for pid in children():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            return
        time.sleep(0.001)


def children() -> list[int]:
    """The pids below this process; safe to signal, since only this process can reap them."""
    try:
        with open(f"/proc/self/task/{os.getpid()}/children") as file:
            return [int(child) for child in file.read().split()]
    except FileNotFoundError:  # a kernel without CONFIG_PROC_CHILDREN
        everyone = (int(entry) for entry in os.listdir("/proc") if entry.isdigit())
        return [pid for pid in everyone if parent(pid) == os.getpid()]


def parent(pid: int) -> int | None:
    with contextlib.suppress(OSError), open(f"/proc/{pid}/stat", "rb") as stat:
        return int(stat.read().rpartition(b")")[2].split()[1])
    return None


def write_note(path: str, record: dict[str, Any]) -> None:
    """One small write; a note is complete when it ends in a newline."""
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        os.write(fd, json.dumps(record).encode() + b"\n")
    finally:
        os.close(fd)


def read_all(fd: int) -> bytes:
    data = b""
    while piece := os.read(fd, 65536):
        data += piece
    os.close(fd)
    return data


if __name__ == "__main__":
    main()
