"""Many goes in one line for each server."""

import statistics

from bench.fan_out.trial import Go
from bench.house import report
from bench.house.report import Figures

LIMIT = "c"
BEGINNING = "fastapi-deflate"
US = "botdeck"
_SHOWN = (
    "deliveries_per_cpu_s",
    "of_limit",
    "times_fastapi_deflate",
    "user_us",
    "kernel_us",
    "p50_ms",
    "p99_ms",
    "pace_ms",
    "burst_per_cpu_s",
    "kb_per_client",
    "faults",
)


def rows(goes: dict[str, list[Go | str]], labels: dict[str, str]) -> dict[str, Figures]:
    """Medians of CPU and memory; times of all messages of all goes together. Ratios are to the limit and to what
    everybody begins with."""
    table = {name: {"label": labels[name], **_figures(of_one)} for name, of_one in goes.items()}
    for figures in table.values():
        rate = figures.get("deliveries_per_cpu_s")
        figures["of_limit"] = _ratio(rate, table.get(LIMIT))
        figures["times_fastapi_deflate"] = _ratio(rate, table.get(BEGINNING))
    return table


def table(of_all: dict[str, Figures]) -> str:
    return report.table({row["label"]: {key: row.get(key) for key in _SHOWN} for row in of_all.values()})


def sentences(of_all: dict[str, Figures]) -> list[str]:
    """How Botdeck compares."""
    own = of_all.get(US, {})
    rates = {
        "one by one": "deliveries_per_cpu_s",
        "ten at once": "burst_per_cpu_s",
    }
    found = []
    for how, key in rates.items():
        ratios = [
            f"{row['label']} {ratio:.2f}"
            for name, row in of_all.items()
            if name != US and (ratio := _ratio(own.get(key), row, key)) is not None
        ]
        if ratios:
            found.append(f"Botdeck {how}, as a multiple of: {', '.join(ratios)}")
    return found


def is_complete(row: Figures | None) -> bool:
    """Whether every client got every message exactly once."""
    return row is None or row.get("faults") == "none"


def _figures(goes: list[Go | str]) -> Figures:
    done = [go for go in goes if isinstance(go, Go)]
    faults = [go for go in goes if isinstance(go, str)] + [fault for go in done for fault in go.faults]
    if not done:
        return {"faults": "; ".join(dict.fromkeys(faults))}
    late_ms = sorted(late / 1000 for go in done for late in go.late_us)

    def median(key: str, digits: int = 1) -> float:
        return round(statistics.median(float(getattr(go, key)) for go in done), digits)

    return {
        "deliveries_per_cpu_s": int(median("deliveries_per_cpu_s", 0)),
        "user_us": median("user_us", 2),
        "kernel_us": median("kernel_us", 2),
        "p50_ms": _quantile(late_ms, 0.5),
        "p99_ms": _quantile(late_ms, 0.99),
        "pace_ms": median("pace_ms"),
        "burst_per_cpu_s": int(median("burst_per_cpu_s", 0)),
        "kb_per_client": median("kb_per_client"),
        "message_bytes": int(median("message_bytes", 0)),
        "clients_us": median("clients_us", 2),
        "goes": len(done),
        "faults": "; ".join(dict.fromkeys(faults)) or "none",
    }


def _quantile(ordered: list[float], share: float) -> float | None:
    return round(ordered[min(len(ordered) - 1, int(share * len(ordered)))], 1) if ordered else None


def _ratio(rate: float | None, to: Figures | None, key: str = "deliveries_per_cpu_s") -> float | None:
    of = to.get(key) if to else None
    return round(rate / of, 3) if rate and of else None
