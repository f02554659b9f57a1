"""What a page makes of the live channel, by the rules of docs/protocol.md: it keeps its place in each topic, and a hole
that nobody told of is a fault. Tests and benchmarks listen through this, so that each of them proves there is none.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

RECENT_LINES = 50
_AGES = ("uptime_s", "retry_in_s", "bot_uptime")

Message = dict[str, Any]


class UntoldGap(AssertionError):
    """Something is missing, and nobody said so; or it was said twice."""


@dataclass
class Place:
    """How far a page has got in a topic."""

    had: int
    told: int = 0
    """Up to there updates may be missing."""
    dropped: int = 0
    """Lines that the last gap said are missing, until what comes after it is there."""


@dataclass(frozen=True)
class Hole:
    """Lines between these two ids, both of which the page has, may be missing; `told` is how many, None for any."""

    after: int
    before: int
    told: int | None


class LivePage:
    """Feed it with `hear`; call `connected` when it has a new connection."""

    def __init__(self, *, keeps_lines: bool = True) -> None:
        self.epoch: str | None = None
        self.places: dict[str, Place] = {}
        self.began: dict[str, int] = {}
        """Where its last snapshot was, by topic."""
        self.fleet: Message = {"default_bot": None, "bots": []}
        self.runners: list[Message] = []
        self.operator: Message = {}
        self.stats: Any = None
        """Null when there is no such bot."""
        self.lines: dict[int, str] = {}
        """Of the followed bot, by id."""
        self.holes: list[Hole] = []
        self.counts = {"snapshot": 0, "resumed": 0, "gap": 0, "lines": 0, "dropped": 0}
        """`lines` came in updates since the last snapshot, and `dropped` were said to be missing meanwhile."""
        self._keeps_lines = keeps_lines
        self._begun = False
        self._last_id = 0
        self._told = 0
        """Lines that are missing after the last one."""
        self._closing = False

    # The connection.

    def connected(self) -> None:
        self._begun = self._closing = False
        for place in self.places.values():
            place.told = place.dropped = 0

    def resume(self) -> Message | None:
        """What it says when it comes back."""
        if self.epoch is None:
            return None
        return {"epoch": self.epoch, "positions": {topic: place.had for topic, place in self.places.items()}}

    def hear(self, message: Message) -> None:
        """Raises UntoldGap."""
        kind, data = message["type"], message["data"]
        if self._closing:
            raise UntoldGap(f"after goaway came {kind}")
        if not self._begun and kind not in ("snapshot", "resumed", "goaway"):
            raise UntoldGap(f"a connection began with {kind}")
        match kind:
            case "snapshot":
                self._begin(message["epoch"], data)
            case "resumed":
                self._go_on(message["epoch"], data)
            case "gap":
                self._mind(data)
            case "goaway":
                self._closing = True
            case "heartbeat":
                pass
            case _:
                self._update(message)

    # Messages.

    def _begin(self, epoch: str, data: Message) -> None:
        self._begun, self.epoch = True, epoch
        self.counts["snapshot"] += 1
        self.counts["lines"] = self.counts["dropped"] = 0
        self.began = data["positions"]
        self.places = {topic: Place(seq) for topic, seq in self.began.items()}
        self.fleet, self.runners, self.operator = data["fleet"], data["runners"], data["operator"]
        stats = data["stats"]
        if stats is None or self.stats is None or stats["bot"] != self.stats["bot"]:
            self._forget_lines()
        self.stats = stats and {**stats, "recent_logs": None}
        self._add(stats["recent_logs"] if stats else [], told=None)

    def _forget_lines(self) -> None:
        self.lines, self.holes, self._last_id, self._told = {}, [], 0, 0

    def _go_on(self, epoch: str, data: Message) -> None:
        if self._begun or epoch != self.epoch:
            raise UntoldGap("resumed, but not what this page had")
        self._begun = True
        self.counts["resumed"] += 1
        self.operator = data["operator"]

    def _mind(self, gap: Message) -> None:
        place = self.places.get(gap["topic"])
        if place is None:
            raise UntoldGap(f"a gap in {gap['topic']}, which this page does not follow")
        if gap["to"] <= place.had:
            raise UntoldGap(f"a gap up to {gap['to']}, where this page is at {place.had}")
        if place.dropped:
            raise UntoldGap("a gap was told twice")
        self.counts["gap"] += 1
        place.told, place.dropped = gap["to"], gap["dropped"]

    def _update(self, message: Message) -> None:
        topic, seq = message["topic"], message["seq"]
        place = self.places.get(topic)
        if place is None:
            raise UntoldGap(f"an update of {topic}, which this page does not follow")
        if message["epoch"] != self.epoch:
            raise UntoldGap("an update of another deck")
        if seq <= place.had:
            raise UntoldGap(f"{topic} {seq} came again after {place.had}")
        if seq > max(place.had, place.told) + 1:
            raise UntoldGap(f"{topic} {seq} after {place.had}, and a gap was told up to {place.told}")
        missing, place.had, place.dropped = place.dropped, seq, 0
        self._apply(message["type"], message["data"], missing)

    def _apply(self, kind: str, data: Message, missing: int) -> None:
        match kind:
            case "bot_status":
                self.fleet["bots"] = [data if bot["bot"] == data["bot"] else bot for bot in self.fleet["bots"]]
            case "bot_list":
                self.fleet = data
            case "samples":
                self._sampled(data)
            case "runners":
                self.runners = data["runners"]
            case "dashboard_stats":
                self.stats = data
            case "log":
                self.counts["lines"] += len(data["lines"])
                self.counts["dropped"] += missing + data["dropped"]
                self._add(data["lines"], told=missing + data["dropped"])
            case _:
                raise UntoldGap(f"an update of the unknown kind {kind}")

    def _sampled(self, data: Message) -> None:
        samples = {sample["bot"]: sample for sample in data["samples"]}
        self.fleet["bots"] = [
            {**bot, "sample": samples.get(bot["bot"])} if bot["runner"] == data["runner"] else bot
            for bot in self.fleet["bots"]
        ]

    def _add(self, lines: list[Message], *, told: int | None) -> None:
        if not self._keeps_lines:
            return
        self._told += told or 0
        if not lines:
            return
        first = lines[0]["id"]
        if self._last_id and first > self._last_id + 1 and (told is None or self._told):
            self.holes.append(Hole(self._last_id, first, None if told is None else self._told))
        self._told = 0
        self.lines.update((line["id"], line["text"]) for line in lines)
        self._last_id = max(self._last_id, lines[-1]["id"])

    # What it shows.

    def recent(self) -> list[int]:
        """Ids of the last lines, as many as a snapshot has."""
        return sorted(self.lines)[-RECENT_LINES:]

    def untold(self, stored: Iterable[int]) -> list[int]:
        """Of the ids of the bot's stored lines, oldest first, those that it misses and nobody said so."""
        lines, holes = self.lines, iter(self.holes)
        first, last = min(lines, default=0), max(lines, default=0)
        missing, hole, left = [], next(holes, None), 0
        for number in stored:
            if number in lines or not first < number < last:
                continue
            while hole and hole.before < number:
                hole, left = next(holes, None), 0
            if hole is None or number < hole.after:
                missing.append(number)
            elif hole.told is not None:
                left += 1
                if left > hole.told:
                    missing.append(number)
        return missing

    def state(self) -> Message:
        """All but the lines, to compare with that of another page; of ages only whether there is one."""
        stats = self.stats and {**self.stats, "recent_logs": None}
        state: Message = timeless({"fleet": self.fleet, "runners": self.runners, "stats": stats})
        return state

    def view(self) -> Message:
        """With the last lines, for a page that missed none."""
        return self.state() | {"lines": self.recent()}


def timeless(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: item is not None if key in _AGES else timeless(item) for key, item in value.items()}
    return [timeless(item) for item in value] if isinstance(value, list) else value
