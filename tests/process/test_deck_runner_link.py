"""A deck and a scripted runner that speaks real frames."""

import asyncio
import contextlib
import json
from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from botdeck.deck import patience, runner_link
from botdeck.errors import StorageError
from botdeck.models import Action, Run, State
from botdeck.protocol import frames

from ..unit.deck_house import House, a_deck, a_status, eventually
from ..unit.live_page import LivePage

pytestmark = pytest.mark.process


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with a_deck(tmp_path) as house:
        yield house


async def link_answer(house: House, *sent: str | bytes, token: str = "") -> tuple[int, str]:
    """How the deck closes a link on which a runner sends this."""
    headers = {"Authorization": f"Bearer {token or house.token('runner-token')}"}
    async with connect(house.websocket_url("api/runner/link"), additional_headers=headers) as socket:
        for frame in sent:
            await socket.send(frame)
        async with asyncio.timeout(5):
            with contextlib.suppress(ConnectionClosed):
                while True:
                    await socket.recv()
    return socket.close_code or 0, socket.close_reason or ""


def a_hello(**more: Any) -> str:
    values = {"version": frames.PROTOCOL_VERSION, "runner": "local", "host": "here", "now": datetime.now(UTC), **more}
    return frames.encode(frames.Hello(**values))


async def test_a_runner_with_a_wrong_token_is_told_so(house: House) -> None:
    with pytest.raises(InvalidStatus) as refused:
        await link_answer(house, a_hello(), token="nonsense")

    assert refused.value.response.status_code == 401
    detail = json.loads(refused.value.response.body or b"")["detail"]
    assert detail == "That is neither this deck's runner-token nor that of a runner that joined."


async def test_a_runner_of_another_version_is_told_so(house: House) -> None:
    assert await link_answer(house, a_hello(version=99)) == (
        4400,
        f"The runner speaks version 99 of the protocol, this deck {frames.PROTOCOL_VERSION}.",
    )


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        (["nonsense"], "A frame should be JSON"),
        ([b"nonsense"], "The first frame should be a hello."),
        ([a_hello(), '{"type": "dance"}'], "There is no frame of type 'dance'."),
        ([a_hello(), frames.encode(frames.Ack(stream="a/b/out", offset=1))], "A runner does not send Ack."),
        ([a_hello(), b"no head"], "A binary frame should begin with one line of JSON."),
        ([a_hello(), b'{"stream":"a/b/dance","offset":0,"time":"2026-11-22T00:00:00Z"}\n'], "Runner 'local' sent data"),
    ],
)
async def test_a_frame_that_makes_no_sense_ends_the_link_with_a_reason(
    house: House, sent: list[str | bytes], reason: str
) -> None:
    code, said = await link_answer(house, *sent)

    assert code == 4400
    assert said.startswith(reason)


async def test_a_frame_larger_than_the_protocol_allows_ends_the_link(house: House) -> None:
    code, _ = await link_answer(house, a_hello(), b"x" * (frames.MAX_FRAME_BYTES + 1))

    assert code == 1009


async def test_what_was_acknowledged_is_stored_and_a_new_link_goes_on_from_there(house: House) -> None:
    async with house.runner("local", "helper") as runner:
        await runner.say("helper", "one", "two")
    async with house.runner("local", "helper") as later:
        welcome = later.welcome

    assert welcome is not None
    assert welcome.cursors == {"helper/r1/out": 8}
    lines, more = await house.storage.logs("helper")
    assert ([line.text for line in lines], more) == (["one", "two"], False)


async def test_a_wrong_offset_is_answered_with_the_cursor_and_changes_nothing(house: House) -> None:
    async with house.runner("local", "helper") as runner:
        await runner.say("helper", "one")
        await runner.send_data("helper/r1/out", b"one\n", offset=0)
        await runner.send_data("helper/r1/out", b"three\n", offset=400)
        await runner.send_data("helper/r1/out", b"two\n", offset=4)
        await runner.acknowledged("helper/r1/out", 8)

    lines, _ = await house.storage.logs("helper")
    assert [line.text for line in lines] == ["one", "two"]


async def test_the_ack_says_when_a_stream_is_over_also_to_a_runner_that_comes_back(house: House) -> None:
    stream = "helper/r1/out"
    async with house.runner("local", "helper") as runner:
        await runner.say("helper", "one")
        assert runner.finals == set()
        await runner.acknowledged(stream, await runner.send_data(stream, b"two", final=True))
        assert runner.finals == {stream}
    async with house.runner("local", "helper") as again:
        await again.send_data(stream, b"two", offset=4, final=True)
        await again.until(lambda: stream in again.finals)

    lines, _ = await house.storage.logs("helper")
    assert [line.text for line in lines] == ["one", "two"]


async def test_halves_of_characters_in_what_a_runner_says_disturb_nobody(house: House) -> None:
    reason = "there is no /srv/\udcff/bot 😀"
    run = Run(id="r1", bot="helper", started_at=datetime.now(UTC), reason=reason)
    async with house.runner("local", "helper") as runner, house.cli() as cli:
        await runner.tell(a_status("helper", State.FAILED, reason=reason))
        await runner.socket.send(frames.encode(frames.RunReport(run=run)))
        await runner.until(lambda: bool(runner.stored))
        told = (await cli.get("api/bots/helper")).json()["reason"]
        (kept,) = (await cli.get("api/bots/helper/runs")).json()

    assert told == kept["reason"] == "there is no /srv/\ufffd/bot 😀"


async def test_a_batch_sent_twice_counts_once(house: House) -> None:
    stream = "helper/r1/events"
    async with house.runner("local", "helper") as runner, house.cli() as cli:
        line = b'{"v":1,"event":"message.received","time":"%s","run":"r1","user.id":"u1"}\n' % (
            datetime.now(UTC).isoformat().encode()
        )
        for _ in range(3):
            await runner.send_data(stream, line, offset=0)
        await runner.acknowledged(stream, len(line))
        stats = (await cli.get("api/dashboard/stats")).json()

    assert (stats["messages_today"], stats["total_users"]) == (1, 1)


@pytest.mark.parametrize(
    ("path", "action"),
    [
        ("api/bot/start", Action.START),
        ("api/bot/stop", Action.STOP),
        ("api/bot/restart", Action.RESTART),
        ("api/bot/kill", Action.KILL),
        ("api/bots/helper/start", Action.START),
        ("api/bots/helper/stop", Action.STOP),
        ("api/bots/helper/restart", Action.RESTART),
        ("api/bots/helper/kill", Action.KILL),
    ],
)
async def test_an_order_goes_to_the_runner_and_its_answer_comes_back(house: House, path: str, action: Action) -> None:
    async with house.set_up() as page, house.runner("local", "helper") as runner:
        answer = await page.post(path)

    running = action in (Action.START, Action.RESTART)
    assert answer.status_code == 200, answer.text
    assert answer.json()["bot"] == "helper"
    assert answer.json()["action"] == action
    assert answer.json()["status"]["state"] == ("running" if running else "stopped")
    assert [(order.bot, order.action, order.operator) for order in runner.orders] == [("helper", action, "ann")]


async def test_a_refusal_is_the_runners_own_sentence(house: House) -> None:
    async with house.cli() as cli, house.runner("local", "helper", obeys=False) as runner:
        asking = asyncio.create_task(cli.post("api/bot/start"))
        await runner.until(lambda: bool(runner.orders))
        refusal = frames.OrderResult(id=runner.orders[0].id, error="helper is running already.")
        await runner.socket.send(frames.encode(refusal))
        answer = await asking

    assert answer.status_code == 409
    assert answer.json() == {"detail": "helper is running already.", "code": "action_refused"}
    assert runner.orders[0].operator == "cli:root"
    records = [body for _, body in await house.storage.records("audit")]
    assert records == [{"what": "start", "who": "cli:root", "bot": "helper", "outcome": "helper is running already."}]


async def test_an_order_fails_at_once_when_the_runner_goes_instead_of_answering(house: House) -> None:
    async with house.cli() as cli:
        async with house.runner("local", "helper", obeys=False) as runner:
            asking = asyncio.create_task(cli.post("api/bot/stop"))
            await runner.until(lambda: bool(runner.orders))
        answer = await asking

    assert answer.status_code == 503
    assert answer.json() == {"detail": "Runner local went away before it answered.", "code": "runner_away"}


async def test_an_order_without_a_runner_is_refused(house: House) -> None:
    async with house.cli() as cli:
        async with house.runner("local", "helper"):
            pass
        await eventually(lambda: house.deck.fleet.status("helper").state is State.UNKNOWN)
        away = await cli.post("api/bot/stop")
        unknown = await cli.post("api/bots/greeter/stop")
        nonsense = await cli.post("api/bots/helper/dance")

    assert away.status_code == 503
    assert away.json()["code"] == "runner_away"
    assert unknown.status_code == 404
    assert unknown.json() == {"detail": "No bot named 'greeter'. Known bots: helper.", "code": "unknown_bot"}
    assert nonsense.status_code == 400


def states(page: LivePage) -> list[str]:
    return [bot["state"] for bot in page.fleet["bots"]]


async def test_a_bot_whose_runner_is_lost_is_unknown_with_a_reason_and_every_browser_hears_it(house: House) -> None:
    async with house.set_up() as page, house.browser(page) as browser:
        await browser.next_of("snapshot")
        async with house.runner("local", "helper"):
            await browser.until_shown(lambda page: states(page) == ["running"])
        await browser.until_shown(lambda page: states(page) == ["unknown"])
        (lost,) = browser.page.fleet["bots"]
        status = (await page.get("api/bots/helper")).json()

    assert lost["state"] == status["state"] == "unknown"
    assert lost["reason"].startswith("no contact with runner local since 20")
    assert (lost["pid"], lost["uptime_s"], lost["started_at"]) == (None, None, None)


async def test_bots_of_an_earlier_deck_are_unknown_until_their_runner_is_back(tmp_path: Path) -> None:
    async with a_deck(tmp_path) as house, house.runner("local", "helper", "news"):
        pass
    async with a_deck(tmp_path) as house, house.cli() as cli:
        before = (await cli.get("api/bots")).json()
        async with house.runner("local", "helper", "news"):
            after = (await cli.get("api/bots")).json()

    assert [(bot["bot"], bot["state"]) for bot in before["bots"]] == [("helper", "unknown"), ("news", "unknown")]
    assert all(bot["reason"].startswith("no contact with runner local since") for bot in before["bots"])
    assert [bot["state"] for bot in after["bots"]] == ["running", "running"]
    assert before["default_bot"] == after["default_bot"] == "helper"


async def test_bots_that_a_runner_no_longer_names_are_gone_for_good(tmp_path: Path) -> None:
    async with a_deck(tmp_path) as house, house.runner("local", "helper", "news") as runner:
        await runner.tell_fleet("news")
        await eventually(lambda: house.deck.fleet.names() == ["news"])
    async with a_deck(tmp_path) as house:
        assert house.deck.fleet.names() == ["news"]


async def test_of_two_runners_with_a_bot_of_one_name_the_first_keeps_it_and_the_second_its_others(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    async with house.runner("one", "helper") as one:
        for _ in range(2):
            async with house.runner("two") as two:
                await two.tell_fleet("helper", "own", state=State.FAILED)
                await two.tell(a_status("helper", State.FAILED))
                for bot in ("helper", "own"):
                    run = Run(id=f"{bot}2", bot=bot, started_at=datetime.now(UTC))
                    await two.socket.send(frames.encode(frames.RunReport(run=run)))
                    await two.send_data(f"{bot}/r1/out", b"two\n", offset=0)
                await two.until(lambda: bool(two.stored) and bool(two.acks))

            assert (two.acks, [stored.run for stored in two.stored]) == ({"own/r1/out": 4}, ["own2"])
        assert house.deck.fleet.status("helper").state is State.RUNNING
        await one.say("helper", "one")

    assert [line.text for line in (await house.storage.logs("helper"))[0]] == ["one"]
    assert [line.text for line in (await house.storage.logs("own"))[0]] == ["two"]
    assert await house.storage.runs("helper") == []
    said = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
    assert len(said) == 1
    assert said[0].startswith("Runner two has a bot helper, but that one is kept by runner one;")


async def test_a_second_connection_of_a_runner_takes_over(house: House) -> None:
    async with house.runner("local", "helper") as first, house.cli() as cli, house.runner("local", "helper") as second:
        await asyncio.wait_for(first.socket.wait_closed(), 5)
        answer = await cli.post("api/bot/stop")

        assert first.socket.close_code == 4409
        assert answer.status_code == 200
        assert [order.action for order in second.orders] == [Action.STOP]
        assert house.deck.fleet.status("helper").state is State.STOPPED


async def test_runs_are_stored_and_listed(house: House) -> None:
    began = datetime(2026, 11, 22, 8, tzinfo=UTC)
    run = Run(id="r1", bot="helper", started_at=began, pid=1)
    ended = Run(id="r1", bot="helper", started_at=began, pid=1, ended_at=datetime.now(UTC), exit_code=3)
    async with house.runner("local", "helper") as runner, house.cli() as cli:
        await runner.socket.send(frames.encode(frames.RunReport(run=run)))
        await runner.socket.send(frames.encode(frames.RunReport(run=ended)))
        await runner.until(lambda: len(runner.stored) == 2)
        runs = (await cli.get("api/bots/helper/runs")).json()

    assert [(stored.run, stored.ended) for stored in runner.stored] == [("r1", False), ("r1", True)]
    assert [(run["id"], run["exit_code"]) for run in runs] == [("r1", 3)]


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "RETRY_S", 0.01)


WRITES = ("ingest", "put_run", "put_document", "append_record", "health")


@pytest.mark.usefixtures("impatient")
async def test_while_the_database_takes_nothing_bots_are_seen_and_stopped_and_nothing_is_lost(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    broken = Broken("The disk that holds the database is full.")
    ended = Run(id="r1", bot="helper", started_at=datetime.now(UTC), ended_at=datetime.now(UTC), exit_code=0)
    async with house.runner("local", "helper") as runner, house.cli() as cli:
        await runner.say("helper", "one")
        with broken.methods(house.storage, *WRITES):
            await runner.send_data("helper/r1/out", b"two\nthr")
            await runner.send_data("helper/r1/out", b"ee\n", final=True)
            await runner.socket.send(frames.encode(frames.RunReport(run=ended)))
            await eventually(lambda: broken.refused["put_run"] > 1 and broken.refused["ingest"] > 1)
            await runner.tell(a_status("helper", State.UNHEALTHY))
            await eventually(lambda: house.deck.fleet.status("helper").state is State.UNHEALTHY)
            stopped = await cli.post("api/bot/stop")
            health = await cli.get("health")
            page = await cli.get("")
            assert (runner.acks, runner.stored) == ({"helper/r1/out": 4}, [])
        await runner.until(lambda: runner.finals == {"helper/r1/out"} and bool(runner.stored))
        await runner.say("helper", "next", run="r2")
        runs = (await cli.get("api/bots/helper/runs")).json()

    assert stopped.json()["status"]["state"] == "stopped"
    assert (health.status_code, health.json()) == (503, {"detail": broken.sentence, "code": "database_unavailable"})
    assert page.headers["content-type"].startswith("text/html")
    assert [run["exit_code"] for run in runs] == [0]
    lines, _ = await house.storage.logs("helper")
    assert [line.text for line in lines] == ["one", "two", "three", "next"]
    said = [record for record in caplog.records if record.name == patience.__name__]
    assert [record.levelname for record in said] == ["ERROR", "WARNING"]
    assert broken.sentence in said[0].getMessage()


@pytest.mark.usefixtures("impatient")
async def test_what_a_deck_without_database_had_no_room_for_is_sent_again(house: House) -> None:
    broken = Broken("The disk that holds the database is full.")
    broken.refuses.clear()
    streams = [f"helper/r{n}/out" for n in range(40)]
    async with house.runner("local", "helper") as runner, house.cli() as cli:
        with broken.methods(house.storage, *WRITES):
            for stream in streams:
                await runner.send_data(stream, b"one\n")
            await runner.tell(a_status("helper", State.UNHEALTHY))
            # No more are taken than there is room for, until it is clear that the database is to blame.
            await eventually(lambda: broken.asked["ingest"] == runner_link.AT_ONCE)
            assert house.deck.fleet.status("helper").state is State.RUNNING
            broken.refuses.set()
            await eventually(lambda: house.deck.fleet.status("helper").state is State.UNHEALTHY)
            assert (await cli.post("api/bot/stop")).status_code == 200
        await asyncio.wait_for(runner.socket.wait_closed(), 5)
    async with house.runner("local", "helper") as again:
        for stream in streams:
            await again.send_data(stream, b"one\ntwo\n", offset=0)
            await again.until(lambda stream=stream: stream in again.acks)  # type: ignore[misc]
            if again.acks[stream] == 4:
                await again.send_data(stream, b"two\n", offset=4)
            await again.acknowledged(stream, 8)

    assert runner.socket.close_code == 1013
    assert set(runner.acks.values()) == {4}
    lines, _ = await house.storage.logs("helper")
    assert sorted((line.run, line.text) for line in lines) == sorted(
        (stream.split("/")[1], text) for stream in streams for text in ("one", "two")
    )


@pytest.mark.usefixtures("impatient")
async def test_a_runner_is_welcome_while_the_database_cannot_be_read(house: House) -> None:
    broken = Broken("The database is damaged.")
    stream = "helper/r1/out"
    async with house.runner("local", "helper") as runner:
        await runner.say("helper", "one")
    async with house.cli() as cli:
        with broken.methods(house.storage, "offsets", "cursor", *WRITES):
            async with house.runner("local", "helper") as blind:
                assert (blind.welcome and blind.welcome.cursors) == {}
                await blind.send_data(stream, b"", offset=0)
                assert (await cli.post("api/bot/stop")).status_code == 200
                assert blind.acks == {}
        async with house.runner("local", "helper") as again:
            await again.say("helper", "next", run="r2")
            await again.send_data(stream, b"", offset=0)
            await again.acknowledged(stream, 4)


class Broken:
    """A database that fails: what a full disk looks like from above the storage port."""

    def __init__(self, sentence: str) -> None:
        self.sentence = sentence
        self.refuses = asyncio.Event()
        """Until it is set, they hang."""
        self.refuses.set()
        self.asked: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()

    @contextlib.contextmanager
    def methods(self, storage: Any, *names: str) -> Any:
        async def fail(name: str, *arguments: object) -> None:
            self.asked[name] += 1
            await self.refuses.wait()
            self.refused[name] += 1
            raise StorageError(self.sentence)

        for name in names:
            setattr(storage, name, partial(fail, name))
        try:
            yield
        finally:
            for name in names:
                delattr(storage, name)


async def test_a_runner_that_dies_in_the_middle_costs_no_line_and_no_noise(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    async with house.set_up() as page, house.browser(page) as browser:
        async with house.runner("local", "helper") as runner:
            await browser.until(lambda m: m["type"] == "snapshot" and m["data"]["stats"] is not None)
            for number in range(30):
                await runner.send_data("helper/r1/out", f"{number}\n".encode())
            await runner.until(lambda: runner.acks.get("helper/r1/out", 0) >= 2)
            runner.socket.transport.abort()
        await browser.until_shown(lambda page: states(page) == ["unknown"])
        async with house.runner("local", "helper") as again:
            await again.say("helper", "the end", run="r2")
            await browser.until(lambda m: m["type"] == "log" and m["data"]["lines"][-1]["text"] == "the end")

    stored, _ = await house.storage.logs("helper")
    shown = [line["id"] for m in browser.messages if m["type"] == "log" for line in m["data"]["lines"]]
    assert shown == [line.id for line in stored]
    assert [record.getMessage() for record in caplog.records if record.levelname == "ERROR"] == []


async def test_what_a_runner_dropped_is_counted_and_shown_live_at_its_place(house: House) -> None:
    async with house.set_up() as page, house.browser(page) as browser, house.runner("local", "helper") as runner:
        await browser.until(lambda m: m["type"] == "snapshot" and m["data"]["stats"] is not None)
        gap = frames.Data(
            stream="helper/r1/out",
            offset=0,
            time=datetime.now(UTC),
            gap=5_000_000,
            notice="5 MB were dropped: it printed too much at once.",
            payload=b"after\n",
        )
        await runner.socket.send(frames.encode_data(gap))
        await runner.acknowledged("helper/r1/out", 5_000_006)
        log = await browser.next_of("log")
        stats = (await page.get("api/bots/helper/stats")).json()

    assert [(line["stream"], line["level"], line["text"]) for line in log["lines"]] == [
        ("note", "warning", "5 MB were dropped: it printed too much at once."),
        ("out", None, "after"),
    ]
    assert stats["dropped_bytes"] == 5_000_000
    assert [line["text"] for line in stats["recent_logs"]] == [line["text"] for line in log["lines"]]


async def test_a_watched_flood_is_stored_whole_and_shown_by_its_last_lines(house: House) -> None:
    stream = "helper/r1/out"
    async with house.set_up() as page, house.browser(page) as browser, house.runner("local", "helper") as runner:
        await browser.until(lambda m: m["type"] == "snapshot" and m["data"]["stats"] is not None)
        for start in range(0, 30_000, 3000):
            await runner.send_data(stream, b"".join(b"%d\n" % number for number in range(start, start + 3000)))
        await runner.acknowledged(stream, runner.sent[stream])
        await browser.until(lambda m: m["type"] == "log" and m["data"]["lines"][-1]["text"] == "29999")

    batches = [m["data"] for m in browser.messages if m["type"] == "log"]
    assert sum(len(batch["lines"]) + batch["dropped"] for batch in batches) == 30_000
    assert all(len(batch["lines"]) <= 1000 for batch in batches)
    stored, _ = await house.storage.logs("helper", limit=40_000)
    assert [line.text for line in stored] == [str(number) for number in range(30_000)]
    shown = {line["id"]: line["text"] for batch in batches for line in batch["lines"]}
    assert shown.items() <= {line.id: line.text for line in stored}.items()


async def test_streams_are_applied_side_by_side_and_each_in_order(house: House) -> None:
    bots = [f"bot{n}" for n in range(5)]
    async with house.runner("local", *bots) as runner:
        for number in range(40):
            for bot in bots:
                await runner.send_data(f"{bot}/r1/out", f"{number}\n".encode())
        for bot in bots:
            await runner.acknowledged(f"{bot}/r1/out", runner.sent[f"{bot}/r1/out"])

    for bot in bots:
        lines, _ = await house.storage.logs(bot)
        assert [line.text for line in lines] == [str(number) for number in range(40)]


async def test_the_uptime_goes_on_between_reports(house: House) -> None:
    async with house.runner("local") as runner, house.cli() as cli:
        await runner.tell_fleet("helper", uptime_s=100.0)
        await eventually(lambda: "helper" in house.deck.fleet)
        first = (await cli.get("api/bots/helper")).json()["uptime_s"]
        second = (await cli.get("api/dashboard/stats")).json()["bot_uptime"]

    assert 100.0 < first < second < 105.0
