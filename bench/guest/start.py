"""Runs in a Python that has nothing loaded: what `import botdeck` takes, and the first event, which brings in the rest.

python start.py FOLDER_OF_BOTDECK
"""

import sys
import time


def memory_kib() -> int:
    """What is this process's own."""
    with open("/proc/self/smaps_rollup") as file:
        return sum(int(line.split()[1]) for line in file if line.startswith("Private_"))


sys.path.insert(0, sys.argv[1])
before_kib, began = memory_kib(), time.process_time()
import botdeck  # noqa: E402

imported = time.process_time()
botdeck.emit("first")
told = time.process_time()
taken_kib = memory_kib() - before_kib

import json  # noqa: E402  part of what was measured

figures = {
    "import ms": (imported - began) * 1e3,
    "import and first event ms": (told - began) * 1e3,
    "memory MB": taken_kib * 1024 / 1e6,
}
print(json.dumps({name: round(value, 2) for name, value in figures.items()}))
