"""The hub: hands each message to every browser it concerns. Publishing never waits for any of them.

What is published is noted, encoded and written at most every FLUSH_GAP_S, the first at once: so a storm costs what its
last state costs. All that is due goes to a browser in one write. docs/protocol.md tells what goes over the channel.
"""

import asyncio
import itertools
import logging
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from botdeck.deck.audience import Audience, Connection, LiveClient, Shard
from botdeck.deck.envelopes import PING, Envelopes, encoded, log_data
from botdeck.deck.messages import Gap, Resume, RunnerList, SampleList
from botdeck.deck.topics import OVERVIEW, POLICIES, Tail, Topic, Update, bot_topic, in_writes, log_topic
from botdeck.models import BotList, BotStatus, DashboardStats, LogLine, Operator, RunnerStatus

SIGN_IN = 4401
FLUSH_GAP_S = 0.016
LOG_FRAME_CHARACTERS = 32 * 1024
"""Of lines in one message, unless a single line is longer: whoever is slow is left with half a message at most."""
_LINE_CHARACTERS = 160
"""Of a line without its text."""
WRITE_BYTES = 64 * 1024
"""One write, unless a single message is longer. What a browser does not take of it waits with the deck."""
KEPT_EMPTY_S = 60.0
"""So long after the last browser of a bot went, what is published is kept for those who come back."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Due:
    """Published, and not encoded yet."""

    topic: Topic
    kind: str
    key: str
    data: Callable[[], bytes]
    lines: int


@dataclass(frozen=True, slots=True, eq=False)
class _Write:
    """To those of a shard that are ready; `advance` is how far they get with it."""

    shard: Shard
    data: bytes
    advance: dict[str, int]


class ConnectionManager:
    def __init__(self, envelopes: Envelopes) -> None:
        self._envelopes = envelopes
        self._clients: set[LiveClient] = set()
        self._audiences: dict[str | None, Audience] = {}
        """By bot; None for those who follow none."""
        self._topics: dict[str, Topic] = {}
        """Of the audiences, by name."""
        self._published = 0
        """Grows by one with each update and each topic. A topic begins here, so that no position of an earlier topic of
        that name makes sense in it."""
        self._due: dict[tuple[str, str, str], _Due] = {}
        self._batches = itertools.count()
        self._writes: deque[_Write] = deque()
        self._timer: asyncio.Handle | None = None
        self._flushed_at = float("-inf")

    # Who is there.

    @property
    def clients(self) -> Collection[LiveClient]:
        """All of them, as they are now."""
        return tuple(self._clients)

    def connect(self, connection: Connection, operator: Operator, session: str | None) -> LiveClient:
        """It gets nothing before it follows."""
        now = asyncio.get_running_loop().time()
        client = LiveClient(connection, operator, session, now=now, catch_up=self._catch_up)
        self._clients.add(client)
        return client

    def disconnect(self, client: LiveClient) -> None:
        client.lost()
        self._clients.discard(client)

    def follow(self, client: LiveClient, bot: str | None, first: bytes, positions: dict[str, int]) -> None:
        """Write the frame `first` to it, then whatever comes after the positions (those of another topic do not
        count), from now on as it is published. Nothing happens if it went meanwhile."""
        if client.gone:
            return
        client.leave()
        audience = self._audience(bot)
        client.bot = bot
        audience.join(client, {topic.name: positions.get(topic.name, topic.seq) for topic in audience.topics})
        client.connection.write(first)
        self._catch_up(client)

    def positions(self, bot: str | None) -> dict[str, int]:
        """How far the topics of a bot have got. From now on they are kept, so that whoever reads a snapshot meanwhile
        can catch up from here."""
        return {topic.name: topic.seq for topic in self._audience(bot).topics}

    def can_resume(self, bot: str | None, resume: Resume) -> bool:
        """Whether all that came after these positions is still kept, or told as a gap."""
        audience = self._audiences.get(bot)
        if audience is None or resume.epoch != self._envelopes.epoch:
            return False
        return all(topic.knows(resume.positions.get(topic.name, -1)) for topic in audience.topics)

    def watched(self) -> set[str]:
        """The bots that some browser follows, or followed lately."""
        return {bot for bot in self._audiences if bot is not None}

    def is_watched(self, bot: str) -> bool:
        return bot in self._audiences

    def end_session(self, session: str, reason: str) -> None:
        """Its browsers are told to sign in."""
        for client in self.clients:
            if client.session == session:
                client.connection.part(SIGN_IN, reason)

    def forget_empty_audiences(self, now: float) -> None:
        """`now` is of the event loop's clock."""
        for bot, audience in list(self._audiences.items()):
            if audience.members:
                audience.empty_since = None
            elif audience.empty_since is None:
                audience.empty_since = now
            elif now - audience.empty_since > KEPT_EMPTY_S:
                del self._audiences[bot]
        kept = {topic.name for audience in self._audiences.values() for topic in audience.topics}
        self._topics = {name: topic for name, topic in self._topics.items() if name in kept}

    # What is published.

    def broadcast_dashboard_stats(self, stats: DashboardStats) -> None:
        """To those who follow the bot."""
        self._publish(bot_topic(stats.bot), "dashboard_stats", "", partial(encoded, DashboardStats, stats))

    def broadcast_bot_status(self, status: BotStatus) -> None:
        """To everyone."""
        self._publish(OVERVIEW, "bot_status", status.bot, partial(encoded, BotStatus, status))

    def broadcast_bot_list(self, bots: BotList) -> None:
        """To everyone; who follows another bot now than before is woken, to get a new snapshot."""
        self._publish(OVERVIEW, "bot_list", "", partial(encoded, BotList, bots))
        names = {status.bot for status in bots.bots}
        for client in self._clients:
            wish = client.wish or bots.default_bot
            if client.bot != (wish if wish in names else None):
                client.connection.wake()

    def broadcast_samples(self, samples: SampleList) -> None:
        """To everyone."""
        self._publish(OVERVIEW, "samples", samples.runner, partial(encoded, SampleList, samples))

    def broadcast_runners(self, runners: list[RunnerStatus]) -> None:
        """To everyone."""
        self._publish(OVERVIEW, "runners", "", partial(encoded, RunnerList, RunnerList(runners=runners)))

    def broadcast_log(self, bot: str, lines: Sequence[LogLine], dropped: int = 0) -> None:
        """To those who follow the bot; `dropped` lines before these were left out for all."""
        for part in _in_batches(lines):
            self._publish(log_topic(bot), "log", "", partial(log_data, bot, part, dropped), len(part) + dropped)
            dropped = 0

    def broadcast_heartbeat(self, *, part: int, of: int) -> None:
        """With a ping, to every `of`th shard: thousands of pongs at once would hold up everything else."""
        data = PING + self._envelopes.heartbeat()
        for audience in self._audiences.values():
            self._enqueue([shard for shard in audience.shards if shard.number % of == part], data, {})

    def _publish(self, topic_name: str, kind: str, key: str, data: Callable[[], bytes], lines: int = 0) -> None:
        topic = self._topics.get(topic_name)
        if topic is None:
            return  # nobody is there, nor was lately
        policy = POLICIES[kind]
        if isinstance(policy, Tail):
            key = str(next(self._batches))
        elif policy.supersedes:
            self._due = {one: due for one, due in self._due.items() if one[1] not in policy.supersedes}
        # To the end, not in the older one's place: it must not overtake what came between.
        self._due.pop((topic_name, kind, key), None)
        self._due[topic_name, kind, key] = _Due(topic, kind, key, data, lines)
        self._schedule()

    def _schedule(self) -> None:
        if self._timer is None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_at(max(loop.time(), self._flushed_at + FLUSH_GAP_S), self._on_time)

    def _on_time(self) -> None:
        self._timer = None
        if self._writes:
            return  # busy with an earlier flush; when that is done, this is the next
        self._encode_due()

    def _encode_due(self) -> None:
        due, self._due = self._due, {}
        self._flushed_at = asyncio.get_running_loop().time()
        updates = [(one.topic, update) for one in due.values() if (update := self._encode(one))]
        for audience in self._audiences.values():
            theirs = [(topic.name, update) for topic, update in updates if topic in audience.topics]
            for part in in_writes(theirs, WRITE_BYTES):
                data = b"".join(update.frame for _, update in part)
                self._enqueue(audience.shards, data, {name: update.seq for name, update in part})

    def _encode(self, due: _Due) -> Update | None:
        topic = due.topic
        try:
            data = due.data()
        except Exception:
            # One message that cannot be written must not still all pages.
            _log.exception("A message of the kind %s could not be encoded; it is passed over", due.kind)
            if not due.lines:
                return None
            data = log_data(topic.name.removeprefix(log_topic("")), [], due.lines)
        self._published += 1
        return topic.add(
            due.kind, due.key, lambda seq: self._envelopes.update(due.kind, topic.name, seq, data), due.lines
        )

    def _enqueue(self, shards: Iterable[Shard], data: bytes, advance: dict[str, int]) -> None:
        idle = not self._writes
        self._writes += [_Write(shard, data, advance) for shard in shards if shard.ready]
        if idle and self._writes:
            asyncio.get_running_loop().call_soon(self._write_some)

    def _write_some(self) -> None:
        """One write of a shard, then others have their turn."""
        write = self._writes.popleft() if self._writes else None
        # Before the write: should that raise, the others still get theirs.
        if self._writes:
            asyncio.get_running_loop().call_soon(self._write_some)
        elif self._due:
            self._schedule()
        if write:
            write.shard.write(write.data, write.advance)

    def _finish(self, shard: Shard) -> None:
        """What is on its way to a shard gets there now."""
        for write in [one for one in self._writes if one.shard is shard]:
            self._writes.remove(write)
            shard.write(write.data, write.advance)

    # Those who are behind.

    def _catch_up(self, client: LiveClient) -> None:
        """Write what it missed, as far as its connection takes it. What is left out is told."""
        if client.shard:
            self._finish(client.shard)
        while client.shard and client.behind is not None and not client.connection.waiting_bytes:
            audience = self._audiences[client.bot]
            if not all(topic.knows(client.behind[topic.name]) for topic in audience.topics):
                client.connection.abort()  # so slow that its gap cannot be told: it gets a snapshot when it comes back
                return
            gaps, updates = self._missed(audience, client.behind)
            part = next(in_writes(updates, WRITE_BYTES), None)
            if part is None:
                client.shard.caught_up(client)
                return
            advance = {name: update.seq for name, update in part}
            # The gap of a topic of which nothing fits in is told with the next part, and once.
            told = [gap for name, gap in gaps.items() if name in advance]
            client.behind |= advance
            client.connection.write(b"".join([*told, *(update.frame for _, update in part)]))

    def _missed(
        self, audience: Audience, positions: dict[str, int]
    ) -> tuple[dict[str, bytes], list[tuple[str, Update]]]:
        """The gaps to tell, by topic, and what comes after them."""
        gaps, updates = {}, []
        for topic in audience.topics:
            seq = positions[topic.name]
            missed = topic.since(seq)
            if len(missed.updates) < topic.seq - seq:
                gap = Gap(topic=topic.name, to=topic.seq, dropped=missed.dropped)
                gaps[topic.name] = self._envelopes.gap(gap)
            updates += [(topic.name, update) for update in missed.updates]
        return gaps, updates

    def _audience(self, bot: str | None) -> Audience:
        audience = self._audiences.get(bot)
        if audience is None:
            names = [OVERVIEW] if bot is None else [OVERVIEW, bot_topic(bot), log_topic(bot)]
            audience = self._audiences[bot] = Audience(tuple(map(self._topic, names)))
        return audience

    def _topic(self, name: str) -> Topic:
        if name not in self._topics:
            self._published += 1
            self._topics[name] = Topic(name, self._published)
        return self._topics[name]


def _in_batches(lines: Sequence[LogLine]) -> Iterator[Sequence[LogLine]]:
    start = size = 0
    for index, line in enumerate(lines):
        length = len(line.text) + _LINE_CHARACTERS
        if size and size + length > LOG_FRAME_CHARACTERS:
            yield lines[start:index]
            start, size = index, 0
        size += length
    if start < len(lines):
        yield lines[start:]
