"""One page: it is cut, comes back, and at the end must show what is so."""

import asyncio
import random
import select
from collections import Counter

from tests.unit.live_page import LivePage, UntoldGap

from bench.house.live import Channel, Cut, SentAway
from bench.house.stack import Stack

TIGHT = 4096
LET_GO_PATIENCE_S = 40.0
MANNERS = {"aborted": 50, "half read": 25, "slow": 14, "sent nonsense": 10, "stopped reading": 1}


class CutPage:
    def __init__(self, stack: Stack, bot: str, seed: int) -> None:
        self.bot = bot
        self.live = LivePage()
        self.faults: list[str] = []
        self.cuts: Counter[str] = Counter()
        self.seen: Counter[str] = Counter()
        """What the messages of former connections were, where a fault had it begin anew."""
        self._stack = stack
        self._dice = random.Random(seed)
        self.sent_away = 0

    async def is_cut(self, manner: str) -> None:
        """Once."""
        ways = {
            "aborted": self._reads_a_while,
            "half read": self._reads_half,
            "slow": self._reads_slowly,
            "sent nonsense": self._sends_nonsense,
            "stopped reading": self._stops_reading,
        }
        channel = await self._comes_back(tight=manner in ("slow", "stopped reading"))
        try:
            await ways[manner](channel)
        except Cut as cut:
            manner = manner if manner in ("sent nonsense", "stopped reading") else f"let go: {cut}"
        except SentAway as away:
            self.sent_away += 1
            await asyncio.sleep(away.after_s)
            return
        except UntoldGap as gap:
            self._fault(gap)
        finally:
            channel.reset()
        self.cuts[manner] += 1

    async def comes_to_rest(self) -> None:
        """Back for good, until it is cancelled."""
        while True:
            channel = await self._comes_back(tight=False)
            try:
                while True:
                    await channel.read()
            except Cut:
                continue
            except SentAway as away:
                await asyncio.sleep(away.after_s)
            except UntoldGap as gap:
                self._fault(gap)
            finally:
                channel.reset()

    async def _comes_back(self, *, tight: bool) -> Channel:
        while True:
            channel = Channel(self._stack, self.live, self.bot)
            try:
                await channel.open(receives=TIGHT if tight else None)
                return channel
            except Cut:
                channel.reset()
                await asyncio.sleep(self._dice.random())
            except SentAway as away:
                channel.reset()
                self.sent_away += 1
                await asyncio.sleep(away.after_s)

    def _fault(self, gap: UntoldGap) -> None:
        self.faults.append(f"a page of {self.bot}: {gap}")
        self.live = LivePage()

    # Manners.

    async def _reads_a_while(self, channel: Channel) -> None:
        for _ in range(self._dice.choice((0, 1, 2, 5, 40))):
            await channel.read()

    async def _reads_half(self, channel: Channel) -> None:
        for _ in range(self._dice.randrange(1, 30)):
            await channel.read(self._dice.choice((1, 7, 300, 3000)))
        while channel.frames.unfinished == 0:
            await channel.read(self._dice.randrange(1, 300))

    async def _reads_slowly(self, channel: Channel) -> None:
        for _ in range(self._dice.randrange(20, 60)):
            await channel.read(2000)
            await asyncio.sleep(0.03)

    async def _sends_nonsense(self, channel: Channel) -> None:
        channel.say(b"nonsense")
        while True:
            await channel.read()

    async def _stops_reading(self, channel: Channel) -> None:
        """Until the deck lets it go; what had arrived is read then."""
        poll = select.poll()
        poll.register(channel.socket, select.POLLRDHUP)
        async with asyncio.timeout(LET_GO_PATIENCE_S):
            while not poll.poll(0):  # noqa: ASYNC110  (no event loop tells of it while nothing is read)
                await asyncio.sleep(0.1)
        while True:
            await channel.read()
