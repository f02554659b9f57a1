"""The event file under several processes, forks and SIGKILL, and the autoload path in all kinds of Pythons."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from botdeck.sdk.install import copy_sdk

from .irc_world import wait_for

pytestmark = pytest.mark.process
SOURCE = Path(__file__).parents[2] / "src"


@pytest.fixture
def events(tmp_path: Path) -> Path:
    return tmp_path / "events"


def environment(events: Path | None, **more: str) -> dict[str, str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("BOTDECK_", "PYTHON"))}
    if events is not None:
        clean |= {"BOTDECK_EVENTS": str(events), "BOTDECK_RUN": "run-1"}
    return clean | more


def python(code: str, env: dict[str, str], program: str = sys.executable) -> subprocess.CompletedProcess[str]:
    return subprocess.run([program, "-c", code], env=env, capture_output=True, text=True, check=True, timeout=60)


def read(path: Path) -> list[dict[str, Any]]:
    """Every line; one that is torn fails the test."""
    return [json.loads(line) for line in path.read_bytes().splitlines() if line]


def test_threads_of_several_processes_share_a_file_without_tearing_a_line(events: Path) -> None:
    code = """
import sys, threading, botdeck
def work(thread):
    for n in range(400):
        botdeck.emit("x", who=sys.argv[1], thread=thread, n=n, pad="p" * (n * 97 % 9000))
threads = [threading.Thread(target=work, args=(t,)) for t in range(3)]
[t.start() for t in threads]; [t.join() for t in threads]
"""
    workers = [subprocess.Popen([sys.executable, "-c", code, str(n)], env=environment(events)) for n in range(4)]
    assert [worker.wait(60) for worker in workers] == [0] * 4

    lines = [line for line in read(events) if line["event"] == "x"]
    by_thread: dict[tuple[str, int], list[int]] = {}
    for line in lines:
        by_thread.setdefault((line["who"], line["thread"]), []).append(line["n"])
    assert len(by_thread) == 12
    assert all(numbers == list(range(400)) for numbers in by_thread.values())
    for who in "0123":
        seqs = [line["seq"] for line in lines if line["who"] == who]
        assert seqs == list(range(2, 1202))  # 1 is bot.started


def test_what_emit_returned_from_outlives_sigkill(events: Path) -> None:
    code = """
import os, botdeck
n = 0
while True:
    n += 1
    botdeck.emit("x", n=n)
    os.write(1, b".")
"""
    bot = subprocess.Popen([sys.executable, "-c", code], env=environment(events), stdout=subprocess.PIPE)
    assert bot.stdout is not None
    returned = len(bot.stdout.read(5000))
    bot.send_signal(signal.SIGKILL)
    returned += len(bot.stdout.read())
    bot.wait()
    bot.stdout.close()

    written = [line["n"] for line in read(events) if line["event"] == "x"]
    assert written == list(range(1, len(written) + 1))
    assert returned <= len(written) <= returned + 1


def test_a_forked_child_numbers_its_own_lines_and_names_its_process(events: Path) -> None:
    code = """
import os, threading, botdeck
stop = threading.Event()
def busy():
    while not stop.is_set():
        botdeck.emit("noise")
thread = threading.Thread(target=busy); thread.start()
botdeck.emit("before")
children = []
for _ in range(20):
    pid = os.fork()
    if pid == 0:
        botdeck.emit("child", pid=os.getpid())
        os._exit(0)
    children.append(pid)
assert all(os.waitpid(pid, 0)[1] == 0 for pid in children)
stop.set(); thread.join()
botdeck.emit("after")
"""
    python(code, environment(events, PYTHONWARNINGS="ignore"))

    lines = read(events)
    children = [line for line in lines if line["event"] == "child"]
    assert len(children) == 20
    assert all((line["seq"], line["process.pid"]) == (1, line["pid"]) for line in children)
    parents = [line["seq"] for line in lines if line["event"] != "child"]
    assert parents == list(range(1, len(parents) + 1))
    assert Counter(line["event"] for line in lines)["bot.started"] == 1


def test_output_of_a_bot_that_closed_its_streams_stays_out_of_the_events(events: Path) -> None:
    code = """
import os, sys
os.close(0); os.close(1); os.close(2)
import botdeck
botdeck.emit("one")
try: os.write(1, b"not an event")
except OSError: pass
botdeck.emit("two")
"""
    python(code, environment(events))

    assert [line["event"] for line in read(events)] == ["bot.started", "one", "two"]


def test_a_full_disk_leaves_the_bot_running() -> None:
    done = python(
        "import botdeck\nfor n in range(20000): botdeck.emit('x')\nprint('fine')", environment(Path("/dev/full"))
    )

    assert (done.stdout, done.stderr) == ("fine\n", "")


def test_a_bot_whose_folder_is_gone_runs_on(tmp_path: Path) -> None:
    (tmp_path / "gone").mkdir()
    code = f"""
import os; os.chdir({str(tmp_path / "gone")!r}); os.rmdir(os.getcwd())
import botdeck; botdeck.emit("x"); botdeck.error("no exception at all"); print("fine")
"""
    assert python(code, environment(Path("events"))).stdout == "fine\n"


@pytest.fixture
def autoload(tmp_path: Path) -> Path:
    return copy_sdk(tmp_path / "sdk")


def pythons() -> list[str]:
    """Whatever is installed here, old ones too: a bot may start any."""
    names = ["python2.7", "python3.6", "python3.8", "python3.9", "python3.10", "python3.12", "python3.13", "python3.14"]
    found = [path for name in ["/usr/bin/python3", *names] if (path := shutil.which(name))]
    works = [
        path for path in found if subprocess.run([path, "-c", ""], capture_output=True, check=False).returncode == 0
    ]
    return [sys.executable, *works]


@pytest.mark.parametrize("program", pythons())
def test_autoload_is_not_noticed_by_any_python(program: str, autoload: Path, events: Path) -> None:
    code = "import json, sys; print(sorted(m for m in sys.modules if m in ('irc', 'sopel', 'json', 'logging')))"

    plain = python(code, environment(None), program)
    loaded = python(code, environment(events, PYTHONPATH=str(autoload)), program)

    assert (loaded.stdout, loaded.stderr) == (plain.stdout, plain.stderr)
    assert not events.exists()


def test_autoload_brings_botdeck_to_a_python_that_has_none(autoload: Path, events: Path) -> None:
    code = "import botdeck; botdeck.emit('x'); print(botdeck.__file__)"

    # -S leaves out site-packages, and the sitecustomize with it, so it is imported by hand.
    program = [sys.executable, "-S", "-c", "import sitecustomize; " + code]
    done = subprocess.run(
        program, env=environment(events, PYTHONPATH=str(autoload)), capture_output=True, text=True, check=True
    )

    assert Path(done.stdout.strip()) == autoload.parents[1] / "__init__.py"
    assert [line["event"] for line in read(events)] == ["bot.started", "x"]


def test_a_botdeck_of_the_bots_own_environment_comes_first(autoload: Path, events: Path) -> None:
    path = os.pathsep.join([str(autoload), str(SOURCE)])

    done = python("import botdeck; print(botdeck.__file__)", environment(events, PYTHONPATH=path))

    assert Path(done.stdout.strip()) == SOURCE / "botdeck/__init__.py"


def test_the_sitecustomize_that_ours_hides_runs_too(autoload: Path, events: Path, tmp_path: Path) -> None:
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs/sitecustomize.py").write_text("import sys; mark = 7; sys.path.append('/added')")
    path = os.pathsep.join([str(autoload), str(tmp_path / "theirs")])

    code = "import sys, sitecustomize; print(sitecustomize.mark, '/added' in sys.path)"
    done = python(code, environment(events, PYTHONPATH=path))

    assert done.stdout == "7 True\n"


def test_what_the_hidden_sitecustomize_raises_is_said_as_ever(autoload: Path, events: Path, tmp_path: Path) -> None:
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs/sitecustomize.py").write_text("raise RuntimeError('theirs')")
    path = os.pathsep.join([str(autoload), str(tmp_path / "theirs")])

    plain = python("print('runs')", environment(None, PYTHONPATH=str(tmp_path / "theirs")))
    loaded = python("print('runs')", environment(events, PYTHONPATH=path))

    assert "RuntimeError: theirs" in plain.stderr
    assert (loaded.stdout, loaded.stderr) == (plain.stdout, plain.stderr)


def test_a_damaged_copy_does_not_stop_the_bot(autoload: Path, events: Path) -> None:
    (autoload / "botdeck_late.py").write_text("this is not Python")
    path = os.pathsep.join([str(autoload)])

    program = [sys.executable, "-S", "-c", "import sitecustomize; print('fine')"]
    done = subprocess.run(program, env=environment(events, PYTHONPATH=path), capture_output=True, text=True, check=True)

    assert (done.stdout, done.stderr) == ("fine\n", "")


def test_printed_lines_reach_the_file_although_the_bot_is_killed(autoload: Path, events: Path, tmp_path: Path) -> None:
    output = tmp_path / "out"
    with output.open("wb") as file:
        bot = subprocess.Popen(
            [sys.executable, "-c", "import time\nfor n in range(50): print('line', n)\ntime.sleep(60)"],
            env=environment(events, PYTHONPATH=str(autoload)),
            stdout=file,
        )
    try:
        wait_for(lambda: output.read_text().count("\n") == 50, "50 lines")
    finally:
        bot.kill()
        bot.wait()
