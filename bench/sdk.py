"""What a bot pays for telling: CPU of an event, by what its environment has, beside a span of OpenTelemetry's SDK.

    make bench-sdk [ARGS="--json"]

Each event is written on its own, so that it outlives a SIGKILL once `emit` has returned. Exit code 1 when an event
takes more than 8 us with the standard library alone or 4 us with orjson or msgspec, the import 30 ms, or memory 3 MB.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

from bench.house import report

HERE = Path(__file__).parent
SOURCE = HERE.parent / "src"
ENVIRONMENTS = HERE.parent / ".bench" / "sdk"
PACKAGES = {"standard library": "", "orjson": "orjson==3.13.0", "msgspec": "msgspec==0.22.0"}
OPENTELEMETRY = "opentelemetry-sdk"
DISCORD = ("-r", str(HERE.parent / "requirements" / "bots" / "discord.py.txt"))
MOST_US = {"standard library": 8.0, "orjson": 4.0, "msgspec": 4.0}
MOST_IMPORT_MS, MOST_MEMORY_MB = 30.0, 3.0
IMPORTS = 7


def main() -> int:
    options = report.parser(__doc__).parse_args()
    rows = measure()
    messages = discord_messages()
    start = imported()
    print(report.table(rows), "\n")
    print(report.table(messages, ratio_to="not watched", ratios=("discord.py message",)), "\n")
    print(report.figures_table(start))
    if options.json:
        figures = {"cpu_us": rows, "discord_message_us": messages, **start}
        report.print_json({"bench": "sdk", **report.circumstances(), **figures})
    return 0 if fits(rows, start) else 1


def measure() -> dict[str, report.Figures]:
    """CPU microseconds, a row per environment."""
    rows: dict[str, report.Figures] = {}
    for name, package in PACKAGES.items():
        rows[name] = run(python_with(name, *filter(None, [package])), "events.py", "botdeck")
    rows["not configured"] = run(python_with("standard library"), "events.py", "botdeck", configured=False)
    rows["OpenTelemetry's SDK"] = run(python_with("opentelemetry", OPENTELEMETRY), "events.py", "opentelemetry")
    return rows


def discord_messages() -> dict[str, report.Figures]:
    """What a bot pays for a message, from the gateway's frame to the end of `on_message`, in CPU microseconds."""
    plain, fast = python_with("discord.py", *DISCORD), python_with("discord.py orjson", *DISCORD, PACKAGES["orjson"])
    return {
        "not watched": run(plain, "discord_message.py", "bare", configured=False),
        "watched": run(plain, "discord_message.py", "watched"),
        "watched, orjson installed": run(fast, "discord_message.py", "watched"),
    }


def imported() -> report.Figures:
    """The median of several starts, with nothing installed."""
    python = python_with("standard library")
    starts = [run(python, "start.py") for _ in range(IMPORTS)]
    return {key: median(start[key] for start in starts) for key in starts[0]}


def fits(rows: dict[str, report.Figures], start: report.Figures) -> bool:
    return (
        all(rows[name]["event"] <= most for name, most in MOST_US.items())
        and start["import and first event ms"] <= MOST_IMPORT_MS
        and start["memory MB"] <= MOST_MEMORY_MB
    )


def python_with(name: str, *packages: str) -> Path:
    """Of a virtual environment that is made at the first use."""
    folder = ENVIRONMENTS / name.replace(" ", "-")
    python = folder / "bin" / "python"
    if not (folder / ".installed").exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
        if packages:
            subprocess.run([python, "-m", "pip", "install", "--quiet", *packages], check=True, stdout=sys.stderr)
        (folder / ".installed").touch()
    return python


def run(python: Path, program: str, *what: str, configured: bool = True) -> report.Figures:
    with tempfile.TemporaryDirectory() as folder:
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("BOTDECK_", "PYTHON"))}
        if configured:
            environment |= {"BOTDECK_EVENTS": f"{folder}/events", "BOTDECK_RUN": "0123456789abcdef"}
        command = [python, HERE / "guest" / program, SOURCE, *what]
        done = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE)
    figures: report.Figures = json.loads(done.stdout)
    return figures


if __name__ == "__main__":
    sys.exit(main())
