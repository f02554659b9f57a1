"""Many goes in one line for each server."""

from statistics import median

from bench.fan_out.trial import Go
from bench.house import report
from bench.house.report import Figures

LIMIT = "c"
BEGINNING = "fastapi-deflate"
US = "botdeck"
SINGLE, BURST = "deliveries_per_cpu_s", "burst_per_cpu_s"
_SHOWN = (
    SINGLE,
    "of_limit",
    "times_fastapi_deflate",
    "botdeck_is",
    "user_us",
    "kernel_us",
    "p50_ms",
    "p99_ms",
    "per_s",
    BURST,
    "botdeck_burst_is",
    "kb_per_client",
    "faults",
)


def rows(goes: dict[str, list[Go | str]], labels: dict[str, str]) -> dict[str, Figures]:
    """Medians of CPU and memory; times of all messages of all goes together; and ratios."""
    table = {name: {"label": labels[name], **_figures(of_one)} for name, of_one in goes.items()}
    for row in table.values():
        row["of_limit"] = _ratio(row, table.get(LIMIT), SINGLE)
        row["times_fastapi_deflate"] = _ratio(row, table.get(BEGINNING), SINGLE)
        row["botdeck_is"] = _ratio(table.get(US), row, SINGLE)
        row["botdeck_burst_is"] = _ratio(table.get(US), row, BURST)
    return table


def table(of_all: dict[str, Figures]) -> str:
    return report.table({row["label"]: {key: row.get(key) for key in _SHOWN} for row in of_all.values()})


def is_complete(row: Figures | None) -> bool:
    """Whether every client got every message exactly once."""
    return row is None or row.get("faults") == "none"


def _figures(goes: list[Go | str]) -> Figures:
    done = [go for go in goes if isinstance(go, Go)]
    faults = [go for go in goes if isinstance(go, str)] + [fault for go in done for fault in go.faults]
    if not done:
        return {"faults": "; ".join(dict.fromkeys(faults))}
    single = [go.single for go in done]
    late_ms = sorted(late / 1000 for window in single for late in window.late_us)
    frames = sum(window.frames for window in single)
    return {
        SINGLE: round(median(window.deliveries_per_cpu_s for window in single)),
        "user_us": round(median(window.each_us(window.user_s) for window in single), 2),
        "kernel_us": round(median(window.each_us(window.kernel_s) for window in single), 2),
        "p50_ms": _quantile(late_ms, 0.5),
        "p99_ms": _quantile(late_ms, 0.99),
        "messages": len(late_ms),
        "per_s": round(median(window.messages / window.wall_s for window in single), 1),
        BURST: round(median(go.bursts.deliveries_per_cpu_s for go in done)),
        "kb_per_client": round(median(go.kb_per_client for go in done), 1),
        "message_bytes": round(sum(window.octets for window in single) / max(1, frames)),
        "clients_us": round(median(window.each_us(window.clients_s) for window in single), 2),
        "goes": len(done),
        "faults": "; ".join(dict.fromkeys(faults)) or "none",
    }


def _quantile(ordered: list[float], share: float) -> float | None:
    return round(ordered[min(len(ordered) - 1, int(share * len(ordered)))], 1) if ordered else None


def _ratio(row: Figures | None, to: Figures | None, key: str) -> float | None:
    rate, of = (one.get(key) if one else None for one in (row, to))
    return round(rate / of, 3) if rate and of else None
