"""What goes on meanwhile: a runner tells everything that it can, as fast as the deck acknowledges it."""

import asyncio

from tests.unit.deck_house import ScriptedRunner, a_sample, a_status

from botdeck.models import State

FOLLOWED = ("alpha", "beta")
"""Pages follow one of these."""
OTHERS = tuple(f"other{number}" for number in range(8))
GAP_S = 0.005
BURST_EVERY = 300
BURST_LINES = 1500
"""More than is kept for a page that is away."""
THE_END = "the end"


class Storm:
    def __init__(self, runner: ScriptedRunner) -> None:
        self.rounds = 0
        self.lines = 0
        self.over = False
        self._runner = runner

    async def blow(self) -> None:
        while not self.over:
            self.rounds += 1
            await self._tell(self.rounds)
            await asyncio.sleep(GAP_S)
        await self._runner.tell_fleet(*FOLLOWED, *OTHERS)
        for bot in FOLLOWED:
            await self._runner.say(bot, THE_END)

    async def _tell(self, number: int) -> None:
        bot = FOLLOWED[number % 2]
        for name in (bot, OTHERS[number % len(OTHERS)]):
            state = (State.RUNNING, State.BACKOFF, State.STOPPED)[number % 3]
            await self._runner.tell(a_status(name, state, restarts=number))
        await self._say(bot, BURST_LINES if number % BURST_EVERY < 2 else number % 5)
        message = {"user.id": f"u{number}", "chat.message.id": f"m{number}"}
        await self._runner.emit(bot, "message.received", **message)
        if number % 40 == 0:
            await self._runner.tell_samples(*(a_sample(name, number) for name in FOLLOWED), load_1m=number)
            await self._runner.tell_troubles(f"This is trouble {number}.")
        if number % 200 == 0:
            await self._runner.tell_fleet(*FOLLOWED, *OTHERS[: number // 200 % len(OTHERS)])

    async def _say(self, bot: str, count: int) -> None:
        if count:
            await self._runner.say(bot, *(f"line {self.lines + n} of {bot} {'x' * 60}" for n in range(count)))
        self.lines += count
