"""How a benchmark says what it found: a table for people, and JSON on the last line for programs."""

import argparse
import datetime
import json
import os
from typing import Any

Figures = dict[str, Any]


def parser(description: str | None) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=(description or "").splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print the figures as one JSON object on the last line")
    return parser


def shown(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.3g}" if abs(value) < 10 else f"{value:,.0f}"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, list):
        return " ".join(shown(item) for item in value)
    return str(value)


def table(rows: dict[str, Figures], *, ratio_to: str | None = None, ratios: tuple[str, ...] = ()) -> str:
    """A line per row; figures named in `ratios` also as a multiple of those of the row `ratio_to`."""
    keys = list(dict.fromkeys(key for figures in rows.values() for key in figures))
    base = rows.get(ratio_to or "", {})

    def cell(figures: Figures, key: str) -> str:
        value, of = figures.get(key), base.get(key)
        text = shown(value)
        if key in ratios and figures is not base and isinstance(value, int | float) and of:
            text += f" ({value / of:.1f}x)"
        return text

    lines = [["", *(key.replace("_", " ") for key in keys)]]
    lines += [[label, *(cell(figures, key) for key in keys)] for label, figures in rows.items()]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join("  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)) for line in lines)


def figures_table(figures: Figures) -> str:
    width = max(map(len, figures))
    return "\n".join(f"{key.replace('_', ' '):>{width}}: {shown(value)}" for key, value in figures.items())


def circumstances() -> Figures:
    return {
        "taken_at": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "cores": os.cpu_count(),
        "load_average": round(os.getloadavg()[0], 2),
        "kernel": os.uname().release,
    }


def print_json(figures: Figures) -> None:
    print(json.dumps(figures))
