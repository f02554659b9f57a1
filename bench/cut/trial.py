"""All of it: a deck, a storm, pages that are cut, and what they end with."""

import asyncio
import contextlib
import json
import random
import time
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from tests.unit.live_page import LivePage, timeless

from bench.cut.pages import MANNERS, CutPage
from bench.cut.storm import FOLLOWED, OTHERS, THE_END, Storm
from bench.house import report
from bench.house.live import Channel, scripted_runner, start_deck
from bench.house.stack import PAGE, Stack
from bench.house.world import World

REST_PATIENCE_S = 60.0


@dataclass(frozen=True)
class Plan:
    cuts: int
    pages: int
    seed: int


@dataclass
class Outcome:
    faults: list[str] = field(default_factory=list)
    cuts: Counter[str] = field(default_factory=Counter)
    counts: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0

    def figures(self) -> report.Figures:
        manners = {f"cut, {manner}": count for manner, count in self.cuts.most_common()}
        return {
            "cuts": self.cuts.total(),
            **manners,
            **self.counts,
            "faults": len(self.faults),
            "seconds": round(self.seconds, 1),
        }


def run(plan: Plan) -> Outcome:
    began = time.monotonic()
    with World("cuts") as world, Stack(world, {}) as stack:
        start_deck(stack)
        outcome = asyncio.run(_run(stack, plan))
    outcome.seconds = time.monotonic() - began
    return outcome


async def _run(stack: Stack, plan: Plan) -> Outcome:
    pages = [CutPage(stack, FOLLOWED[number % 2], plan.seed + number) for number in range(plan.pages)]
    outcome = Outcome()
    async with scripted_runner(stack, *FOLLOWED, *OTHERS) as runner:
        storm = Storm(runner)
        async with asyncio.TaskGroup() as group:
            group.create_task(storm.blow())
            try:
                await _cut_all(pages, plan)
            finally:
                storm.over = True
        async with _resting(pages):
            await _compare(stack, pages, outcome)
    outcome.counts.update({"storm_rounds": storm.rounds, "lines": storm.lines})
    _count(pages, outcome)
    return outcome


async def _cut_all(pages: list[CutPage], plan: Plan) -> None:
    dice = random.Random(plan.seed)
    manners = iter(dice.choices(list(MANNERS), list(MANNERS.values()), k=plan.cuts))

    async def cut_often(page: CutPage) -> None:
        for manner in manners:
            await page.is_cut(manner)

    async with asyncio.TaskGroup() as group:
        for page in pages:
            group.create_task(cut_often(page))


@contextlib.asynccontextmanager
async def _resting(pages: list[CutPage]) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(page.comes_to_rest()) for page in pages]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _compare(stack: Stack, pages: list[CutPage], outcome: Outcome) -> None:
    """Every page with a fresh snapshot and with what the deck answers over REST."""
    differing: list[str] = []
    deadline = time.monotonic() + REST_PATIENCE_S
    while time.monotonic() < deadline:
        fresh = {bot: await _fresh(stack, bot) for bot in FOLLOWED}
        differing = [_difference(page.live, fresh[page.bot]) for page in pages]
        if not any(differing):
            break
        await asyncio.sleep(0.2)
    outcome.faults += filter(None, differing)
    listed = {status.bot: status for status in stack.client().bots().bots}
    ids = {bot: await asyncio.to_thread(_stored, stack, bot) for bot in FOLLOWED}
    for page in pages:
        for status in page.live.fleet["bots"]:
            if (listed[status["bot"]].state, listed[status["bot"]].restarts) != (status["state"], status["restarts"]):
                outcome.faults.append(f"a page shows {status['bot']} as {status['state']}")
        if untold := page.live.untold(ids[page.bot]):
            outcome.faults.append(f"{len(untold)} lines of {page.bot} are missing, and nobody told a page")
        if strangers := set(page.live.lines) - set(ids[page.bot]):
            outcome.faults.append(f"a page has {len(strangers)} lines of {page.bot} that are not stored")
        outcome.counts += _missing(page.live, ids[page.bot])


async def _fresh(stack: Stack, bot: str) -> LivePage:
    live = LivePage()
    channel = Channel(stack, live, bot)
    await channel.open()
    while live.epoch is None:
        await channel.read()
    channel.reset()
    return live


def _difference(shown: LivePage, fresh: LivePage) -> str:
    if THE_END not in shown.lines.values() or shown.recent()[-1:] != fresh.recent()[-1:]:
        return f"a page lacks the last line; it ends with {shown.recent()[-1:]}"
    is_so, shows = fresh.state(), shown.state()
    keys = [key for key in is_so if is_so[key] != shows[key]]
    return f"a page differs in {', '.join(keys)}: {json.dumps(timeless(shows[keys[0]]))[:300]}" if keys else ""


def _stored(stack: Stack, bot: str) -> list[int]:
    client, found = stack.client(), [0]
    while page := client.logs(bot, limit=PAGE, after=found[-1]).lines:
        found += [line.id for line in page]
    return found[1:]


def _missing(live: LivePage, stored: list[int]) -> Counter[str]:
    """Lines that a page misses: as told, where a number was told, and as counted."""
    told: Counter[str] = Counter()
    for hole in live.holes:
        count = sum(hole.after < number < hole.before and number not in live.lines for number in stored)
        if hole.told is None:
            told["lines_not_in_a_snapshot"] += count
        else:
            told["lines_told_missing"] += hole.told
            told["lines_counted_missing"] += count
    return told


def _count(pages: list[CutPage], outcome: Outcome) -> None:
    for page in pages:
        outcome.faults += page.faults
        outcome.cuts += page.cuts
        counts = page.live.counts
        outcome.counts += Counter(
            resumed=counts["resumed"], snapshots=counts["snapshot"], gaps_told=counts["gap"], sent_away=page.sent_away
        )
