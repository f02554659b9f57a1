"""What browsers are told of runners, their hosts, and what bots use."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from botdeck.models import State

from ..unit.deck_house import House, a_deck, a_sample, a_status, eventually
from ..unit.live_page import LivePage

pytestmark = pytest.mark.process

FULL = "The disk is full."


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with a_deck(tmp_path) as house:
        yield house


def is_told_all(page: LivePage) -> bool:
    bots = {bot["bot"]: bot for bot in page.fleet["bots"]}
    if len(bots) < 3 or len(page.runners) < 2:
        return False
    local, vps = page.runners
    return (
        "far" in bots
        and bots["far"]["state"] == "unknown"
        and bots["news"]["state"] == "stopped"
        and bool(bots["helper"]["sample"] and bots["helper"]["sample"]["cpu_percent"] == 33.0)
        and bool(local["load"] and local["load"]["load_1m"] == 0.25 and local["troubles"])
        and not vps["connected"]
    )


async def test_a_snapshot_and_the_updates_after_it_are_a_later_snapshot(house: House) -> None:
    async with house.set_up() as page, house.runner("local", "helper", "news") as local, house.browser(page) as early:
        await early.next_of("snapshot")
        async with house.runner("vps", "far") as vps:
            await vps.tell_samples(a_sample("far"))
            for number in range(20):
                await local.tell_samples(a_sample("helper", number), a_sample("news"), load_1m=number)
            await local.tell_troubles(FULL)
            await local.tell(a_status("news", State.STOPPED))
            await local.tell_samples(a_sample("helper", 33.0), a_sample("far", 99.0), load_1m=0.25)
            await eventually(lambda: sample_of(house, "far") == 1.5 and sample_of(house, "helper") == 33.0)
        await eventually(lambda: house.deck.fleet.status("far").state is State.UNKNOWN)
        async with house.browser(page) as late:
            for browser in (early, late):
                await browser.until_shown(is_told_all)

    then = late.page
    samples = {bot["bot"]: bot["sample"] for bot in then.fleet["bots"]}
    assert early.page.view() == then.view()
    assert samples["helper"]["cpu_percent"] == 33.0
    assert samples["news"] is None
    assert samples["far"] is None
    assert [(runner["name"], runner["connected"], runner["bots"]) for runner in then.runners] == [
        ("local", True, 2),
        ("vps", False, 1),
    ]
    assert then.runners[0]["troubles"] == [FULL]
    assert then.runners[0]["load"]["load_1m"] == 0.25


def sample_of(house: House, bot: str) -> float | None:
    sample = house.deck.fleet.status(bot).sample
    return sample.cpu_percent if sample else None


async def test_a_flood_of_samples_is_told_as_its_first_and_its_last(house: House) -> None:
    async with house.set_up() as page, house.runner("local", "helper") as runner, house.browser(page) as browser:
        await browser.next_of("snapshot")
        for number in range(500):
            await runner.tell_samples(a_sample("helper", number))
        await browser.until(lambda message: cpu_of(message) == 499.0)
        told = [message for message in browser.messages if message["type"] == "samples"]

    assert cpu_of(told[0]) == 0.0
    assert len(told) < 20


def cpu_of(message: dict[str, Any]) -> float | None:
    return message["data"]["samples"][0]["cpu_percent"] if message["type"] == "samples" else None


async def test_the_list_of_runners_is_answered_and_troubles_that_are_over_are_taken_back(house: House) -> None:
    async with house.runner("local", "helper") as runner, house.cli() as cli, house.set_up() as page:
        before = (await cli.get("api/runners")).json()
        async with house.browser(page) as browser:
            await browser.next_of("snapshot")
            await runner.tell_troubles(FULL)
            await browser.until(lambda message: troubles_of(message) == [FULL])
            await runner.tell_troubles()
            await browser.until(lambda message: troubles_of(message) == [])
        answer = await cli.get("api/runners")

    assert answer.status_code == 200
    (local,) = answer.json()
    assert (local["name"], local["host"], local["connected"], local["bots"]) == ("local", "here", True, 1)
    assert (local["load"], local["troubles"], local["joined"]) == (None, [], False)
    assert before == [local]


def troubles_of(message: dict[str, Any]) -> list[str] | None:
    return message["data"]["runners"][0]["troubles"] if message["type"] == "runners" else None


async def test_a_runner_that_is_away_is_still_listed_after_a_restart_of_the_deck(tmp_path: Path) -> None:
    async with a_deck(tmp_path) as first:
        async with first.runner("vps", "far") as runner:
            await runner.tell_troubles(FULL)
            await runner.tell_samples(a_sample("far"))
            await eventually(lambda: sample_of(first, "far") == 1.5)
        await eventually(lambda: not first.deck.fleet.runners()[0].connected)
        async with first.cli() as cli:
            (away,) = (await cli.get("api/runners")).json()
            far = (await cli.get("api/bots/far")).json()
    async with a_deck(tmp_path) as second, second.cli() as cli:
        (listed,) = (await cli.get("api/runners")).json()

    assert (away["connected"], away["bots"], away["troubles"], away["load"]["cpus"]) == (False, 1, [FULL], 4)
    assert (far["state"], far["sample"]) == ("unknown", None)
    assert listed == {**away, "load": None}


async def test_who_is_not_signed_in_is_told_nothing_of_runners(house: House) -> None:
    async with house.http() as stranger:
        answer = await stranger.get("api/runners")

    assert answer.status_code == 401
