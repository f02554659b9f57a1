"""Calls of language models are events like any other: from the bot to the deck's batch, `gen_ai.*` as it came."""

from datetime import UTC, datetime
from pathlib import Path

from botdeck.deck import batches
from botdeck.protocol.frames import Data
from botdeck.sdk.client import Client
from botdeck.sdk.writer import FileWriter

CALL = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "anthropic",
    "gen_ai.request.model": "claude-sonnet-4-5",
    "gen_ai.response.finish_reasons": ["stop"],
    "gen_ai.usage.input_tokens": 1290,
    "gen_ai.usage.output_tokens": 211,
    "gen_ai.something.of.next.year": {"kept": True},
    "duration_ms": 812.5,
}


def test_the_deck_keeps_a_call_of_a_language_model_as_the_bot_told_it(tmp_path: Path) -> None:
    events = tmp_path / "events"
    now = datetime(2026, 11, 22, tzinfo=UTC)
    Client(FileWriter(str(events)), run="r1").emit("llm.call", CALL)

    data = Data(stream="greeter/r1/events", offset=0, time=now, final=True, payload=events.read_bytes())
    batch = batches.of_events(data, b"", now)

    assert [event.event for event in batch.events] == ["bot.started", "llm.call"]
    assert batch.events[-1].fields == CALL
