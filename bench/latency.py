"""From an event in the bot to the painted pixel in the browser: the whole way, nothing left out.

    make bench-latency [ARGS=--json]

A bot appends message.received at irregular moments and notes when; a page in headless Chromium notes when each new
count was painted (after the frame that shows it). Both use this machine's clock. Figures in milliseconds.
"""

import argparse
import json
import statistics
import sys
import time
from pathlib import Path

from playwright.sync_api import sync_playwright

sys.path.insert(0, str(Path(__file__).parents[1]))
from tests.e2e.conftest import set_up
from tests.e2e.harness import Botdeck, wait_for

BOT = """
import json, random, sys, time
import botdeck
ledger = open(sys.argv[1], "w", buffering=1)
time.sleep(4)
for n in range(int(sys.argv[2])):
    ledger.write(f"{time.time() * 1000}\\n")
    botdeck.emit("message.received", **{"user.id": f"bench:{n % 20}", "chat.platform": "bench"})
    time.sleep(random.uniform(0.15, 0.45))
time.sleep(600)
"""

WATCH = """() => {
    const card = document.querySelector('[data-testid="messages-today"]');
    window.painted = {};
    const channel = new MessageChannel();
    const waiting = [];
    channel.port1.onmessage = () => {
        const now = performance.timeOrigin + performance.now();
        for (const count of waiting.splice(0)) window.painted[count] ??= now;
    };
    const note = () => {
        waiting.push(card.dataset.value);
        // A task posted from inside a frame runs after that frame was painted.
        requestAnimationFrame(() => channel.port2.postMessage(null));
    };
    new MutationObserver(note).observe(card, {attributes: true, childList: true, subtree: true, characterData: true});
}"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print the figures as one JSON object on the last line")
    parser.add_argument("--events", type=int, default=200)
    arguments = parser.parse_args()
    figures = measure(arguments.events)
    for name, value in figures.items():
        print(f"{name:>12}: {value}")
    if arguments.json:
        print(json.dumps(figures))


def measure(events: int) -> dict[str, float]:
    botdeck = Botdeck()
    ledger = botdeck.home / "ledger"
    script = botdeck.home / "bench_bot.py"
    script.write_text(BOT)
    command = json.dumps([sys.executable, str(script), str(ledger), str(events)])
    with botdeck.config.open("a") as file:
        file.write(f"\n[bots.bench]\ncommand = {command}\nautostart = false\n")
    try:
        botdeck.up()
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
            page = browser.new_page()
            page.goto(botdeck.url)
            set_up(page, botdeck)
            page.get_by_test_id("state").wait_for()
            page.goto(botdeck.url + "bots/bench")
            page.get_by_test_id("messages-today").wait_for()
            botdeck.cli("start", "bench")
            page.evaluate(WATCH)
            wait_for(
                lambda: page.evaluate("window.painted").get(str(events)), "the last event on the page", events + 60
            )
            painted = {int(count): at for count, at in page.evaluate("window.painted").items() if count.isdigit()}
            browser.close()
        sent = [float(line) for line in ledger.read_text().split()]
    finally:
        botdeck.close()
    # A count that was skipped came with the next one: it is measured up to that.
    later = sorted(painted.items())
    delays = sorted(next(at for count, at in later if count >= n) - sent[n - 1] for n in range(1, events + 1))
    return {
        "events": events,
        "median_ms": round(statistics.median(delays), 1),
        "p95_ms": round(delays[int(len(delays) * 0.95)], 1),
        "max_ms": round(delays[-1], 1),
        "load_average": round(float(Path("/proc/loadavg").read_text().split()[0]), 2),
        "taken_at": int(time.time()),
    }


if __name__ == "__main__":
    main()
