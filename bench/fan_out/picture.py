"""The figures as a picture for the README: bars in SVG, light or dark as the reader has it."""

from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from pathlib import Path

from bench.fan_out.summary import BURST, LIMIT, SINGLE, US
from bench.house.report import Figures
from bench.peers import ROOT

PATH = ROOT / "docs/images/fanout.svg"
WIDTH = 760
TOP = 92
ROW = 26
BAR = 14
BOTTOM = 34
LABELS_WIDTH = 184
VALUE_WIDTH = 58
"""Beside the longest bar."""

STYLE = """
  svg { color-scheme: light dark; font: 13px system-ui, -apple-system, "Segoe UI", Roboto, sans-serif }
  text { fill: #1f2430; font-variant-numeric: tabular-nums }
  .quiet { fill: #5c6475 }
  .title { font-size: 16px; font-weight: 600 }
  .head { font-size: 12px; font-weight: 600 }
  .small { font-size: 12px }
  .own { font-weight: 600 }
  .bar { fill: #b4bccb }
  .limit.bar { fill: none; stroke: #8b94a7; stroke-dasharray: 3 2 }
  .own.bar { fill: #2f55d4 }
  @media (prefers-color-scheme: dark) {
    text { fill: #e8ebf2 }
    .quiet { fill: #9aa3b5 }
    .bar { fill: #4b5568 }
    .limit.bar { fill: none; stroke: #7c869a }
    .own.bar { fill: #5f82f0 }
  }
"""


@dataclass(frozen=True)
class Panel:
    left: int
    width: int
    key: str
    head: str


PANELS = (
    Panel(LABELS_WIDTH, 300, SINGLE, "One by one"),
    Panel(LABELS_WIDTH + 324, WIDTH - LABELS_WIDTH - 324, BURST, "Ten at once"),
)


def write(rows: dict[str, Figures], clients: int, *, day: str) -> Path:
    PATH.parent.mkdir(parents=True, exist_ok=True)
    PATH.write_text(drawn(rows, clients, day=day))
    return PATH


def drawn(rows: dict[str, Figures], clients: int, *, day: str) -> str:
    """Of those that were measured, the fastest first."""
    measured = {name: row for name, row in rows.items() if row.get(SINGLE)}
    order = sorted(measured, key=lambda name: -measured[name][SINGLE])
    height = TOP + ROW * len(order) + BOTTOM
    title = "Messages delivered per second of CPU time"
    size = measured[US]["message_bytes"] if US in measured else 0
    about = f"Of {size} bytes, to each of {clients:,} WebSocket clients, by a server on one core. More is better."
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" '
        f'role="img" aria-label="{title}. {escape(_in_words(measured, order))}">'
    )
    lines = [
        head,
        f"<style>{STYLE}</style>",
        f'<text class="title" x="0" y="20">{title}</text>',
        f'<text class="quiet" x="0" y="42">{about}</text>',
        *(f'<text class="head" x="{panel.left}" y="{TOP - 14}">{panel.head}</text>' for panel in PANELS),
    ]
    for place, name in enumerate(order):
        lines += _row(name, measured, TOP + ROW * place)
    note = f"Dashed: the limit. Botdeck: the whole deck, what it takes in and stores included. make bench-fanout, {day}"
    lines.append(f'<text class="quiet small" x="0" y="{height - 8}">{escape(note)}</text>')
    return "\n".join([*lines, "</svg>", ""])


def _row(name: str, measured: dict[str, Figures], top: int) -> Iterator[str]:
    kind = {US: "own ", LIMIT: "limit "}.get(name, "")
    middle = top + BAR - 2
    yield f'<text class="{"own" if name == US else ""}" x="0" y="{middle}">{escape(measured[name]["label"])}</text>'
    for panel in PANELS:
        rate = measured[name][panel.key]
        most = max(row[panel.key] for row in measured.values())
        length = max(2, round((panel.width - VALUE_WIDTH) * rate / most))
        yield f'<rect class="{kind}bar" x="{panel.left}" y="{top}" width="{length}" height="{BAR}" rx="2"/>'
        style = "own" if name == US else "quiet"
        yield f'<text class="{style}" x="{panel.left + length + 8}" y="{middle}">{_short(rate)}</text>'


def _short(rate: float) -> str:
    return f"{rate / 1000:,.0f} k" if rate < 999_500 else f"{rate / 1e6:.2f} M"


def _in_words(measured: dict[str, Figures], order: list[str]) -> str:
    return ", ".join(f"{measured[name]['label']} {measured[name][SINGLE]:,}" for name in order)
