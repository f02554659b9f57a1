"""What a bot uses, read from real processes that do as they are told, under a stand-in for their shim."""

import subprocess
import sys
from collections.abc import Iterator

import pytest

from botdeck.runner import process
from botdeck.runner.proc_files import ProcFiles
from botdeck.runner.process_tree import PAGE_BYTES, Process, ProcessTree, Usage

pytestmark = pytest.mark.process

OBEDIENT = """
import ctypes, os, signal, subprocess, sys, threading, time
ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)

def burn():
    while time.process_time() < 0.3:
        pass

def orphans():
    shim = os.getppid()
    with open(f"/proc/{shim}/task/{shim}/children") as children:
        return len(children.read().split()) - 1

def until(true):
    give_up_at = time.monotonic() + 20
    while not true():
        assert time.monotonic() < give_up_at
        time.sleep(0.005)

begun, tell = os.pipe()
held, let_go = os.pipe()

def burn_and_stay():
    os.close(let_go)
    burn()
    os.write(tell, b".")
    os.read(held, 1)

main = os.fork()
if main == 0:
    print(os.getpid(), flush=True)
    for order in sys.stdin:
        exec(order, globals())
        print("done", flush=True)
    os._exit(0)
sys.stdin.close()
os.close(let_go)
while os.wait()[0] != main:
    pass
while True:
    with open(f"/proc/self/task/{os.getpid()}/children") as children:
        for child in children.read().split():
            os.kill(int(child), signal.SIGKILL)
    try:
        os.wait()
    except ChildProcessError:
        break
"""
"""A shim that reaps whatever comes to it, and a main process that runs each line it reads."""

ORPHAN = "child = os.fork() or (os.setsid(), os.fork() and os._exit(0), {}, os._exit(0)); os.waitpid(child, 0)"
"""A process in a session of its own, whose parent is gone."""


class Obedient:
    def __init__(self, *, keeps_files: bool) -> None:
        self._shim = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", OBEDIENT], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.pid = int(self._answer())
        self._files = ProcFiles()
        self._files.left = self.may_keep = self._files.left if keeps_files else 0
        main = Process(self.pid, self._files)
        look = main.look()
        main.close()
        assert look is not None
        self.start_tick = look.start_tick
        self.tree = self.a_tree()
        self.now = process.boot_clock()

    def a_tree(self, start_tick: int | None = None) -> ProcessTree:
        tick = self.start_tick if start_tick is None else start_tick
        return ProcessTree(self._files, pid=self.pid, start_tick=tick, shim=self._shim.pid)

    def do(self, order: str) -> None:
        """Returns when it is done."""
        assert self._shim.stdin is not None
        self._shim.stdin.write(order + "\n")
        self._shim.stdin.flush()
        assert self._answer() == "done\n"

    def look(self, *, forked: bool = True) -> Usage:
        """A second after the look before, or so it is told, that percentages do not depend on this machine."""
        self.now = max(process.boot_clock(), self.now + 1)
        usage = self.tree.look(now=self.now, forked=forked)
        assert usage is not None
        return usage

    def end(self) -> None:
        assert self._shim.stdin is not None
        self._shim.stdin.close()
        self._shim.wait(20)

    def close(self) -> None:
        self.end()
        self.tree.close()
        assert self._shim.stdout is not None
        self._shim.stdout.close()

    @property
    def may_keep_now(self) -> int:
        return self._files.left

    def _answer(self) -> str:
        assert self._shim.stdout is not None
        return self._shim.stdout.readline()


@pytest.fixture(params=[True, False], ids=["files are kept open", "no file may be kept open"])
def bot(request: pytest.FixtureRequest) -> Iterator[Obedient]:
    bot = Obedient(keeps_files=request.param)
    yield bot
    bot.close()


def test_memory_threads_and_open_files_are_those_of_the_process(bot: Obedient) -> None:
    before = bot.look()
    bot.do("held = bytearray(os.urandom(1)) * (32 << 20); files = [open('/dev/null') for _ in range(7)]")
    bot.do("wait = threading.Event(); threads = [threading.Thread(target=wait.wait, daemon=True) for _ in range(3)]")
    bot.do("[thread.start() for thread in threads]")
    after = bot.look()

    assert before.threads == 1
    assert before.memory_bytes > PAGE_BYTES
    assert after.memory_bytes - before.memory_bytes > 30 << 20
    assert after.open_files == before.open_files + 7
    assert after.threads == 4
    assert after.children == 0


def test_processor_time_is_that_between_two_looks(bot: Obedient) -> None:
    bot.look()
    bot.do("burn()")
    busy = bot.look()
    idle = bot.look()

    # 0.3 s within what is taken for a second; a slow machine may have needed longer than that.
    assert busy.cpu_percent >= 5
    assert idle.cpu_percent <= 2


def test_the_time_of_a_child_that_came_and_went_between_two_looks_counts(bot: Obedient) -> None:
    bot.look()
    bot.do("child = os.fork() or (burn(), os._exit(0)); os.waitpid(child, 0)")
    after = bot.look()

    assert after.cpu_percent >= 5
    assert after.children == 0


def test_the_time_of_an_orphan_that_came_and_went_between_two_looks_counts(bot: Obedient) -> None:
    bot.look()
    bot.do(ORPHAN.format("burn()"))
    bot.do("until(lambda: not orphans())")
    after = bot.look()

    assert after.cpu_percent >= 5
    assert after.children == 0


def test_time_is_counted_once_when_a_child_that_was_seen_ends(bot: Obedient) -> None:
    bot.do("child = os.fork() or (burn_and_stay(), os._exit(0)); os.read(begun, 1)")
    lived = bot.look()
    bot.do("os.close(let_go); os.waitpid(child, 0)")
    ended = bot.look()

    assert (lived.children, ended.children) == (1, 0)
    assert ended.cpu_percent <= 2


def test_a_child_that_nobody_waits_for_makes_no_time_negative(bot: Obedient) -> None:
    bot.do("signal.signal(signal.SIGCHLD, signal.SIG_IGN)")
    bot.do("child = os.fork() or (burn_and_stay(), os._exit(0)); os.read(begun, 1)")
    assert bot.look().children == 1
    bot.do("os.close(let_go); until(lambda: not os.path.exists(f'/proc/{child}'))")
    after = bot.look()

    assert 0 <= after.cpu_percent <= 2
    assert after.children == 0


def test_children_their_children_and_orphans_in_sessions_of_their_own_are_the_bots(bot: Obedient) -> None:
    bot.do("child = os.fork() or (os.fork() or os.write(tell, b'.'), time.sleep(600)); os.read(begun, 1)")
    bot.do(ORPHAN.format("time.sleep(600)"))
    bot.do("until(orphans)")
    after = bot.look()

    assert after.children == 3
    assert after.threads == 4
    assert after.memory_bytes > 3 * PAGE_BYTES


def test_the_child_of_a_thread_is_found_at_the_look_after_the_thread(bot: Obedient) -> None:
    bot.look()
    bot.do("wait = threading.Event(); kept = []")
    bot.do("work = lambda: (kept.append(subprocess.Popen(['sleep', '600'])), wait.wait())")
    bot.do("thread = threading.Thread(target=work, daemon=True); thread.start()")
    bot.do("until(lambda: kept)")
    bot.look(forked=True)
    # Nothing was made since, and yet it is searched once more, for the thread was not known to have children.
    after = bot.look(forked=False)

    assert after.children == 1


def test_while_nothing_is_made_on_the_host_nothing_is_searched_and_the_known_is_still_looked_at(bot: Obedient) -> None:
    bot.look()
    bot.do("child = os.fork() or time.sleep(600)")
    assert bot.look(forked=False).children == 0
    assert bot.look(forked=True).children == 1
    bot.do("os.kill(child, signal.SIGKILL); os.waitpid(child, 0)")

    assert bot.look(forked=False).children == 0


def test_a_pid_that_is_somebody_elses_by_now_is_not_sampled(bot: Obedient) -> None:
    stranger = bot.a_tree(start_tick=bot.start_tick - 1)

    assert stranger.look(now=bot.now, forked=True) is None
    stranger.close()


def test_a_bot_that_ended_has_no_usage_and_leaves_no_file_open(bot: Obedient) -> None:
    bot.do("child = os.fork() or time.sleep(600)")
    bot.look()
    bot.do("os.kill(child, signal.SIGKILL)")
    bot.end()

    assert bot.tree.look(now=bot.now + 1, forked=True) is None
    bot.tree.close()
    assert bot.may_keep_now == bot.may_keep
