"""Thousands of clients that break every rule of HTTP and WebSocket, on one deck, while a decent page looks on.

    make bench-wire [ARGS="--seconds 60 --seed 1 --json"]

Exit code 1 when the deck held a connection that it should have ended, answered with a fault of its own, wrote a
traceback or more than a few lines a minute, kept memory or sockets, or left out a line for the decent page.
"""

import asyncio
import contextlib
import json
import os
import sys
import time
from collections.abc import Callable
from urllib.parse import urlsplit

from websockets.asyncio.client import ClientConnection, connect

from bench.hostile.siege import DEADLINE_S, Door, Outcome, Siege
from bench.house import report
from bench.house.processes import memory
from bench.house.stack import Stack
from bench.house.world import PYTHON, World

BOT = """
import itertools, time
for number in itertools.count():
    print(number, flush=True)
    time.sleep(0.02)
"""
WARM_UP_S = 10.0
MOST_RSS_MB = 5.0
MOST_LINES_A_MINUTE = 20
KIB_A_MB = 1e6 / 1024


def main() -> int:
    parser = report.parser(__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    options = parser.parse_args()
    faults, measured = measure(options.seconds, options.seed)
    figures = {"bench": "wire", "seed": options.seed, **report.circumstances(), **measured}
    print(report.figures_table(figures))
    print("".join(f"{fault}\n" for fault in faults[:20]), end="")
    if options.json:
        report.print_json(figures)
    return 0 if fits(figures) else 1


def fits(figures: report.Figures) -> bool:
    return bool(
        figures["faults"] == figures["tracebacks"] == figures["lines_missing"] == figures["sockets_left"] == 0
        and figures["lines_seen"] > 0
        and figures["rss_grew_mb"] <= MOST_RSS_MB
        and figures["log_lines"] <= MOST_LINES_A_MINUTE * (1 + figures["seconds"] / 60)
    )


def measure(seconds: float, seed: int) -> tuple[list[str], report.Figures]:
    with World("wire") as world, Stack(world, {"ticker": {"command": [*PYTHON, "-c", BOT]}}) as stack:
        stack.start()
        assert stack.deck
        sockets = _sockets(stack.deck.pid)
        outcome, figures = asyncio.run(_besiege(stack, stack.deck.pid, seconds, seed))
        log = stack.deck_log.read_text()
        return outcome.faults, {
            **figures,
            "sockets_left": _left(stack.deck.pid, sockets),
            "log_lines": log.count("\n"),
            "log_bytes": len(log),
            "tracebacks": log.count("Traceback"),
        }


async def _besiege(stack: Stack, deck: int, seconds: float, seed: int) -> tuple[Outcome, report.Figures]:
    url = urlsplit(stack.client().url)
    siege = Siege("127.0.0.1", url.port or 0, _doors(stack), seed)
    page_url = f"ws://{url.netloc}/ws/cli?bot=ticker"
    async with connect(page_url, additional_headers=_bearer(stack, "cli-token"), compression=None) as page:
        numbers: list[int] = []
        looking_on = asyncio.create_task(_look_on(page, numbers))
        await siege.lay(_for(WARM_UP_S))
        rss_kib, warmed_up = memory(deck).rss, siege.outcome.attacks.total()
        await siege.lay(_for(seconds))
        grew_kib = memory(deck).rss - rss_kib
        looking_on.cancel()
    attacks = siege.outcome.attacks.total() - warmed_up
    return siege.outcome, {
        "seconds": seconds,
        "attacks": attacks,
        "attacks_per_s": round(attacks / seconds),
        "faults": len(siege.outcome.faults),
        "rss_grew_mb": round(grew_kib / KIB_A_MB, 1),
        "lines_seen": len(numbers),
        "lines_missing": numbers[-1] + 1 - numbers[0] - len(numbers) if numbers else 0,
    }


def _doors(stack: Stack) -> list[Door]:
    return [
        Door("the live channel", "/ws/cli", _bearer(stack, "cli-token")),
        Door("the live channel, unknown", "/ws/1", {}),
        Door("the runners' link", "/api/runner/link", _bearer(stack, "runner-token")),
        Door("the runners' link, unknown", "/api/runner/link", {"Authorization": "Bearer x"}),
    ]


def _bearer(stack: Stack, token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {(stack.data_dir / token).read_text().strip()}"}


def _for(seconds: float) -> Callable[[], bool]:
    end = time.monotonic() + seconds
    return lambda: time.monotonic() < end


async def _look_on(page: ClientConnection, numbers: list[int]) -> None:
    """Notes what the bot printed; a line may come twice around a snapshot."""
    async for text in page:
        data = json.loads(text)["data"]
        lines = data.get("lines") or (data.get("stats") or {}).get("recent_logs") or []
        numbers += [int(line["text"]) for line in lines if not numbers or int(line["text"]) > numbers[-1]]


def _sockets(pid: int) -> int:
    found = 0
    for descriptor in os.listdir(f"/proc/{pid}/fd"):
        with contextlib.suppress(OSError):
            found += os.readlink(f"/proc/{pid}/fd/{descriptor}").startswith("socket:")
    return found


def _left(pid: int, before: int) -> int:
    """More than before the siege, once the deck had time to let go of them."""
    deadline = time.monotonic() + DEADLINE_S
    while (left := _sockets(pid) - before) > 0 and time.monotonic() < deadline:
        time.sleep(0.05)
    return max(0, left)


if __name__ == "__main__":
    sys.exit(main())
