"""The message that all servers send: what a page is told when a bot's status changes. Its reason holds a number and
when it was published, which load.c looks for. Standard library only: the servers run with interpreters of their own."""

import json
import time
from datetime import UTC, datetime
from typing import Any

BOTS = 10
"""Whose statuses they are, in turn."""
TEMPLATE: dict[str, Any] = {
    "type": "bot_status",
    "timestamp": "2026-11-25T00:32:19.909857Z",
    "epoch": "9f86d081884c7d65",
    "topic": "overview",
    "seq": 12345,
    "data": {
        "bot": "bot-4",
        "state": "running",
        "wanted": "running",
        "since": "2026-11-25T00:32:19.909857Z",
        "reason": "#fan 0000000 0000000000000000#",
        "run": "r1",
        "pid": 4711,
        "started_at": "2026-11-25T00:32:19.909857Z",
        "uptime_s": 86400.123,
        "restarts": 0,
        "crash_loop": False,
        "crashes_total": 0,
        "operator_restarts": 0,
        "starts_24h": 0,
        "start_budget": None,
        "next_restart_at": None,
        "sample": None,
        "retry_in_s": None,
        "runner": "local",
        "description": "",
    },
}


def marker(number: int) -> str:
    """Published now."""
    return f"#fan {number:07d} {time.monotonic_ns():016d}#"


def message(number: int) -> dict[str, Any]:
    """Another one each time, as the deck's are: a message like the last one would compress better than in life."""
    now = datetime.now(UTC).isoformat().replace("+00:00", "Z")
    data = {"bot": f"bot-{number % BOTS}", "since": now, "reason": marker(number), "started_at": now}
    return {**TEMPLATE, "timestamp": now, "seq": 10_000 + number, "data": {**TEMPLATE["data"], **data}}


def text(number: int) -> str:
    return json.dumps(message(number), separators=(",", ":"))
