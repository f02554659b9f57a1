"""What the deck knows of bots, on a clock that the test moves."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from botdeck.deck.clock import Clock
from botdeck.deck.fleet import Fleet
from botdeck.errors import StorageError, UnknownBot
from botdeck.models import Bot, State
from botdeck.protocol.frames import Member
from botdeck.storage import open_storage
from botdeck.storage.port import Document, Storage

from .deck_house import a_sample, a_status

BEGIN = datetime(2026, 11, 22, 12, tzinfo=UTC)


class Moved:
    def __init__(self) -> None:
        self.at = 1000.0
        self.clock = Clock(now=lambda: BEGIN + timedelta(seconds=self.at - 1000), seconds=lambda: self.at)


@pytest.fixture
def time() -> Moved:
    return Moved()


@pytest.fixture
async def storage(tmp_path: Path) -> AsyncIterator[Storage]:
    storage = await open_storage(tmp_path / "deck.db")
    yield storage
    await storage.close()


def members(*bots: str, **status: object) -> list[Member]:
    return [Member(bot=Bot(name=bot), status=a_status(bot, **status)) for bot in bots]  # type: ignore[arg-type]


async def test_uptime_and_countdown_go_on_from_when_the_report_came(storage: Storage, time: Moved) -> None:
    fleet = Fleet(storage, time.clock)
    fleet.told_fleet("local", members("helper", uptime_s=100.0))
    waiting = a_status("news", State.BACKOFF, uptime_s=None, retry_in_s=5.0)
    fleet.told_fleet("other", [Member(bot=Bot(name="news"), status=waiting)])

    time.at += 3.5
    early = (fleet.status("helper").uptime_s, fleet.status("news").retry_in_s)
    time.at += 10
    late = (fleet.status("helper").uptime_s, fleet.status("news").retry_in_s)

    assert early == (103.5, 1.5)
    assert late == (113.5, 0.0)
    assert fleet.status("news").uptime_s is None


async def test_bots_come_in_the_order_of_the_configuration(storage: Storage, time: Moved) -> None:
    fleet = Fleet(storage, time.clock)
    fleet.told_fleet("local", members("news", "helper", "alpha"))

    assert fleet.names() == ["news", "helper", "alpha"]
    assert fleet.default_bot == "news"
    assert Fleet(storage, time.clock, default_bot="helper").default_bot is None


async def test_the_configured_default_bot_is_taken_when_it_is_there(storage: Storage, time: Moved) -> None:
    fleet = Fleet(storage, time.clock, default_bot="helper")
    fleet.told_fleet("local", members("news"))
    before = fleet.default_bot
    fleet.told_fleet("local", members("news", "helper"))

    assert (before, fleet.default_bot) == ("news", "helper")


async def test_telling_a_fleet_says_what_changed(storage: Storage, time: Moved) -> None:
    fleet = Fleet(storage, time.clock)
    same = members("helper", "news", "old")

    first = fleet.told_fleet("local", same)
    again = fleet.told_fleet("local", same)
    later = [same[0], replace(same[1], status=a_status("news", State.FAILED)), *members("new")]
    changed = fleet.told_fleet("local", later)

    assert first == ["helper", "news", "old"]
    assert again == []
    assert sorted(changed) == ["new", "news", "old"]
    with pytest.raises(UnknownBot, match=r"No bot named 'old'\. Known bots: helper, news, new\."):
        fleet.status("old")


async def test_a_lost_runner_leaves_its_bots_unknown_since_then(storage: Storage, time: Moved) -> None:
    fleet = Fleet(storage, time.clock)
    fleet.told_fleet("local", members("helper"))
    fleet.told_fleet("other", members("news"))
    time.at += 60

    lost = fleet.lost("local")

    status = fleet.status("helper")
    assert lost == ["helper"]
    assert (status.state, status.since) == (State.UNKNOWN, BEGIN + timedelta(seconds=60))
    assert status.reason == "no contact with runner local since 2026-11-22T12:01:00Z"
    assert (status.uptime_s, status.pid) == (None, None)
    assert fleet.status("news").state is State.RUNNING


async def test_another_runner_takes_over_bots_only_from_one_that_is_away(storage: Storage, time: Moved) -> None:
    fleet = Fleet(storage, time.clock)
    fleet.told_fleet("one", members("helper"))
    fleet.told_fleet("two", members("helper"))
    while_present = fleet.runner_of("helper")
    fleet.lost("one")
    fleet.told_fleet("two", members("helper"))

    assert (while_present, fleet.runner_of("helper")) == ("one", "two")
    assert fleet.told_status("one", a_status("helper", State.FAILED)) is False
    assert fleet.status("helper").state is State.RUNNING


async def test_what_was_remembered_is_unknown_to_the_next_deck(storage: Storage, time: Moved) -> None:
    fleet = Fleet(storage, time.clock)
    await fleet.remember(fleet.told_fleet("local", members("news", "helper", "gone")))
    await fleet.remember(fleet.told_fleet("local", members("news", "helper", run="r2")))
    time.at += 3600

    later = Fleet(storage, time.clock)
    await later.load()

    assert later.names() == ["news", "helper"]
    assert later.status("helper").run == "r2"
    assert later.status("helper").state is State.UNKNOWN
    assert later.status("helper").reason == "no contact with runner local since 2026-11-22T13:00:00Z"


async def test_a_document_that_cannot_be_read_costs_one_bot_and_a_line_in_the_log(
    storage: Storage, time: Moved, caplog: pytest.LogCaptureFixture
) -> None:
    fleet = Fleet(storage, time.clock)
    await fleet.remember(fleet.told_fleet("local", members("helper")))
    await storage.put_document("bot", Document(id="broken", body={"bot": 7}))

    later = Fleet(storage, time.clock)
    await later.load()

    assert later.names() == ["helper"]
    assert "broken" in caplog.text


async def test_two_decks_remembering_the_same_bot_do_not_fail(storage: Storage, time: Moved) -> None:
    one, two = Fleet(storage, time.clock), Fleet(storage, time.clock)
    for fleet in (one, two, one):
        await fleet.remember(fleet.told_fleet("local", members("helper", restarts=int(fleet is two))))
        fleet.lost("local")

    later = Fleet(storage, time.clock)
    await later.load()
    assert later.names() == ["helper"]


async def test_a_broken_database_keeps_nothing_from_working(
    storage: Storage, time: Moved, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail(*arguments: object) -> None:
        raise StorageError("The disk is full.")

    fleet = Fleet(storage, time.clock)
    monkeypatch.setattr(storage, "put_document", fail)
    await fleet.remember(fleet.told_fleet("local", members("helper")))

    assert fleet.status("helper").state is State.RUNNING
    assert "The disk is full." in caplog.text


async def test_a_runner_that_came_back_under_another_name_is_forgotten_unless_it_joined(
    storage: Storage, time: Moved
) -> None:
    fleet = Fleet(storage, time.clock)
    fleet.hosts.joined = {"vps"}
    for runner, bot in (("container-1", "helper"), ("vps", "far")):
        fleet.hosts.came(runner, host=runner, version="1")
        fleet.told_fleet(runner, members(bot))
        fleet.lost(runner)
    await fleet.hosts.remember()
    fleet.hosts.came("container-2", host="container-2", version="1")
    fleet.told_fleet("container-2", members("helper", "far"))
    await fleet.hosts.remember()
    later = Fleet(storage, time.clock)
    await later.load()

    assert [(runner.name, runner.joined) for runner in fleet.runners()] == [("container-2", False), ("vps", True)]
    assert [runner.name for runner in later.runners()] == ["container-2", "vps"]


async def test_a_runner_is_away_since_its_link_ended_and_not_since_the_deck_began_anew(
    storage: Storage, time: Moved
) -> None:
    fleet = Fleet(storage, time.clock)
    for runner in ("gone", "here"):
        fleet.hosts.came(runner, host="h", version="1")
    time.at += 10
    fleet.lost("gone")
    await fleet.hosts.remember()
    time.at += 10
    later = Fleet(storage, time.clock)
    await later.load()

    assert [(runner.name, runner.connected, runner.since) for runner in fleet.runners()] == [
        ("gone", False, BEGIN + timedelta(seconds=10)),
        ("here", True, BEGIN),
    ]
    assert [(runner.name, runner.connected, runner.since) for runner in later.runners()] == [
        ("gone", False, BEGIN + timedelta(seconds=10)),
        ("here", False, BEGIN + timedelta(seconds=20)),
    ]


async def test_samples_are_of_the_runners_own_bots_and_of_those_alone_that_it_names(
    storage: Storage, time: Moved
) -> None:
    fleet = Fleet(storage, time.clock)
    fleet.told_fleet("local", members("helper", "news"))
    fleet.told_fleet("vps", members("far"))
    fleet.told_samples("local", [a_sample("helper"), a_sample("news"), a_sample("far"), a_sample("nobody")])
    first = [fleet.status(bot).sample is not None for bot in ("helper", "news", "far")]
    fleet.told_samples("local", [a_sample("helper")])
    fleet.told_samples("vps", [a_sample("far")])
    then = [fleet.status(bot).sample is not None for bot in ("helper", "news", "far")]

    assert (first, then) == ([True, True, False], [True, False, True])
    assert [sample.bot for sample in fleet.samples("local").samples] == ["helper"]


async def test_a_status_carries_a_sample_of_its_own_bot_and_the_database_none(storage: Storage, time: Moved) -> None:
    fleet = Fleet(storage, time.clock)
    fleet.told_fleet("local", members("helper", "news", sample=a_sample("helper")))
    await fleet.remember(["helper"])
    (remembered,) = await storage.documents("bot")

    assert fleet.status("helper").sample == a_sample("helper")
    assert fleet.status("news").sample is None
    assert remembered.body["status"]["sample"] is None
