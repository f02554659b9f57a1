"""What the story does not play with slack-bolt: other kinds of commands, what is no message, and ways to lose Slack."""

from collections.abc import Iterator
from contextlib import closing
from typing import Any
from urllib.parse import urlencode
from urllib.request import urlopen

import pytest

from botdeck.testing.slack import CHANNEL_ID, TEAM_ID, FakeSlack

from .irc_world import World, free_port, wait_for
from .story.server import answers
from .story.stage import Environment

pytestmark = pytest.mark.process

BOT = """\
import os
from slack_bolt import App
from slack_bolt.adapter.socket_mode import SocketModeHandler
from slack_sdk import WebClient

app = App(client=WebClient(token="xoxb-1", base_url=os.environ["SLACK_API_URL"]))

@app.message("good morning")
def greet(say):
    say("morning")

@app.message("!roll")
def roll(say):
    say("4")

@app.message("stumble")
def stumble(say):
    raise KeyError("a listener")

@app.event("app_mention")
def mentioned(say):
    say("yes?")

@app.action("approve")
def approve(ack, say):
    ack()
    say("approved")

@app.command("/hasty")
def hasty(ack):
    ack()
    raise ValueError("before Bolt saw the receipt")

@app.event("reaction_added")
def reacted(event):
    raise ValueError("no command")

@app.event("message")
def rest():
    pass

SocketModeHandler(app, "xapp-1", ping_interval=1).start()
"""

WEB_BOT = """\
import os
from slack_bolt import App
from slack_sdk import WebClient

app = App(
    client=WebClient(token="xoxb-1", base_url=os.environ["SLACK_API_URL"]),
    signing_secret="any", request_verification_enabled=False,
)

@app.command("/ping")
def ping(ack):
    ack("pong")

app.start(port=int(os.environ["PORT"]))
"""


@pytest.fixture
def slack() -> Iterator[FakeSlack]:
    with FakeSlack() as slack:
        yield slack


@pytest.fixture
def world(slack: FakeSlack) -> Iterator[World]:
    with closing(World()) as world:
        script = world.home / "bot.py"
        script.write_text(BOT)
        command = [Environment("slack-bolt").python(), str(script)]
        world.start("bot", command, env={"SLACK_API_URL": slack.api_url}, autoload=True)
        slack.wait_for_bot()
        yield world


def told(world: World, event: str, *fields: str) -> list[tuple[Any, ...]]:
    return [tuple(each.get(field) for field in fields) for each in world.events("bot", event)]


def test_listeners_that_wait_for_something_are_commands(world: World, slack: FakeSlack) -> None:
    pressed = {"type": "block_actions", "actions": [{"action_id": "approve", "block_id": "b", "type": "button"}]}
    where = {"team": {"id": TEAM_ID}, "channel": {"id": CHANNEL_ID}, "response_url": f"{slack.api_url}response"}
    who = {"user": {"id": slack.user_id("ann"), "username": "ann"}}

    slack.say("ann", "good morning all")
    slack.wait_to_hear("morning")
    slack.say("ann", "!roll 2d6")
    slack.wait_to_hear("4")
    slack.tell({"type": "app_mention", "user": slack.user_id("ann"), "text": "<@U0BOT> are you there?"})
    slack.wait_to_hear("yes?")
    slack.send("interactive", {**pressed, **where, **who})
    slack.wait_to_hear("approved")
    world.wait_for_events("bot", "command.finished", 4)

    assert told(world, "command.started", "command.name", "kind") == [
        ("greet", "handler"),
        ("roll", "prefix"),
        ("mentioned", "mention"),
        ("approve", "action"),
    ]
    assert {user for (user,) in told(world, "command.started", "user.id")} == {f"slack:{TEAM_ID}/U1001"}
    assert told(world, "user.seen", "user.name") == [("ann",)]
    assert {outcome for (outcome,) in told(world, "command.finished", "outcome")} == {"ok"}
    assert not world.events("bot", "telemetry.error")


def test_only_what_others_write_is_a_message(world: World, slack: FakeSlack) -> None:
    slack.say("ann", "one")
    slack.tell({"subtype": "message_changed", "message": {"user": "U1001", "text": "uno"}})
    slack.tell({"subtype": "channel_join", "user": "U1001", "text": "has joined"})
    slack.tell({"subtype": "bot_message", "bot_id": "B2", "text": "I am a bot"})
    slack.say("ann", "!roll")
    slack.wait_to_hear("4")
    slack.say("ann", "good morning")
    slack.wait_to_hear("morning")
    world.wait_for_events("bot", "message.sent", 2)
    wait_for(lambda: len(world.events("bot", "message.received")) >= 4, "four messages")

    received = told(world, "message.received", "user.id", "user.bot", "size")
    ann = f"slack:{TEAM_ID}/U1001"
    assert sorted(received, key=str) == sorted(
        [(ann, None, 3), (f"slack:{TEAM_ID}/B2", True, 10), (ann, None, 5), (ann, None, 12)], key=str
    )


def test_what_a_listener_raises_is_an_error_of_a_command_or_of_the_bot(world: World, slack: FakeSlack) -> None:
    slack.say("ann", "stumble")
    slack.tell({"type": "reaction_added", "user": slack.user_id("ann"), "reaction": "wave"})

    (error,) = world.wait_for_events("bot", "error")
    (command,) = world.wait_for_events("bot", "command.finished")
    assert (error["exception.type"], error["where"]) == ("ValueError", "reacted")
    assert (command["command.name"], command["outcome"], command["exception.type"]) == ("stumble", "error", "KeyError")


def test_a_command_without_a_receipt_is_not_unknown(world: World, slack: FakeSlack) -> None:
    slack.call("ann", "/hasty")
    # Whether Bolt sees the receipt before the fault, or waits for it in vain, is a race between its threads.
    world.wait_for_events("bot", "command.finished")
    slack.call("ann", "/nosuch")

    (unknown,) = world.wait_for_events("bot", "command.unknown")
    (command,) = world.events("bot", "command.finished")
    assert (unknown["command.name"], command["command.name"], command["outcome"]) == ("nosuch", "hasty", "error")


def test_a_message_that_slack_refuses_was_not_sent(world: World, slack: FakeSlack) -> None:
    slack.refusals["chat.postMessage"] = "channel_not_found"
    slack.say("ann", "!roll")

    (command,) = world.wait_for_events("bot", "command.finished")
    (refused,) = world.events("bot", "api.error")
    assert command["exception.type"].endswith("SlackApiError")
    assert (refused["url.template"], refused["error.type"]) == ("chat.postMessage", "channel_not_found")
    assert not world.events("bot", "message.sent")


def test_a_connection_lost_without_a_word_is_told_and_one_that_slack_changes_is_not(
    world: World, slack: FakeSlack
) -> None:
    world.wait_for_events("bot", "gateway.ready")
    slack.refresh()
    slack.wait_until(
        lambda: len([1 for method, _ in slack.calls if method == "apps.connections.open"]) == 2, "a change"
    )
    slack.wait_for_bot()
    slack.say("ann", "!roll")
    slack.wait_to_hear("4")
    before = [event["event"] for event in world.events("bot") if event["event"].startswith("gateway.")]
    slack.drop()

    world.wait_for_events("bot", "gateway.ready", 2)
    assert before == ["gateway.ready"]
    assert len(world.events("bot", "gateway.disconnect")) == 1
    assert not world.events("bot", "telemetry.error")


def test_an_app_that_slack_calls_by_http_is_counted_as_well(slack: FakeSlack) -> None:
    port = free_port()
    with closing(World()) as world:
        (world.home / "bot.py").write_text(WEB_BOT)
        env = {"SLACK_API_URL": slack.api_url, "PORT": str(port)}
        world.start("bot", [Environment("slack-bolt").python(), str(world.home / "bot.py")], env=env, autoload=True)
        wait_for(lambda: answers(port), "the app's server")
        called = {"command": "/ping", "user_id": "U1", "user_name": "ann", "team_id": "T1", "channel_id": "C1"}
        with urlopen(f"http://127.0.0.1:{port}/slack/events", urlencode(called).encode()) as answer:
            assert answer.read() == b"pong"

        (command,) = world.wait_for_events("bot", "command.finished")
        (sent,) = world.wait_for_events("bot", "message.sent")
        assert (command["command.name"], command["outcome"], sent["size"]) == ("ping", "ok", 4)
        assert not {"heartbeat", "telemetry.error"} & {event["event"] for event in world.events("bot")}
