"""The golden messages of the live channel, which the front end reads too, are messages that the deck could send."""

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter

from botdeck.deck.messages import ServerMessage

GOLDEN = sorted((Path(__file__).parents[1] / "golden" / "live").glob("*.json"))
MESSAGE: TypeAdapter[Any] = TypeAdapter(ServerMessage)


def messages(path: Path) -> list[dict[str, Any]]:
    golden = json.loads(path.read_text("utf-8"))
    after = golden.get("same_as")
    return [*golden["messages"], *([after] if after else [])]


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_a_golden_message_has_exactly_the_fields_that_the_deck_sends(path: Path) -> None:
    for message in messages(path):
        sent = json.loads(MESSAGE.dump_json(MESSAGE.validate_python(message)))

        assert _without_times(sent) == _without_times(message)


def test_every_kind_of_message_is_among_the_golden_ones() -> None:
    kinds = {message["type"] for path in GOLDEN for message in messages(path)}

    assert kinds == {
        "snapshot",
        "resumed",
        "gap",
        "goaway",
        "dashboard_stats",
        "bot_status",
        "bot_list",
        "log",
        "samples",
        "runners",
        "heartbeat",
    }


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_golden_updates_are_of_their_topic_and_leave_out_only_what_a_gap_told_of(path: Path) -> None:
    had: dict[str, int] = {}
    told: dict[str, int] = {}
    for message in json.loads(path.read_text("utf-8"))["messages"]:
        if message["type"] == "snapshot":
            had, told = dict(message["data"]["positions"]), {}
        elif message["type"] == "gap":
            told[message["data"]["topic"]] = message["data"]["to"]
        elif "seq" in message:
            topic, seq = message["topic"], message["seq"]
            assert topic == _topic(message)
            assert had[topic] < seq <= max(had[topic], told.get(topic, 0)) + 1
            had[topic] = seq


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_a_golden_snapshot_has_the_positions_of_the_bot_that_it_is_of(path: Path) -> None:
    for message in messages(path):
        if message["type"] == "snapshot":
            stats = message["data"]["stats"]
            followed = {f"bot/{stats['bot']}", f"log/{stats['bot']}"} if stats else set()

            assert set(message["data"]["positions"]) == {"overview"} | followed


def _topic(message: dict[str, Any]) -> str:
    prefix = {"dashboard_stats": "bot", "log": "log"}.get(message["type"])
    return f"{prefix}/{message['data']['bot']}" if prefix else "overview"


def _without_times(value: Any) -> Any:
    """Times may be written in more than one way (.000Z, Z); that they are there is enough."""
    times = {"timestamp", "since", "started_at", "time"}
    if isinstance(value, dict):
        return {key: (item and "a time") if key in times else _without_times(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_without_times(item) for item in value]
    return value
