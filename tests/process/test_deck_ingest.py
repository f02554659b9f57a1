"""Bots that run elsewhere, against a real deck: what they post is stored exactly once, and seen at once."""

import asyncio
import json
import sqlite3
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx2
import pytest

from botdeck.deck.clock import Clock
from botdeck.deck.guard import LARGEST_BODY_BYTES
from botdeck.deck.http_intake import MOST_AT_ONCE
from botdeck.deck.remote_bots import SILENT_S

from ..unit.deck_house import DEADLINE_S, House, a_deck, eventually

pytestmark = pytest.mark.process


class MovedClock:
    """Goes on only when told."""

    def __init__(self) -> None:
        self.passed_s = 0.0

    @property
    def clock(self) -> Clock:
        begun = datetime.now(UTC)
        return Clock(now=lambda: begun, seconds=lambda: 1000 + self.passed_s)


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with a_deck(tmp_path) as house:
        yield house


async def a_token(house: House, bot: str = "far") -> str:
    async with house.cli() as cli:
        answer = await cli.post("api/tokens", json={"bot": bot})
    assert answer.status_code == 200, answer.text
    return str(answer.json()["token"])


def a_bot(house: House, token: str) -> httpx2.AsyncClient:
    """As a bot elsewhere posts: with its token, and nothing of a page's."""
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/x-ndjson"}
    return httpx2.AsyncClient(base_url=house.url, headers=headers, timeout=DEADLINE_S)


def a_line(event: str, seq: int | None, run: str = "r1", **fields: Any) -> bytes:
    line = {"v": 1, "event": event, "time": datetime.now(UTC).isoformat(), "run": run, **fields}
    return json.dumps(line if seq is None else {**line, "seq": seq}).encode() + b"\n"


def messages(first: int, last: int, run: str = "r1", user: str = "x:ann") -> bytes:
    return b"".join(a_line("message.received", seq, run, **{"user.id": user}) for seq in range(first, last + 1))


async def figures(house: House, bot: str = "far") -> tuple[int, int, int]:
    """Messages received, messages sent, users."""
    async with house.cli() as cli:
        stats = (await cli.get(f"api/bots/{bot}/stats")).json()
    return stats["messages_today"], stats["messages_sent_today"], stats["total_users"]


async def status_of(house: House, bot: str = "far") -> dict[str, Any]:
    async with house.cli() as cli:
        found: dict[str, Any] = (await cli.get(f"api/bots/{bot}")).json()
    return found


async def test_what_a_bot_elsewhere_posts_is_counted_and_seen_at_once(house: House) -> None:
    token = await a_token(house)
    async with house.set_up() as page, house.browser(page, bot="far") as browser, a_bot(house, token) as bot:
        await browser.next_of("snapshot")
        body = (
            a_line("bot.started", 1, **{"process.pid": 4711})
            + a_line("command.started", 2, id="c1", **{"command.name": "ping", "user.id": "x:bob"})
            + a_line("message.sent", 3)
            + messages(4, 8)
            + a_line("command.finished", 9, id="c1", **{"command.name": "ping", "duration_ms": 12, "outcome": "ok"})
            + a_line("command.started", 10, id="c2", **{"command.name": "slow", "user.id": "x:bob"})
            + a_line("log", 11, severity_text="WARNING", body="it gets warm")
            + a_line("heartbeat", 12, **{"gateway.connected": True})
        )
        answer = await bot.post("api/ingest", content=body)
        await browser.until_shown(lambda shown: [bot["state"] for bot in shown.fleet["bots"]] == ["running"])
        await browser.until_shown(lambda shown: shown.stats["messages_today"] == 5)
        shown = browser.page.stats
        async with house.cli() as cli:
            logs = (await cli.get("api/bots/far/logs")).json()["lines"]
            runs = (await cli.get("api/bots/far/runs")).json()

    assert answer.json() == {"acked_through": 12, "duplicates": 0, "damaged": 0}
    assert (shown["messages_sent_today"], shown["total_users"], shown["active_commands"]) == (1, 2, 1)
    assert [(line["stream"], line["level"], line["text"]) for line in logs] == [("log", "warning", "it gets warm")]
    assert [(run["id"], run["pid"], run["ended_at"]) for run in runs] == [("r1", 4711, None)]


async def test_what_is_posted_again_in_any_order_and_at_the_same_time_counts_once(house: House) -> None:
    token = await a_token(house)
    async with a_bot(house, token) as bot:
        late = (await bot.post("api/ingest", content=messages(11, 20))).json()
        early = (await bot.post("api/ingest", content=messages(1, 12))).json()
        gap = (await bot.post("api/ingest", content=messages(40, 40))).json()
        same = await asyncio.gather(*(bot.post("api/ingest", content=messages(30, 39)) for _ in range(10)))
        twice_in_one = (await bot.post("api/ingest", content=messages(41, 42) + messages(41, 42))).json()
        other_run = (await bot.post("api/ingest", content=messages(1, 2, run="r2"))).json()

    assert late == {"acked_through": 20, "duplicates": 0, "damaged": 0}
    assert early == {"acked_through": 12, "duplicates": 2, "damaged": 0}
    assert gap["duplicates"] == 0
    assert sorted(answer.json()["duplicates"] for answer in same) == [0, *[10] * 9]
    assert twice_in_one == {"acked_through": 42, "duplicates": 2, "damaged": 0}
    assert other_run["duplicates"] == 0
    assert await figures(house) == (20 + 10 + 1 + 2 + 2, 0, 1)


async def test_forked_processes_that_share_a_run_are_told_apart_by_their_pid(house: House) -> None:
    token = await a_token(house)
    lines = b"".join(a_line("message.sent", 1, **pid) for pid in ({}, {"process.pid": 8}, {"process.pid": 9}))
    async with a_bot(house, token) as bot:
        first = (await bot.post("api/ingest", content=lines)).json()
        again = (await bot.post("api/ingest", content=lines)).json()

    assert (first["duplicates"], again["duplicates"]) == (0, 3)
    assert (await figures(house))[1] == 3


async def test_lines_without_a_number_and_arrays_are_taken_too(house: House) -> None:
    token = await a_token(house)
    array = json.dumps([json.loads(a_line("message.sent", None)), json.loads(a_line("message.sent", 7))])
    async with a_bot(house, token) as bot:
        answers = [
            (await bot.post("api/ingest", content=content)).json()
            for content in (a_line("message.sent", None), a_line("message.sent", None).strip(), array.encode(), b"")
        ]

    assert [answer["acked_through"] for answer in answers] == [0, 0, 7, 0]
    assert (await figures(house))[1] == 4


async def test_lines_that_cannot_be_read_are_kept_once_and_harm_no_other(house: House) -> None:
    token = await a_token(house)
    body = messages(1, 2) + b'{"v":1,"event"\n\n[]\n' + b"\xff\xfe\n" + messages(3, 3) + a_line("x", 4, run="\x00")
    async with a_bot(house, token) as bot:
        first = (await bot.post("api/ingest", content=body)).json()
        again = (await bot.post("api/ingest", content=body)).json()
        garbage = (await bot.post("api/ingest", content=b"\x00\x01 no events\n")).json()
        huge = (await bot.post("api/ingest", content=a_line("x", 9, text="x" * 70_000))).json()

    assert (first["damaged"], first["duplicates"]) == (4, 0)
    assert (again["damaged"], again["duplicates"]) == (0, 7)
    assert garbage["damaged"] == huge["damaged"] == 1
    events = [event for _, event in await house.storage.events("far")]
    damaged = [event for event in events if event.event == "telemetry.damaged"]
    assert [event.fields["line"][:14] for event in damaged[:2]] == ['{"v":1,"event"', "[]"]
    assert {event.run for event in damaged} == {"r1", "unknown"}
    assert await figures(house) == (3, 0, 1)


async def test_what_is_no_batch_is_refused_with_a_sentence_and_changes_nothing(house: House) -> None:
    token = await a_token(house)
    async with a_bot(house, token) as bot:
        answers = {
            "large": await bot.post("api/ingest", content=b"x" * (LARGEST_BODY_BYTES + 1)),
            "many": await bot.post("api/ingest", content=messages(1, 1001)),
            "half an array": await bot.post("api/ingest", content=b'[{"v":1},'),
            "packed": await bot.post("api/ingest", content=messages(1, 1), headers={"Content-Encoding": "gzip"}),
        }
        most = await bot.post("api/ingest", content=messages(1, 1000))

    said = {name: (answer.status_code, answer.json()["code"]) for name, answer in answers.items()}
    assert said == {
        "large": (413, "too_large"),
        "many": (400, "bad_batch"),
        "half an array": (400, "bad_batch"),
        "packed": (400, "bad_request"),
    }
    assert answers["many"].json()["detail"] == ("A request has at most 1,000 events; this one has 1,001. Post fewer.")
    assert most.json() == {"acked_through": 1000, "duplicates": 0, "damaged": 0}
    assert (await figures(house))[0] == 1000


async def test_only_the_token_of_the_bot_lets_in_and_only_to_report(house: House) -> None:
    token = await a_token(house)
    async with house.set_up() as page, a_bot(house, token) as bot:
        signed_in = await page.post("api/ingest", content=messages(1, 1))
        wrong = await bot.post("api/ingest", content=messages(1, 1), headers={"Authorization": "Bearer bot_nonsense"})
        for other in ("cli-token", "runner-token"):
            headers = {"Authorization": f"Bearer {house.token(other)}"}
            assert (await bot.post("api/ingest", content=messages(1, 1), headers=headers)).status_code == 401
        elsewhere = [await bot.get("api/bots"), await bot.post("api/bot/stop"), await bot.get("api/tokens")]
        stored = [str(document.body) for document in await house.storage.documents("bot_token")]

    assert signed_in.status_code == wrong.status_code == 401
    assert "botdeck token NAME" in signed_in.json()["detail"]
    assert [answer.status_code for answer in elsewhere] == [401, 401, 401]
    assert (await figures(house))[0] == 0
    assert len(stored) == 1
    assert token not in stored[0]


async def test_a_revoked_token_is_refused_with_the_reason_and_another_can_be_made(house: House) -> None:
    token = await a_token(house)
    async with a_bot(house, token) as bot, house.cli() as cli:
        await bot.post("api/ingest", content=messages(1, 3))
        taken = await cli.post("api/tokens", json={"bot": "far"})
        revoked = await cli.delete("api/tokens/far")
        refused = await bot.post("api/ingest", content=messages(4, 4))
        gone = await cli.get("api/bots/far")
        again = await cli.delete("api/tokens/far")
        other = (await cli.post("api/tokens", json={"bot": "far"})).json()["token"]
        listed = (await cli.get("api/tokens")).json()
        back = await bot.post("api/ingest", content=messages(3, 4), headers={"Authorization": f"Bearer {other}"})

    assert taken.status_code == 409
    assert "botdeck token --revoke far" in taken.json()["detail"]
    assert (revoked.status_code, refused.status_code, gone.status_code, again.status_code) == (204, 403, 404, 404)
    assert refused.json()["detail"].startswith("cli:root revoked this token of bot far at ")
    assert again.json()["detail"] == "Bot 'far' has no token. Bots that have one: none."
    assert [(entry["bot"], entry["revoked_by"]) for entry in listed] == [("far", "cli:root"), ("far", None)]
    assert back.json()["duplicates"] == 1
    assert (await figures(house))[0] == 4


async def test_a_name_is_a_runners_or_a_tokens_but_not_both(house: House) -> None:
    await a_token(house, "far")
    async with house.runner("local", "helper") as runner, house.cli() as cli:
        kept = await cli.post("api/tokens", json={"bot": "helper"})
        bad = await cli.post("api/tokens", json={"bot": "no name"})
        await runner.tell_fleet("helper", "far", "news")
        await eventually(lambda: "news" in house.deck.fleet)
        bots = (await cli.get("api/bots")).json()

    assert kept.status_code == 409
    assert kept.json()["detail"] == (
        "Bot helper is kept by runner local, through which it reports already. Choose another name for the one that "
        "runs elsewhere."
    )
    assert bad.status_code == 409
    assert [(bot["bot"], bot["runner"]) for bot in bots["bots"]] == [
        ("helper", "local"),
        ("news", "local"),
        ("far", ""),
    ]
    assert bots["default_bot"] == "helper"


async def test_its_state_follows_from_what_it_says_and_from_its_silence(tmp_path: Path) -> None:
    moved = MovedClock()
    async with a_deck(tmp_path, clock=moved.clock) as house:
        token = await a_token(house)
        before = await status_of(house)
        async with a_bot(house, token) as bot:
            await bot.post("api/ingest", content=a_line("bot.started", 1))
            running = await status_of(house)
            await bot.post("api/ingest", content=a_line("heartbeat", 2, **{"gateway.connected": False}))
            deaf = await status_of(house)
            await bot.post("api/ingest", content=a_line("heartbeat", 3, **{"gateway.connected": True}))
            moved.passed_s = SILENT_S - 1
            still = await status_of(house)
            moved.passed_s = SILENT_S + 1
            await eventually(lambda: house.deck.fleet.status("far").state == "unknown")
            silent = await status_of(house)
            # An empty post says that it lives, and nothing else.
            await bot.post("api/ingest", content=b"")
            back = await status_of(house)

    assert (before["state"], before["reason"]) == ("unknown", "not heard of yet")
    assert (running["state"], running["run"], running["runner"]) == ("running", "r1", "")
    assert running["started_at"] is not None
    assert running["uptime_s"] is not None
    assert (deaf["state"], deaf["reason"]) == ("unhealthy", "it says that it is not connected to its platform")
    assert still["state"] == "running"
    assert silent["state"] == "unknown"
    assert silent["reason"].startswith("not heard of since 20")
    assert silent["uptime_s"] is None
    assert (back["state"], back["started_at"]) == ("running", running["started_at"])


async def test_lines_of_an_earlier_run_and_of_children_do_not_change_which_run_it_is(house: House) -> None:
    token = await a_token(house)
    old = a_line("bot.started", 1, run="old")
    kept = a_line("message.sent", 2, run="old")
    async with a_bot(house, token) as bot, house.cli() as cli:
        for body in (old, a_line("bot.started", 1, run="new"), kept, a_line("bot.started", 1, run="new-0a1b2c3d")):
            await bot.post("api/ingest", content=body)
        status = await status_of(house)
        runs = (await cli.get("api/bots/far/runs")).json()

    assert status["run"] == "new"
    assert [(run["id"], run["cause"]) for run in runs] == [("new", None), ("old", "unseen")]
    assert (await figures(house))[1] == 1


async def test_orders_to_it_are_refused_with_a_sentence(house: House) -> None:
    await a_token(house)
    async with house.cli() as cli:
        answers = [await cli.post(f"api/bots/far/{action}") for action in ("start", "stop", "restart", "kill")]

    assert {answer.status_code for answer in answers} == {409}
    assert answers[1].json()["detail"] == (
        "Bot far runs elsewhere: no runner keeps it, so it can be watched here, and only be told to stop where it runs."
    )


async def test_the_next_deck_knows_the_bot_its_run_and_what_was_stored(tmp_path: Path) -> None:
    async with a_deck(tmp_path) as house:
        token = await a_token(house)
        async with a_bot(house, token) as bot:
            await bot.post("api/ingest", content=a_line("bot.started", 1) + messages(2, 5))
        started_at = (await status_of(house))["started_at"]
    async with a_deck(tmp_path) as house:
        before = await status_of(house)
        async with a_bot(house, token) as bot:
            answer = await bot.post("api/ingest", content=messages(4, 6))
        after = await status_of(house)
        counted = await figures(house)

    assert before["state"] == "unknown"
    assert before["reason"].startswith("not heard of since this deck started, at ")
    assert answer.json()["duplicates"] == 2
    assert (after["state"], after["run"], after["started_at"]) == ("running", "r1", started_at)
    assert counted[0] == 5


async def test_more_at_once_than_a_bot_may_is_told_to_come_again(house: House) -> None:
    token = await a_token(house)
    async with a_bot(house, token) as bot:
        door = house.deck.http_intake._doors["far"]
        async with door.lock:
            posts = [
                asyncio.create_task(bot.post("api/ingest", content=messages(n, n))) for n in range(1, MOST_AT_ONCE + 1)
            ]
            await eventually(lambda: door.waiting == MOST_AT_ONCE)
            refused = await bot.post("api/ingest", content=messages(99, 99))
        answers = await asyncio.gather(*posts)

    assert (refused.status_code, refused.headers["retry-after"]) == (429, "1")
    assert {answer.status_code for answer in answers} == {200}
    assert (await figures(house))[0] == MOST_AT_ONCE


async def test_while_nothing_can_be_stored_nothing_is_acknowledged(house: House) -> None:
    token = await a_token(house)
    lock = sqlite3.connect(house.data_dir / "deck.db", isolation_level=None)
    async with a_bot(house, token) as bot:
        lock.execute("CREATE TRIGGER full BEFORE INSERT ON event BEGIN SELECT RAISE(ABORT, 'no room'); END")
        refused = await bot.post("api/ingest", content=messages(1, 3))
        lock.execute("DROP TRIGGER full")
        lock.close()
        taken = await bot.post("api/ingest", content=messages(1, 3))

    assert (refused.status_code, refused.json()["code"]) == (503, "database_unavailable")
    assert refused.headers["retry-after"] == "5"
    assert taken.json()["duplicates"] == 0
    assert (await figures(house))[0] == 3


async def test_a_sender_that_breaks_off_keeps_nobody_waiting_and_leaves_nothing(house: House) -> None:
    token = await a_token(house)
    port = int(house.origin.rpartition(":")[2])
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    head = f"POST /api/ingest HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Bearer {token}\r\n"
    writer.write(f"{head}Content-Length: 100000\r\n\r\n".encode() + messages(1, 3))
    await eventually(lambda: house.deck.http_intake._doors["far"].waiting == 1)
    async with a_bot(house, token) as bot:
        meanwhile = await bot.post("api/ingest", content=messages(4, 4))
    writer.close()
    await eventually(lambda: house.deck.http_intake._doors["far"].waiting == 0)

    assert meanwhile.json() == {"acked_through": 4, "duplicates": 0, "damaged": 0}
    assert (await figures(house))[0] == 1
