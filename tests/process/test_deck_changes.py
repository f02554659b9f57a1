"""Snapshot before + updates = snapshot after, for everything that changes what browsers see.

A page that was there before folds what comes; when it is done, it must show exactly what a page shows that came after.
Whoever adds a kind of message, a frame of runners or a field that pages see adds a change here: the tests at the end
tell what is not covered.
"""

import asyncio
import contextlib
import typing
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import connect

from botdeck.deck import messages, snapshots
from botdeck.deck.topics import POLICIES
from botdeck.models import Action, Bot, BotStatus, Cause, Run, RunnerStatus, State
from botdeck.protocol import events, frames

from ..unit.deck_house import House, LiveBrowser, ScriptedRunner, a_deck, a_sample, a_status, eventually
from ..unit.live_page import LivePage

pytestmark = pytest.mark.process


@dataclass
class Stage:
    """A deck with a runner `local`, which has helper (the default bot) and news, and one page that follows helper."""

    house: House
    runner: ScriptedRunner
    cli: Any
    early: LiveBrowser
    others: AsyncExitStack
    """For what comes during the change and stays until the end."""

    async def act(self, action: Action) -> None:
        answer = await self.cli.post(f"api/bots/helper/{action}")
        assert answer.status_code == 200, answer.text

    async def another(self, name: str, *bots: str) -> ScriptedRunner:
        return await self.others.enter_async_context(self.house.runner(name, *bots))

    async def members(self, *bots: Bot, state: State = State.RUNNING) -> None:
        members = [frames.Member(bot=bot, status=a_status(bot.name, state)) for bot in bots]
        await self.runner.socket.send(frames.encode(frames.Fleet(members=members)))

    async def ended(self) -> None:
        """The run of helper, as the runner reports it."""
        run = Run(
            id="r1",
            bot="helper",
            started_at=datetime.now(UTC),
            ended_at=datetime.now(UTC),
            exit_code=1,
            cause=Cause.EXIT,
            reason="it ended",
        )
        await self.runner.socket.send(frames.encode(frames.RunReport(run=run)))

    async def away(self) -> None:
        """The runner's link is gone, and its bots are unknown."""
        await self.runner.socket.close()
        await eventually(lambda: self.house.deck.fleet.status("helper").state is State.UNKNOWN)


def bearer(house: House) -> dict[str, str]:
    return {"Authorization": f"Bearer {house.token()}"}


@contextlib.asynccontextmanager
async def a_page(house: House, bot: str | None = "helper") -> AsyncIterator[LiveBrowser]:
    async with (
        house.cli() as cli,
        house.browser(cli, user_id="cli", bot=bot, origin=None, additional_headers=bearer(house)) as browser,
    ):
        await browser.next_of("snapshot")
        yield browser


@pytest.fixture
async def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Stage]:
    monkeypatch.setattr(snapshots, "SHARED_S", 0.0)
    async with (
        a_deck(tmp_path) as house,
        house.cli() as cli,
        house.runner("local", "helper", "news") as runner,
        a_page(house, bot=None) as early,
        AsyncExitStack() as others,
    ):
        yield Stage(house, runner, cli, early, others)


# What can happen.


async def joined(stage: Stage) -> str:
    """A runner `far` with a token of its own."""
    invitation = (await stage.cli.post("api/runners/invitations", json={"name": "far"})).json()
    async with stage.house.http() as anybody:
        form = {"token": invitation["token"], "host": "far"}
        token: str = (await anybody.post("api/runner/join", json=form)).json()["token"]
    return token


async def a_runner_joins(stage: Stage) -> None:
    headers = {"Authorization": f"Bearer {await joined(stage)}"}
    link = connect(stage.house.websocket_url("api/runner/link"), additional_headers=headers)
    runner = ScriptedRunner(await stage.others.enter_async_context(link), "far")
    await runner.greet()
    await runner.tell_fleet("third")


async def a_runner_that_joined_is_removed(stage: Stage) -> None:
    await a_runner_joins(stage)
    await eventually(lambda: "third" in stage.house.deck.fleet)
    await stage.early.until_shown(lambda shown: len(shown.runners) == 2 and len(shown.fleet["bots"]) == 3)
    answer = await stage.cli.delete("api/runners/far")
    assert answer.status_code == 204, answer.text


async def its_bots_come_back_under_another_runner(stage: Stage) -> None:
    await stage.away()
    await stage.another("container-2", "helper", "news")


async def the_runner_comes_back(stage: Stage) -> None:
    await stage.away()
    back = await stage.another("local", "helper")
    await back.tell_fleet("helper", "news", restarts=3)


async def a_command_is_finished(stage: Stage) -> None:
    await stage.runner.emit("helper", "command.started", **{"command.name": "/now", "id": "c1"})
    await stage.early.until_shown(lambda shown: shown.stats["active_commands"] == 1)
    await stage.runner.emit("helper", "message.sent", **{"chat.message.id": "m2"})
    await stage.runner.emit("helper", "command.finished", **{"command.name": "/now", "id": "c1"})


async def a_run_ends_with_a_command_unfinished(stage: Stage) -> None:
    await stage.runner.emit("helper", "command.started", **{"command.name": "/now", "id": "c1"})
    await stage.early.until_shown(lambda shown: shown.stats["active_commands"] == 1)
    await stage.ended()
    await stage.runner.tell(a_status("helper", State.FAILED, reason="it crashed"))


async def output_is_missing(stage: Stage) -> None:
    frame = frames.Data(
        stream="helper/r1/out",
        offset=0,
        time=datetime.now(UTC),
        gap=1000,
        notice="1000 bytes left out",
        payload=b"on\n",
    )
    await stage.runner.socket.send(frames.encode_data(frame))


async def a_bot_has_no_process_any_more(stage: Stage) -> None:
    await stage.runner.tell_samples(a_sample("helper"), a_sample("news"))
    await stage.early.until_shown(lambda shown: all(bot["sample"] for bot in shown.fleet["bots"]))
    await stage.runner.tell(a_status("helper", State.STOPPED))
    await stage.runner.tell_samples(a_sample("news", 7.0))


async def a_trouble_is_over(stage: Stage) -> None:
    await stage.runner.tell_troubles("The disk is full.", "The clock is wrong.")
    await stage.early.until_shown(lambda shown: len(shown.runners[0]["troubles"]) == 2)
    await stage.runner.tell_troubles("The clock is wrong.")


async def everything_at_once(stage: Stage) -> None:
    for number in range(30):
        await stage.runner.tell(a_status("news", State.BACKOFF, restarts=number))
        await stage.runner.say("helper", *(f"line {number} {n}" for n in range(20)))
        await stage.runner.emit(
            "helper", "message.received", **{"user.id": f"u{number}", "chat.message.id": f"{number}"}
        )
        await stage.runner.tell_samples(a_sample("helper", number), load_1m=number)
        await stage.runner.tell_fleet(*("helper", "news", "third")[: 2 + number % 2], restarts=number)
    await stage.runner.tell_samples(a_sample("helper", 99.0))


Change = Callable[[Stage], Awaitable[None]]
CHANGES: dict[str, tuple[Change, set[str]]] = {
    # What happens, and the kinds of updates by which a page learns of it.
    "a bot is stopped": (lambda on: on.act(Action.STOP), {"bot_status", "dashboard_stats"}),
    "a bot is started": (lambda on: on.act(Action.START), {"bot_status"}),
    "a bot is restarted": (lambda on: on.act(Action.RESTART), {"bot_status"}),
    "a bot is killed": (lambda on: on.act(Action.KILL), {"bot_status", "dashboard_stats"}),
    "a bot crashed and waits": (
        lambda on: on.runner.tell(a_status("helper", State.BACKOFF, retry_in_s=4.0, crashes_total=1)),
        {"bot_status", "dashboard_stats"},
    ),
    "a bot is in a crash loop": (
        lambda on: on.runner.tell(a_status("news", State.BACKOFF, crash_loop=True, reason="again and again")),
        {"bot_status"},
    ),
    "a bot hangs": (lambda on: on.runner.tell(a_status("helper", State.UNHEALTHY)), {"bot_status"}),
    "a bot is added": (lambda on: on.runner.tell_fleet("helper", "news", "third"), {"bot_list", "runners"}),
    "a bot is removed": (lambda on: on.runner.tell_fleet("helper"), {"bot_list", "runners"}),
    "the default bot is removed": (lambda on: on.runner.tell_fleet("news"), {"snapshot"}),
    "the default bot is renamed": (lambda on: on.runner.tell_fleet("greeter", "news"), {"snapshot"}),
    "all bots are removed": (lambda on: on.runner.tell_fleet(), {"snapshot"}),
    "another bot becomes the default one": (lambda on: on.runner.tell_fleet("news", "helper"), {"snapshot"}),
    "a bot is described": (
        lambda on: on.members(Bot(name="helper", description="Helps."), Bot(name="news")),
        {"bot_list"},
    ),
    "a runner goes": (lambda on: on.away(), {"bot_list", "runners"}),
    "a runner comes": (lambda on: on.another("vps", "far"), {"bot_list", "runners"}),
    "a runner comes back": (the_runner_comes_back, {"bot_list", "runners"}),
    "bots come back under another runner": (its_bots_come_back_under_another_runner, {"bot_list", "runners"}),
    "a runner joins": (a_runner_joins, {"bot_list", "runners"}),
    "a runner that joined is removed": (a_runner_that_joined_is_removed, {"bot_list", "runners"}),
    "a host is busy": (lambda on: on.runner.tell_samples(load_1m=9.5), {"runners"}),
    "something is wrong on a host": (lambda on: on.runner.tell_troubles("The disk is full."), {"runners"}),
    "a trouble is over": (a_trouble_is_over, {"runners"}),
    "bots are measured": (lambda on: on.runner.tell_samples(a_sample("helper"), a_sample("news")), {"samples"}),
    "a bot has no process any more": (a_bot_has_no_process_any_more, {"samples"}),
    "a message is received": (
        lambda on: on.runner.emit("helper", "message.received", **{"user.id": "u1", "chat.message.id": "m1"}),
        {"dashboard_stats"},
    ),
    "a message is sent": (
        lambda on: on.runner.emit("helper", "message.sent", **{"chat.message.id": "m2"}),
        {"dashboard_stats"},
    ),
    "a user is seen": (
        lambda on: on.runner.emit("helper", "user.seen", **{"user.id": "u2"}),
        {"dashboard_stats"},
    ),
    "a command is started": (
        lambda on: on.runner.emit("helper", "command.started", **{"command.name": "/now", "id": "c1"}),
        {"dashboard_stats"},
    ),
    "a command is finished": (a_command_is_finished, {"dashboard_stats"}),
    "a run ends with a command unfinished": (a_run_ends_with_a_command_unfinished, {"dashboard_stats", "bot_status"}),
    "a bot logs through its library": (
        lambda on: on.runner.emit("helper", "log", level="error", message="no good"),
        {"log"},
    ),
    "a bot writes lines": (lambda on: on.runner.say("helper", "one", "two"), {"log"}),
    "a bot writes thousands of lines": (
        lambda on: on.runner.say("helper", *(f"line {number}" for number in range(3000))),
        {"log"},
    ),
    "output is missing": (output_is_missing, {"log", "dashboard_stats"}),
    # A list of bots takes the place of samples that are not told yet.
    "everything at once": (everything_at_once, set(POLICIES) - {"samples"}),
}


async def fresh(house: House) -> LivePage:
    async with a_page(house, bot=None) as late:
        return late.page


@pytest.mark.parametrize("name", CHANGES)
async def test_a_snapshot_and_the_updates_after_it_are_a_later_snapshot(stage: Stage, name: str) -> None:
    change, kinds = CHANGES[name]
    before = (await fresh(stage.house)).view()
    assert stage.early.page.view() == before

    await change(stage)
    await settled(stage, before)
    await told(stage, kinds)

    assert stage.early.page.counts["gap"] == 0


async def told(stage: Stage, kinds: set[str]) -> None:
    """By these kinds of updates."""
    async with asyncio.timeout(30):
        while not kinds <= {message["type"] for message in stage.early.messages[1:]}:
            await stage.early.receive()


async def settled(stage: Stage, before: Any) -> None:
    """Something changed, and both pages show it. What the last difference was is said when they never do."""
    shown, early = before, stage.early.page
    try:
        async with asyncio.timeout(30):
            while shown == before or early.view() != shown:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(0.1):
                        await stage.early.receive()
                shown = (await fresh(stage.house)).view()
    except TimeoutError:
        assert early.view() == shown
        raise


async def test_lines_of_a_change_are_the_same_ones_in_the_same_order(stage: Stage) -> None:
    await stage.runner.say("helper", *(f"line {number}" for number in range(120)))
    await stage.early.until_shown(lambda shown: len(shown.lines) == 120)
    page = stage.early.page

    assert [page.lines[line] for line in sorted(page.lines)] == [f"line {number}" for number in range(120)]
    assert page.recent() == (await fresh(stage.house)).recent()


# Nothing is forgotten above.


def test_every_kind_of_update_is_seen_by_some_change() -> None:
    assert set(POLICIES) == set().union(*(kinds for _, kinds in CHANGES.values())) - {"snapshot"}


def test_every_message_of_the_deck_is_an_update_or_one_of_these() -> None:
    kinds = {typing.get_args(typing.get_type_hints(one)["type"])[0] for one in typing.get_args(messages.ServerMessage)}

    assert kinds - set(POLICIES) == {"snapshot", "resumed", "gap", "goaway", "heartbeat"}


def test_every_frame_by_which_a_runner_tells_something_is_in_some_change() -> None:
    told = {"hello", "fleet", "status", "samples", "troubles", "run"}
    answers_and_orders = {"welcome", "run_stored", "order", "order_result", "ack"}

    assert set(frames._KINDS) == told | answers_and_orders


def test_every_event_that_the_deck_minds_is_in_some_change_or_is_not_for_pages() -> None:
    minded = {value for name, value in vars(events).items() if name.isupper() and isinstance(value, str)}
    changed = {
        "message.received",
        "message.sent",
        "command.started",
        "command.finished",
        "log",
    }

    # That a bot which runs elsewhere has started is told by its status.
    of_bots_elsewhere = {"bot.started"}
    assert minded - changed - of_bots_elsewhere == {
        "heartbeat",
        "gateway.ready",
        "gateway.disconnect",
        "telemetry.damaged",
    }


def test_the_fields_of_a_snapshot_are_all_compared() -> None:
    told_once = {"server_version", "time_zone", "stats_interval_s", "heartbeat_s", "operator", "positions"}

    assert {field.name for field in fields(messages.Snapshot)} - told_once == {"fleet", "stats", "runners"}
    assert {"load", "troubles", "bots", "joined", "connected"} <= {field.name for field in fields(RunnerStatus)}
    assert "sample" in {field.name for field in fields(BotStatus)}
