"""What it costs to know what bots use: the processor time of one reading, and of the whole runner, with idle bots.

    python bench/sampling.py [--json] [--bots 50] [--seconds 60]

A reading is measured twice: while no process is made on the host, and as if some were made before each of them, when
all bots are searched for children. The runner is a real one, linked to a real deck, and sends its samples.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from botdeck.data_dir import running_deck
from botdeck.models import HostLoad, Sample
from botdeck.runner.sampler import EVERY_S, Living, Sampler

ROUNDS = 200
PATIENCE_S = 60.0


class Reader:
    """Reads the bots of somebody else's runner."""

    def __init__(self, data_dir: Path) -> None:
        self._living = [_living(note) for note in sorted((data_dir / "runner" / "bots").glob("*/*/pid"))]
        self._sampler = Sampler(self, data_dir)

    def living(self) -> list[Living]:
        return self._living

    def sampled(self, samples: list[Sample], load: HostLoad) -> None:
        assert len(samples) == len(self._living)

    def not_sampled(self, error: OSError) -> None:
        raise error

    def cost_ms(self, *, searching: bool) -> float:
        for _ in range(3):
            self._sampler.read()
        begin = time.process_time()
        for _ in range(ROUNDS):
            if searching:
                self._sampler._host._forks = -1
            self._sampler.read()
        return 1000 * (time.process_time() - begin) / ROUNDS


def _living(note: Path) -> Living:
    who = json.loads(note.read_text())
    bot, run = note.parent.parent.name, note.parent.name
    return Living(bot=bot, run=run, pid=who["pid"], start_tick=who["start_tick"], shim=who["shim"])


@contextmanager
def runner_of(folder: Path, bots: int) -> Iterator[subprocess.Popen[bytes]]:
    """A deck and a runner with idle bots, all of which run and are known to the deck."""
    command = json.dumps([sys.executable, "-I", "-S", "-c", "import time; time.sleep(86400)"])
    tables = [f"[bots.bot{number}]\ncommand = {command}\ninstrument = false\n" for number in range(bots)]
    config = folder / "botdeck.toml"
    config.write_text("[deck]\nport = 0\n\n" + "\n".join(tables))
    data_dir = folder / ".botdeck"
    programs: list[subprocess.Popen[bytes]] = []
    try:
        with (folder / "log").open("wb") as log:
            programs += [_start(name, config, log.fileno()) for name in ("deck", "runner")]
        _until(lambda: running_deck(data_dir) is not None)
        _until(lambda: len(list((data_dir / "runner" / "bots").glob("*/*/pid"))) == bots)
        yield programs[1]
        programs[1].send_signal(2)  # and the bots with it
        programs[1].wait(PATIENCE_S)
    finally:
        for program in programs:
            program.kill()
            program.wait()


def _start(name: str, config: Path, log: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-m", f"botdeck.{name}", "--config", str(config)], stderr=log, stdout=log)


def _until(true: Any) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not true():
        if time.monotonic() > deadline:
            raise SystemExit("The deck or the runner did not come up.")
        time.sleep(0.05)


def cpu_s(pid: int) -> float:
    """Of all threads, to the nanosecond."""
    return sum(int(task.read_text().split()[0]) for task in Path(f"/proc/{pid}/task").glob("*/schedstat")) / 1e9


def measure(bots: int, seconds: float) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder, runner_of(Path(folder), bots) as runner:
        reader = Reader(Path(folder) / ".botdeck")
        reading = {name: reader.cost_ms(searching=name == "busy_host") for name in ("quiet_host", "busy_host")}
        time.sleep(2 * EVERY_S)  # what follows a start
        begin, used = time.monotonic(), cpu_s(runner.pid)
        time.sleep(seconds)
        share = 100 * (cpu_s(runner.pid) - used) / (time.monotonic() - begin)
    return {
        "bench": "sampling",
        "bots": bots,
        "reading_ms": {name: round(cost, 2) for name, cost in reading.items()},
        "runner_cpu_percent": round(share, 3),
    }


def table(figures: dict[str, Any]) -> str:
    reading = figures["reading_ms"]
    return "\n".join(
        [
            f"{figures['bots']} idle bots",
            f"one reading, quiet host          {reading['quiet_host']:>8.2f} ms",
            f"one reading, processes are made  {reading['busy_host']:>8.2f} ms",
            f"the whole runner                 {figures['runner_cpu_percent']:>8.3f} % of a core",
        ]
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--json", action="store_true", help="print the figures as one JSON object on the last line")
    parser.add_argument("--bots", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=60.0)
    arguments = parser.parse_args()
    figures = measure(arguments.bots, arguments.seconds)
    print(table(figures))
    if arguments.json:
        print(json.dumps(figures))


if __name__ == "__main__":
    main()
