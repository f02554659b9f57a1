"""Coming back to the live channel: what was missed, or a fresh snapshot, and never a hole that nobody told of."""

import asyncio
import random
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from botdeck.deck import liveness, websocket_manager
from botdeck.models import State

from ..unit.deck_house import House, LiveBrowser, ScriptedRunner, a_deck, a_sample, a_status, eventually
from ..unit.live_page import LivePage

pytestmark = pytest.mark.process


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with a_deck(tmp_path) as house:
        yield house


async def first_look(house: House, page: httpx2.AsyncClient, bot: str = "helper") -> LivePage:
    """A page that has a snapshot, and was cut."""
    async with house.browser(page, bot=bot) as browser:
        await browser.next_of("snapshot")
    await eventually(lambda: not house.deck.hub.clients)
    return browser.page


async def stored(house: House, bot: str = "helper") -> list[int]:
    """Ids of all its lines, oldest first."""
    found: list[int] = []
    while True:
        lines, more = await house.storage.logs(bot, limit=1000, after=found[-1] if found else 0)
        found += [line.id for line in lines]
        if not more or not lines:
            return found


async def test_who_comes_back_gets_what_it_missed(house: House) -> None:
    async with house.set_up() as page, house.runner("local", "helper", "news") as runner:
        shown = await first_look(house, page)
        for number in range(30):
            await runner.say("helper", f"line {number}")
            await runner.tell(a_status("news", restarts=number))
        await runner.emit("helper", "user.seen", **{"user.id": "u1"})
        await eventually(lambda: house.deck.hub._topics["bot/helper"].seq > shown.places["bot/helper"].had)
        async with house.browser(page, bot="helper", resume=shown.resume(), live=shown) as back:
            await back.until_shown(lambda live: len(live.lines) == 30 and live.stats["total_users"] == 1)
        async with house.browser(page, bot="helper") as late:
            await late.next_of("snapshot")
            await late.until_shown(lambda live: live.view() == shown.view())

    kinds = [message["type"] for message in back.messages]
    assert (kinds[0], back.messages[0]["data"]["operator"]["name"]) == ("resumed", "ann")
    assert "snapshot" not in kinds
    assert kinds.count("bot_status") == 1, "of the statuses only the last is worth anything"
    assert shown.untold(await stored(house)) == []


async def test_who_missed_nothing_gets_nothing_again(house: House) -> None:
    async with house.set_up() as page, house.runner("local", "helper"):
        shown = await first_look(house, page)
        async with house.browser(page, bot="helper", resume=shown.resume(), live=shown) as back:
            await back.receive()
            house.deck.hub.broadcast_heartbeat(part=0, of=1)
            await back.receive()

    assert [message["type"] for message in back.messages] == ["resumed", "heartbeat"]


async def test_of_more_lines_than_are_kept_it_is_told_how_many_are_missing(house: House) -> None:
    async with house.set_up() as page, house.runner("local", "helper") as runner:
        shown = await first_look(house, page)
        for number in range(40):
            before = house.deck.hub._topics["log/helper"].seq
            await runner.say("helper", *(f"line {number} {n}" for n in range(100)))
            # Each an update of its own: what comes within 50 ms is cut to what anybody can read.
            await eventually(lambda before=before: house.deck.hub._topics["log/helper"].seq > before)  # type: ignore[misc]
        await runner.say("helper", "the end")
        async with house.browser(page, bot="helper", resume=shown.resume(), live=shown) as back:
            await back.until_shown(lambda live: "the end" in live.lines.values())
        everything = await stored(house)

    assert shown.counts["resumed"] == 1
    assert shown.counts["gap"] > 0
    assert shown.counts["dropped"] > 0
    assert shown.counts["lines"] + shown.counts["dropped"] == len(everything) == 4001
    assert len(shown.lines) == shown.counts["lines"]


async def test_another_deck_knows_no_position_of_the_former_one(tmp_path: Path) -> None:
    async with a_deck(tmp_path) as first, first.set_up() as page, first.runner("local", "helper") as runner:
        await runner.say("helper", "before")
        shown = await first_look(first, page)
    async with a_deck(tmp_path) as second, second.signed_in("ann") as page, second.runner("local", "helper") as runner:
        await runner.say("helper", "after", run="r2")
        async with second.browser(page, bot="helper", resume=shown.resume(), live=shown) as back:
            await back.until_shown(lambda live: len(live.lines) == 2)

    assert back.messages[0]["type"] == "snapshot"


POSITIONS: dict[str, Any] = {
    "a negative one": lambda known: dict.fromkeys(known, -1),
    "zero": lambda known: dict.fromkeys(known, 0),
    "one from the future": lambda known: {**known, "overview": known["overview"] + 1},
    "an enormous one": lambda known: {**known, "log/helper": 1 << 200},
    "a missing one": lambda known: {topic: seq for topic, seq in known.items() if topic != "bot/helper"},
    "none at all": lambda known: {},
    "those of another bot": lambda known: {topic.replace("helper", "news"): seq for topic, seq in known.items()},
    "one from before the topic began": lambda known: {**known, "log/helper": known["log/helper"] - 1},
}


@pytest.mark.parametrize("name", POSITIONS)
async def test_positions_that_make_no_sense_bring_a_snapshot(house: House, name: str) -> None:
    async with house.set_up() as page, house.runner("local", "helper", "news"):
        shown = await first_look(house, page)
        said = shown.resume() or {}
        said["positions"] = POSITIONS[name](said["positions"])
        async with house.browser(page, bot="helper", resume=said) as back:
            await back.receive()

    assert back.messages[0]["type"] == "snapshot"
    assert back.page.places.keys() == shown.places.keys()


async def test_positions_of_topics_that_are_not_followed_do_not_matter(house: House) -> None:
    async with house.set_up() as page, house.runner("local", "helper", "news"):
        shown = await first_look(house, page)
        said = shown.resume() or {}
        said["positions"] |= {"log/nobody": 7, "": -3}
        async with house.browser(page, bot="helper", resume=said, live=shown) as back:
            await back.receive()

    assert back.messages[0]["type"] == "resumed"


@pytest.mark.parametrize("bot", ["news", "nobody"])
async def test_who_comes_back_to_another_bot_gets_its_snapshot(house: House, bot: str) -> None:
    async with house.set_up() as page, house.runner("local", "helper", "news"):
        shown = await first_look(house, page)
        async with house.browser(page, bot=bot, resume=shown.resume(), live=shown) as back:
            snapshot = await back.next_of("snapshot")

    assert (snapshot["stats"] and snapshot["stats"]["bot"]) == (bot if bot == "news" else None)


async def test_who_follows_the_default_bot_gets_a_snapshot_when_that_is_another_one_now(house: House) -> None:
    async with house.set_up() as page, house.runner("local", "helper", "news") as runner:
        async with house.browser(page) as browser:
            await browser.next_of("snapshot")
        await runner.tell_fleet("news", "helper")
        await eventually(lambda: house.deck.fleet.default_bot == "news")
        async with house.browser(page, resume=browser.page.resume(), live=browser.page) as back:
            snapshot = await back.next_of("snapshot")

    assert snapshot["stats"]["bot"] == "news"


@pytest.mark.parametrize(
    "said",
    [
        "nonsense",
        "[]",
        "null",
        "{}",
        '{"epoch":"e"}',
        '{"epoch":1,"positions":{}}',
        '{"epoch":"e","positions":[]}',
        '{"epoch":"e","positions":{"overview":"1"}}',
        '{"epoch":"e","positions":{"overview":1.5}}',
        "[" * 2000,
    ],
)
async def test_what_is_no_resume_at_all_is_refused(house: House, said: str, caplog: pytest.LogCaptureFixture) -> None:
    async with house.set_up() as page, house.runner("local", "helper"), house.browser(page, resume=said) as back:
        code, reason = await back.closed()

    assert (code, back.messages) == (4400, [])
    assert reason.startswith("That is no message of a page")
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []


async def test_what_was_published_is_kept_for_those_who_come_back_but_not_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(liveness, "LOOK_S", 0.01)
    async with a_deck(tmp_path) as house, house.set_up() as page, house.runner("local", "helper") as runner:
        shown = await first_look(house, page)
        await runner.say("helper", "one")
        async with house.browser(page, bot="helper", resume=shown.resume(), live=shown) as back:
            assert (await back.receive())["type"] == "resumed"
            await back.until_shown(lambda live: len(live.lines) == 1)

        monkeypatch.setattr(websocket_manager, "KEPT_EMPTY_S", 0.0)
        await eventually(lambda: not house.deck.hub.is_watched("helper"))
        async with house.browser(page, bot="helper", resume=shown.resume(), live=shown) as late:
            assert (await late.receive())["type"] == "snapshot"


# In a storm.


class Storm:
    """Everything changes all the time, until it is over."""

    def __init__(self, runner: ScriptedRunner) -> None:
        self.runner = runner
        self.over = False

    async def blow(self) -> None:
        number = 0
        while not self.over:
            number += 1
            await self.runner.tell(a_status("news", State.BACKOFF if number % 2 else State.RUNNING, restarts=number))
            await self.runner.say("helper", *(f"line {number} {n} {'x' * 200}" for n in range(number % 40 + 1)))
            message = {"user.id": f"u{number}", "chat.message.id": f"m{number}"}
            await self.runner.emit("helper", "message.received", **message)
            if number % 10 == 0:
                await self.runner.tell_samples(a_sample("helper", number))
                await self.runner.tell_fleet(*("helper", "news", "third")[: 2 + number // 10 % 2], restarts=number)
        await self.runner.say("helper", "the end")


async def is_cut_again_and_again(house: House, page: httpx2.AsyncClient, dice: random.Random, cuts: int) -> LivePage:
    live = LivePage()
    for _ in range(cuts):
        async with house.browser(page, bot="helper", resume=live.resume(), live=live, max_queue=2) as browser:
            for _ in range(dice.choice((0, 1, 3, 20))):
                await browser.receive()
            if dice.random() < 0.5:
                # Read nothing while more comes than its buffers hold.
                browser.socket.transport.pause_reading()
                await asyncio.sleep(dice.random() / 5)
                browser.socket.transport.resume_reading()
            browser.socket.transport.abort()
    return live


async def test_pages_that_are_cut_in_a_storm_end_with_the_truth_and_no_untold_gap(house: House) -> None:
    async with house.set_up() as page, house.runner("local", "helper", "news") as runner:
        storm = Storm(runner)
        async with asyncio.TaskGroup() as group:
            blowing = group.create_task(storm.blow())
            cut = [group.create_task(is_cut_again_and_again(house, page, random.Random(n), 12)) for n in range(6)]
            await asyncio.wait(cut)
            storm.over = True
            await blowing
        everything = await stored(house)
        for live in [task.result() for task in cut]:
            await comes_to_rest(house, page, live)
            assert live.untold(everything) == []
            assert live.counts["resumed"] > 0


async def comes_to_rest(house: House, page: httpx2.AsyncClient, live: LivePage) -> None:
    """It comes back for good, and shows what a new page shows."""
    async with (
        house.browser(page, bot="helper", resume=live.resume(), live=live) as back,
        house.browser(page, bot="helper") as late,
    ):
        listening = [asyncio.create_task(hears_all(browser)) for browser in (back, late)]
        await eventually(lambda: "the end" in live.lines.values() and live.state() == late.page.state())
        for task in listening:
            task.cancel()
    assert live.recent()[-1] == late.page.recent()[-1]


async def hears_all(browser: LiveBrowser) -> None:
    while True:
        await browser.receive()
