"""Commands: started before they run, finished with how it went."""

import asyncio
import logging
import sys
from collections.abc import Callable
from typing import Any

import pytest

import botdeck

from .test_sdk_client import Recorder, recorder

__all__ = ["recorder"]


def finished(recorder: Recorder) -> dict[str, Any]:
    assert recorder.lines[-1]["event"] == "command.finished"
    return recorder.lines[-1]


def test_a_command_is_told_before_it_runs_and_after(recorder: Recorder) -> None:
    with botdeck.command("ping", user_id="irc:x/ann", kind="prefix", **{"chat.channel.id": "#deck"}):
        assert recorder.names == ["bot.started", "command.started"]

    started, ended = recorder.lines[1:]
    assert started["command.name"] == "ping"
    assert (started["user.id"], started["kind"], started["chat.channel.id"]) == ("irc:x/ann", "prefix", "#deck")
    assert ended["id"] == started["id"]
    assert ended["outcome"] == "ok"
    assert 0 <= ended["duration_ms"] < 1000


def test_an_exception_is_an_error_and_goes_on(recorder: Recorder) -> None:
    with pytest.raises(ZeroDivisionError), botdeck.command("divide"):
        _ = 1 / 0

    assert finished(recorder)["outcome"] == "error"
    assert finished(recorder)["exception.type"] == "ZeroDivisionError"


@pytest.mark.parametrize(("code", "outcome"), [(None, "ok"), (0, "ok"), (3, "error")])
def test_leaving_the_program_is_an_error_only_with_a_code(recorder: Recorder, code: object, outcome: str) -> None:
    with pytest.raises(SystemExit), botdeck.command("quit"):
        sys.exit(code)  # type: ignore[arg-type]

    assert finished(recorder)["outcome"] == outcome


def test_the_bot_may_name_the_outcome(recorder: Recorder) -> None:
    with botdeck.command("ban") as command:
        command.outcome = "rejected"

    assert finished(recorder)["outcome"] == "rejected"


def test_each_call_of_a_decorated_function_is_a_command_of_its_own(recorder: Recorder) -> None:
    @botdeck.command("add")
    def add(a: int, *, b: int) -> int:
        return a + b

    assert add(1, b=2) + add(3, b=4) == 10

    ids = [line["id"] for line in recorder.lines if line["event"] == "command.started"]
    assert len(set(ids)) == 2
    assert add.__name__ == "add"


async def test_a_decorated_coroutine_function_is_timed_to_its_end(recorder: Recorder) -> None:
    go, both_wait = asyncio.Event(), asyncio.Barrier(3)

    @botdeck.command("wait")
    async def wait(answer: str) -> str:
        await both_wait.wait()
        await go.wait()
        return answer

    running = [asyncio.create_task(wait(text)) for text in ("a", "b")]
    await both_wait.wait()
    assert recorder.names.count("command.started") == 2
    assert "command.finished" not in recorder.names
    go.set()

    assert await asyncio.gather(*running) == ["a", "b"]
    assert recorder.names.count("command.finished") == 2


async def test_a_cancelled_command_is_no_success(recorder: Recorder) -> None:
    with pytest.raises(asyncio.CancelledError), botdeck.command("wait"):
        raise asyncio.CancelledError

    assert finished(recorder)["outcome"] == "error"


def test_names_that_are_no_strings_do_no_harm(recorder: Recorder) -> None:
    with botdeck.command(object(), user_id=7, kind=None):  # type: ignore[arg-type]
        pass

    assert finished(recorder)["command.name"].startswith("<object")


@pytest.fixture
def log(recorder: Recorder) -> Callable[..., None]:
    logger = logging.Logger("bot.weather")
    logger.addHandler(botdeck.BotdeckHandler())
    return logger.log


def test_a_log_record_is_an_event_with_opentelemetrys_severity(recorder: Recorder, log: Callable[..., None]) -> None:
    for level in (5, logging.DEBUG, logging.INFO, 25, logging.WARNING, logging.ERROR, logging.CRITICAL):
        log(level, "rain in %s", "Vienna")

    events = [line for line in recorder.lines if line["event"] == "log"]
    assert [event["severity_number"] for event in events] == [1, 5, 9, 9, 13, 17, 21]
    assert events[-1]["severity_text"] == "CRITICAL"
    assert (events[0]["logger"], events[0]["body"]) == ("bot.weather", "rain in Vienna")


def test_a_logged_exception_that_an_event_told_of_is_marked(recorder: Recorder, log: Callable[..., None]) -> None:
    try:
        with botdeck.command("divide"):
            _ = 1 / 0
    except ZeroDivisionError:
        log(logging.ERROR, "it failed", exc_info=True)
    log(logging.ERROR, "fresh", exc_info=ValueError("new"))

    told, fresh = (line for line in recorder.lines if line["event"] == "log")
    assert told["duplicate"] is True
    assert told["exception.type"] == "ZeroDivisionError"
    assert "duplicate" not in fresh


def test_a_record_that_cannot_be_formatted_is_told_and_does_not_raise(
    recorder: Recorder, log: Callable[..., None]
) -> None:
    log(logging.INFO, "%d apples", "many")

    assert recorder.lines[-1]["event"] == "telemetry.error"
    assert recorder.lines[-1]["where"] == "BotdeckHandler"
