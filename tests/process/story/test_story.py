"""The same story with every library, unchanged and autoloaded: what Botdeck is told is what happened."""

import itertools
from collections import Counter

import pytest

from .stage import DEADLINE_S
from .stages import STAGES
from .story import COMMANDS, SAID, Mode, Played, play, played

pytestmark = [pytest.mark.process, pytest.mark.timeout(10 * DEADLINE_S)]
NAMES = [stage.name for stage in STAGES]
CALLERS = {"ann": 2, "bob": 3}
"""Who gives how many of COMMANDS."""
NOTE_IS_WITHIN_MS = 20


@pytest.fixture(params=NAMES, scope="module")
def story(request: pytest.FixtureRequest) -> Played:
    return played(request.param, Mode.AUTOLOAD)


def test_the_bot_is_introduced_first_and_connected_then(story: Played) -> None:
    started = story.events[0]

    assert started["event"] == "bot.started"
    assert started["framework"]
    assert started["framework.version"][0].isdigit()
    connected = [beat.get("gateway.connected") for beat in story.told("heartbeat")]
    assert True in connected
    if story.stage.resumes:
        assert [each["event"] for each in story.events if each["event"].startswith("gateway.")] == [
            "gateway.ready",
            "gateway.disconnect",
            "gateway.ready",
        ]
        assert False in connected[connected.index(True) :]
        assert connected[-1] is True


def test_every_message_is_counted_for_who_wrote_it(story: Played) -> None:
    received = story.told("message.received")

    expected = Counter(story.stage.user_id(person) for person, _ in SAID)
    if story.stage.commands_are_messages:
        expected.update({story.stage.user_id(person): number for person, number in CALLERS.items()})
    assert Counter(message["user.id"] for message in received) == expected
    sizes = [len(text.encode()) * story.stage.hears_text for _, text in SAID]
    assert [message["size"] for message in received[: len(SAID)]] == sizes
    assert {message["chat.platform"] for message in received} == {story.stage.platform}
    assert len({message["chat.channel.id"] for message in received}) == 1
    if story.stage.tells_message_ids:
        assert len({message["chat.message.id"] for message in received}) == len(received)


def test_everybody_is_seen_once_by_name(story: Played) -> None:
    seen = story.told("user.seen")

    assert sorted(each["user.id"] for each in seen) == sorted(map(story.stage.user_id, ("ann", "bob")))
    assert {each["user.name"].lower() for each in seen} == {"ann", "bob"}


def test_what_the_bot_said_is_counted(story: Played) -> None:
    sent = story.told("message.sent")

    assert story.heard == ["pong", *story.stage.says_when_it_fails, "working", "done", "pong"]
    assert [message["size"] for message in sent] == [len(text.encode()) for text in story.heard]
    assert {message["chat.platform"] for message in sent} == {story.stage.platform}


def test_commands_have_their_outcomes(story: Played) -> None:
    finished = story.told("command.finished")

    assert [(command["command.name"], command["outcome"]) for command in finished] == list(story.stage.outcomes)
    assert all(command["duration_ms"] >= 0 for command in finished)
    unknown = [command["command.name"] for command in story.told("command.unknown")]
    assert unknown == (["nosuch"] if story.stage.tells_unknown_commands else [])


def test_a_command_begins_and_ends_under_one_id(story: Played) -> None:
    started = story.told("command.started")

    ids = [command["id"] for command in started]
    assert len(set(ids)) == len(ids)
    assert sorted(ids) == sorted(command["id"] for command in story.told("command.finished"))
    assert {command["kind"] for command in started} == {story.stage.kind}
    callers = [command["user.id"] for command in started if command["command.name"] in COMMANDS[:2]]
    assert callers == [story.stage.user_id(person) for person in ("ann", "bob", "bob")]


def test_an_exception_is_told_once_with_its_message(story: Played) -> None:
    with_exception = [each for each in story.events if "exception.type" in each and each["event"] != "log"]

    (failed,) = with_exception
    assert (failed["exception.type"], failed["exception.message"]) == ("LookupError", "no such thing")
    assert story.stage.raises in failed["exception.stacktrace"]


def test_a_slow_command_took_as_long_as_the_bot_says(story: Played) -> None:
    # A busy machine may hold the bot up between its own note and the end of its command, which both are right then.
    again = (play(story.stage.name, Mode.AUTOLOAD) for _ in range(4))

    assert any(_is_within(NOTE_IS_WITHIN_MS, each) for each in itertools.chain([story], again))


def _is_within(most_ms: int, story: Played) -> bool:
    (slow,) = [each for each in story.told("command.finished") if each["command.name"] == "slow"]
    assert story.slow_ms >= 300
    return bool(abs(slow["duration_ms"] - story.slow_ms) <= most_ms)


def test_nothing_went_wrong_in_the_sdk(story: Played) -> None:
    assert not story.told("telemetry.error")
    assert not story.told("telemetry.dropped")
