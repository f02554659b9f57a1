"""A deck with thousands of open pages is killed and started again: how soon they are all back, and how orders fare.

    make bench-herd [ARGS="--pages 5000 --away 3 --json"]

The pages are sockets of another process that keep the page's rules (bench/house/crowd.py), each with a session of its
own. Meanwhile bots are stopped and started over HTTP. Exit code 1 when not all are back 60 s after the deck's return,
an order's answer takes longer than 250 ms (p99), a page without traffic takes more than 32 KiB, or a SIGTERM more than
1 s.
"""

import asyncio
import itertools
import json
import secrets
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime

from bench.house import report
from bench.house.processes import cpu_s, memory
from bench.house.stack import Stack
from bench.house.waiting import wait_for
from bench.house.world import PYTHON, World
from botdeck.cli.client import DeckAway, DeckRefused
from botdeck.deck.auth import FIRST_ADMIN, OPERATORS, SESSIONS, session_key
from botdeck.models import Action
from botdeck.protocol.codec import rfc3339
from botdeck.storage import open_storage
from botdeck.storage.port import Document

BOT = "import time; time.sleep(36000)"
BOTS = 4
ARRIVALS_PER_S = 150.0
ORDERS_EVERY_S = 0.5
CALM_S = 10.0
PATIENCE_S = 180.0
MOST_S = 60.0
MOST_ORDER_MS = 250.0
MOST_PAGE_KIB = 32.0
MOST_STOP_S = 1.0


def main() -> int:
    parser = report.parser(__doc__)
    parser.add_argument("--pages", type=int, default=5000)
    parser.add_argument("--away", type=float, default=3.0, help="seconds between the kill and the next start")
    options = parser.parse_args()
    figures = {"bench": "herd", **report.circumstances(), **measure(options.pages, options.away)}
    print(report.figures_table(figures))
    if options.json:
        report.print_json(figures)
    return 0 if fits(figures) else 1


def fits(figures: report.Figures) -> bool:
    return bool(
        figures["all_back_s"] <= MOST_S
        and figures["orders_meanwhile_p99_ms"] <= MOST_ORDER_MS
        and figures["page_kib"] <= MOST_PAGE_KIB
        and figures["stop_s"] <= MOST_STOP_S
    )


def measure(pages: int, away_s: float) -> report.Figures:
    bots = {f"bot{n}": {"command": [*PYTHON, "-c", BOT]} for n in range(BOTS)}
    with World("herd") as world, Stack(world, bots) as stack:
        cookies = sign_in(stack, pages)
        stack.start()
        with Herd(stack, cookies) as herd:
            came = come(stack, herd, pages)
            calm = orders_of(stack, CALM_S)
            back = come_back(stack, herd, pages, away_s)
            stopped = stop(stack)
    return {"pages": pages, **came, **summary("before", calm), **back, **stopped}


def sign_in(stack: Stack, pages: int) -> list[str]:
    """An administrator with a session for each page; its cookies."""
    stack.data_dir.mkdir(mode=0o700, exist_ok=True)
    tokens = [secrets.token_urlsafe(32) for _ in range(pages)]
    asyncio.run(_store_sessions(stack, tokens))
    return [f"botdeck_session_{stack.port}={token}" for token in tokens]


async def _store_sessions(stack: Stack, tokens: list[str]) -> None:
    storage = await open_storage(stack.data_dir / "deck.db")
    now = rfc3339(datetime.now(UTC))
    admin = {"name": "ann", "role": "admin", "password": "nobody signs in with one"}
    session = {"operator": FIRST_ADMIN, "began_at": now, "used_at": now}
    await storage.put_document(OPERATORS, Document(id=FIRST_ADMIN, body=admin))
    documents = (Document(id=session_key(token), body=session) for token in tokens)
    await asyncio.gather(*(storage.put_document(SESSIONS, document) for document in documents))
    await storage.close()


class Herd:
    """The process with the pages, and what it last said."""

    def __init__(self, stack: Stack, cookies: list[str]) -> None:
        path = stack.world.folder / "cookies"
        path.write_text("\n".join(cookies))
        command = [sys.executable, "-m", "bench.house.crowd", str(stack.port), str(path), str(ARRIVALS_PER_S)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.said: report.Figures = {"live": 0}
        self._listening = threading.Thread(target=self._listen)
        self._listening.start()

    def __enter__(self) -> "Herd":
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait(10)
        self._listening.join()

    def _listen(self) -> None:
        assert self._process.stdout
        for line in self._process.stdout:
            self.said = json.loads(line)


def come(stack: Stack, herd: Herd, pages: int) -> report.Figures:
    assert stack.deck
    rss, used = memory(stack.deck.pid).rss, cpu_s(stack.deck.pid)
    wait_for(lambda: herd.said["live"] == pages, "all pages", PATIENCE_S, every_s=0.05)
    used = cpu_s(stack.deck.pid) - used
    return {
        "page_kib": round((memory(stack.deck.pid).rss - rss) / pages, 1),
        "handshake_cpu_ms": round(1000 * used / pages, 2),
    }


def come_back(stack: Stack, herd: Herd, pages: int, away_s: float) -> report.Figures:
    before = herd.said
    stack.kill(stack.deck)
    time.sleep(away_s)  # the deck is away for so long
    returned = time.monotonic()
    deck = stack.start_deck()
    stack.wait_until_linked()
    linked_s = time.monotonic() - returned
    orders = orders_while(stack, lambda: herd.said["live"] < pages)
    back_s = herd.said["at"] - returned
    used = cpu_s(deck.pid)
    counts = {key: herd.said[key] - before.get(key, 0) for key in herd.said if key not in ("at", "live")}
    return {
        "runner_back_s": round(linked_s, 2),
        "all_back_s": round(back_s, 2) if herd.said["live"] == pages else float("inf"),
        "deck_cpu_s": round(used, 1),
        **{f"herd_{key}".replace(" ", "_"): value for key, value in sorted(counts.items())},
        **summary("meanwhile", orders),
    }


def stop(stack: Stack) -> report.Figures:
    assert stack.deck
    began = time.monotonic()
    stack.deck.terminate()
    stack.deck.wait(60)
    return {"stop_s": round(time.monotonic() - began, 3)}


# Orders.


def orders_of(stack: Stack, seconds: float) -> list[float]:
    until = time.monotonic() + seconds
    return orders_while(stack, lambda: time.monotonic() < until)


def orders_while(stack: Stack, goes_on: Callable[[], bool]) -> list[float]:
    """Stops and starts the bots in turn; the milliseconds until each answer, infinite where there was none."""
    orders = itertools.cycle(itertools.product((Action.STOP, Action.START), range(BOTS)))
    deadline = time.monotonic() + PATIENCE_S
    took: list[float] = []
    while goes_on() and time.monotonic() < deadline:
        action, bot = next(orders)
        began = time.monotonic()
        try:
            stack.client().act(f"bot{bot}", action)
            took.append(1000 * (time.monotonic() - began))
        except (DeckAway, DeckRefused) as error:
            print(f"No answer to an order: {error}", file=sys.stderr)
            took.append(float("inf"))
        time.sleep(max(0.0, ORDERS_EVERY_S - (time.monotonic() - began)))  # the pace, not a wait
    return took


def summary(when: str, took: list[float]) -> report.Figures:
    took = sorted(took) or [float("inf")]
    return {
        f"orders_{when}": len(took),
        f"orders_{when}_p50_ms": round(took[len(took) // 2], 1),
        f"orders_{when}_p99_ms": round(took[min(len(took) - 1, int(0.99 * len(took)))], 1),
        f"orders_{when}_max_ms": round(took[-1], 1),
    }


if __name__ == "__main__":
    sys.exit(main())
