"""The hub: hands each message to every browser it concerns. Publishing never waits for any of them."""

from collections.abc import Sequence

from botdeck.deck.clock import Clock
from botdeck.deck.envelopes import Envelope, Envelopes
from botdeck.deck.live_client import LiveClient, Wire
from botdeck.deck.messages import SampleList
from botdeck.models import BotList, BotStatus, DashboardStats, LogLine, Operator, RunnerStatus

SIGN_IN = 4401


class ConnectionManager:
    def __init__(self, envelopes: Envelopes, clock: Clock) -> None:
        self._envelopes = envelopes
        self._clock = clock
        self._clients: set[LiveClient] = set()

    def connect(self, wire: Wire, operator: Operator, session: str | None) -> LiveClient:
        client = LiveClient(wire, operator=operator, session=session, encode_log=self._encode_log)
        self._clients.add(client)
        return client

    def disconnect(self, client: LiveClient) -> None:
        self._clients.discard(client)

    def watched(self) -> set[str]:
        """The bots that some browser is subscribed to."""
        return {client.topic for client in self._clients if client.topic is not None}

    def broadcast_dashboard_stats(self, stats: DashboardStats) -> None:
        """To those subscribed to the bot."""
        self._to_topic(stats.bot, self._envelopes.stats(stats, self._clock.now()))

    def broadcast_bot_status(self, status: BotStatus) -> None:
        """To everyone."""
        self._to_all(self._envelopes.status(status, self._clock.now()))

    def broadcast_bot_list(self, bots: BotList) -> None:
        """To everyone; who follows the default bot and gets another one now, gets a new snapshot."""
        self._to_all(self._envelopes.bot_list(bots, self._clock.now()))
        for client in self._clients:
            if client.follows_default and client.topic != bots.default_bot:
                client.resubscribe.set()

    def broadcast_samples(self, samples: SampleList) -> None:
        """To everyone."""
        self._to_all(self._envelopes.samples(samples, self._clock.now()))

    def broadcast_runners(self, runners: list[RunnerStatus]) -> None:
        """To everyone."""
        self._to_all(self._envelopes.runners(runners, self._clock.now()))

    def broadcast_log(self, bot: str, lines: Sequence[LogLine], dropped: int = 0) -> None:
        """To those subscribed to the bot; `dropped` lines before these were left out for all."""
        if bot in self.watched():
            self._to_topic(bot, self._encode_log(bot, lines, dropped))

    def broadcast_heartbeat(self) -> None:
        self._to_all(self._envelopes.heartbeat(self._clock.now()))

    def end_session(self, session: str) -> None:
        """Its browsers are told to sign in."""
        for client in self._clients:
            if client.session == session:
                client.end(SIGN_IN, "You signed out.")

    def _encode_log(self, bot: str, lines: Sequence[LogLine], dropped: int) -> Envelope:
        return self._envelopes.log(bot, lines, self._clock.now(), dropped)

    def _to_all(self, envelope: Envelope) -> None:
        for client in self._clients:
            client.put(envelope)

    def _to_topic(self, bot: str, envelope: Envelope) -> None:
        for client in self._clients:
            if client.topic == bot:
                client.put(envelope)
