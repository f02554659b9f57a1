"""`botdeck runs` and `botdeck why`: the lives of a bot's process, and how one of them ended."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from botdeck.cli.client import DeckClient
from botdeck.cli.durations import largest_units
from botdeck.cli.ground import Config, Json, client_of, fail, out, printable
from botdeck.errors import BotdeckError, UnknownRun
from botdeck.models import Cause, LastCommand, MemoryPoint, Run
from botdeck.protocol.codec import to_json
from botdeck.settings import MB

_BARS = "▁▂▃▄▅▆▇█"
_CURVE_WIDTH = 60
_MOST_LINES = 20
"""Of output and of log, unless all are asked for: what fits a screen."""


def runs(
    name: Annotated[str, typer.Argument(help="Bot.")],
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=1000, help="How many.")] = 20,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Show the lives of a bot's process, newest first, and how each ended."""
    try:
        found = client_of(config).runs(name, limit=limit)
    except BotdeckError as error:
        fail(error)
    if as_json:
        print(json.dumps([to_json(run) for run in found], indent=2))
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("RUN", "STARTED", "LIVED", "HOW IT ENDED", "WHO", "CPU", "PEAK"):
        table.add_column(heading, overflow="fold", no_wrap=heading != "HOW IT ENDED")
    for run in found:
        table.add_row(
            run.id,
            _when(run.started_at),
            "-" if run.cause is Cause.CANNOT_START else largest_units(_lived_s(run)),
            Text(_how(run)),
            Text(printable(run.operator) or "-"),
            "-" if run.cpu_s is None else largest_units(run.cpu_s),
            "-" if run.peak_memory_bytes is None else _size(run.peak_memory_bytes),
        )
    out.print(table if found else f"{name} has not run yet.")


def why(
    name: Annotated[str, typer.Argument(help="Bot.")],
    run: Annotated[str | None, typer.Argument(help="Id of a run; default: the last that ended.")] = None,
    all_lines: Annotated[bool, typer.Option("--all", "-a", help="All that was kept, not the end of it.")] = False,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Say why a run of a bot ended, and what it did last."""
    client = client_of(config)
    try:
        found = client.run(name, run or _last_ended(client, name))
    except BotdeckError as error:
        fail(error)
    if as_json:
        print(json.dumps(to_json(found), indent=2))
        return
    for line in _report(found, None if all_lines else _MOST_LINES):
        out.print(line, soft_wrap=True)


def tell_end(client: DeckClient, run: Run) -> None:
    """As `why` does. Raises DeckAway, DeckRefused."""
    for line in _report(client.run(run.bot, run.id), _MOST_LINES):
        out.print(line, soft_wrap=True)


def _last_ended(client: DeckClient, name: str) -> str:
    """Raises UnknownRun."""
    ended = next((run.id for run in client.runs(name, limit=20) if run.ended_at is not None), None)
    if ended is None:
        raise UnknownRun(f"No run of {name} has ended yet.")
    return ended


def _report(run: Run, most: int | None) -> Iterator[Text]:
    yield Text(f"{run.bot} {_how(run)}", style="bold")
    yield from _facts(run)
    left = run.post_mortem
    if left is None:
        if run.ended_at is not None:
            yield Text(f"Nothing more was kept of this run. Its lines, if any: botdeck logs {run.bot}")
        return
    yield from _memory(left.memory)
    yield from _section("Last commands", [_command(command, run) for command in left.last_commands], most)
    yield from _section("Last log lines", left.last_log, most)
    yield from _section("Last output", left.last_output, most)


def _facts(run: Run) -> Iterator[Text]:
    ended = f", ended {_when(run.ended_at)}" if run.ended_at else ""
    if run.cause is Cause.CANNOT_START:
        yield Text(f"  run {run.id}: tried {_when(run.started_at)}")
    else:
        yield Text(f"  run {run.id}: started {_when(run.started_at)}{ended}, lived {largest_units(_lived_s(run))}")
    if run.operator:
        yield Text(f"  asked for by {printable(run.operator)}")
    used = [] if run.cpu_s is None else [f"{largest_units(run.cpu_s)} of processor time"]
    used += [] if run.peak_memory_bytes is None else [f"at most {_size(run.peak_memory_bytes)} of memory"]
    if used:
        yield Text(f"  used {', '.join(used)}")


def _how(run: Run) -> str:
    if run.ended_at is None:
        return "runs"
    return printable(run.reason) or "ended, and nobody saw how"


def _memory(points: list[MemoryPoint]) -> Iterator[Text]:
    if not points:
        return
    top = max(point.bytes for point in points) or 1
    span_s = points[-1].at_s or 1.0
    columns: list[int | None] = [None] * min(_CURVE_WIDTH, len(points))
    for point in points:
        at = min(len(columns) - 1, int(point.at_s / span_s * len(columns)))
        columns[at] = max(columns[at] or 0, point.bytes)
    bars = "".join(" " if size is None else _BARS[min(7, size * 8 // top)] for size in columns)
    yield Text("\nMemory", style="bold")
    yield Text(f"  {bars}  {_size(points[-1].bytes)} at the end, {_size(top)} at most")


def _command(command: LastCommand, run: Run) -> str:
    before_s = ((run.ended_at or datetime.now(UTC)) - command.started_at).total_seconds()
    took = "not finished" if command.duration_ms is None else f"{command.duration_ms:.0f} ms"
    outcome = f", {command.outcome}" if command.outcome else ""
    return (
        f"{command.name} by {command.user or 'somebody'}, {largest_units(max(0.0, before_s))} before: {took}{outcome}"
    )


def _section(title: str, lines: list[str], most: int | None) -> Iterator[Text]:
    if not lines:
        return
    shown = lines if most is None else lines[-most:]
    yield Text(
        f"\n{title}" + (f" ({len(shown)} of {len(lines)}; --all shows them)" if len(shown) < len(lines) else ""), "bold"
    )
    for line in shown:
        yield Text("\n".join(f"  {printable(part)}" for part in line.splitlines() or [""]))


def _lived_s(run: Run) -> float:
    return max(0.0, ((run.ended_at or datetime.now(UTC)) - run.started_at).total_seconds())


def _when(moment: datetime) -> str:
    return f"{moment.astimezone():%Y-%m-%d %H:%M:%S}"


def _size(size_bytes: int) -> str:
    megabytes = size_bytes / MB
    return f"{megabytes / 1000:.1f} GB" if megabytes >= 1000 else f"{megabytes:.1f} MB"
