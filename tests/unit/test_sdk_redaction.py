"""No token leaves the bot with a log record or an exception."""

import logging
from collections.abc import Iterator
from typing import Any

import pytest

import botdeck
from botdeck.sdk import client as sdk
from botdeck.sdk import redaction
from botdeck.sdk.redaction import redacted

from .test_sdk_client import Recorder

# In pieces, so that nobody's scanner takes these inventions for real ones.
TELEGRAM = "123456789:" + "AAHdqTcvCH1vGWJxfSeofSAs0K5" + "PALDsaw1"
DISCORD = "MTA4NzY1NDMyMTA5ODc2NTQzMg." + "GhIjKl." + "abcdefghijklmnopqrstuvwxyz0123456789_-"
SLACK = "xoxb-" + "123456789012-1234567890123-" + "AbCdEfGhIjKlMnOpQrStUvWx"


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    recorder = Recorder()
    sdk.use(sdk.Client(recorder, run="r1"))
    yield recorder
    sdk.use(None)


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        (
            f'HTTP Request: POST https://api.telegram.org/bot{TELEGRAM}/getUpdates "HTTP/1.1 200 OK"',
            'HTTP Request: POST https://api.telegram.org/bot[redacted]/getUpdates "HTTP/1.1 200 OK"',
        ),
        ("GET http://127.0.0.1:8081/bot42:test/getMe", "GET http://127.0.0.1:8081/bot[redacted]/getMe"),
        ("GET /file/bot42:test/photos/1.jpg", "GET /file/bot[redacted]/photos/1.jpg"),
        (f"the token {TELEGRAM} was rejected", "the token [redacted] was rejected"),
        (f"login with {DISCORD}.", "login with [redacted]."),
        ("{'Authorization': 'Bot abc.def', 'X': 1}", "{'Authorization': 'Bot [redacted]', 'X': 1}"),
        ("authorization: Bearer abcdef123", "authorization: Bearer [redacted]"),
        ("[(b'Authorization', b'abcdef123'), (b'A', b'b')]", "[(b'Authorization', b'[redacted]'), (b'A', b'b')]"),
        (f"token={SLACK}, retry", "token=[redacted], retry"),
        ("xapp-" + "1-A0B1C2D3E4-123456-abcdef", "[redacted]"),
        ("https://hooks.slack.com/" + "services/T0/B0/XyZ", "https://hooks.slack.com/services/[redacted]"),
        ("POST /api/webhooks/123456/" + "a" * 68, "POST /api/webhooks/123456/[redacted]"),
        ("GET /sync?access_token=abcd1234&since=s1", "GET /sync?access_token=[redacted]&since=s1"),
        ("connect to postgres://bot:hunter2@db/x", "connect to postgres://bot:[redacted]@db/x"),
        ("PASS oauth:abcdefghij", "PASS oauth:[redacted]"),
        ("eyJhbGciOiJI" + ".eyJzdWIiOiIx" + ".c2lnbmF0dXJl", "[redacted]"),
    ],
)
def test_a_secret_is_known_by_its_shape_or_by_what_stands_before_it(text: str, clean: str) -> None:
    assert redacted(text) == clean


@pytest.mark.parametrize(
    "text",
    [
        "Shard ID None has connected to Gateway (Session ID: 4b8f0e0d6e5fa2c7d8e9f00112233445).",
        "Module.Submodule.function_with_a_long_name_that_says_all took 12:34:56",
        "GET https://example.org:8080/bot/status?page=2 answered 200",
        "File /srv/bots/greeter/bot.py, line 12, in authorization",
        "2026-11-22T20:24:40.239919Z user <@1087654321098765432> wrote in #general",
    ],
)
def test_ordinary_lines_stay_as_they_are(text: str) -> None:
    assert redacted(text) == text


def test_values_of_variables_whose_names_speak_of_secrets_are_known(monkeypatch: pytest.MonkeyPatch) -> None:
    assert redacted("correct-horse") == "correct-horse"

    monkeypatch.setenv("MY_BOT_PASSWORD", "correct-horse")  # as a `.env` file that is loaded after the start
    monkeypatch.setenv("MAX_TOKENS", "100000")
    monkeypatch.setenv("TOKEN_FILE", "/etc/hostname")

    assert (
        redacted("login as bot:correct-horse, 100000, /etc/hostname")
        == "login as bot:[redacted], 100000, /etc/hostname"
    )


def test_a_log_record_and_its_exception_are_forwarded_without_secrets(recorder: Recorder) -> None:
    logger = logging.Logger("httpx")
    logger.addHandler(botdeck.BotdeckHandler())
    try:
        raise ConnectionError(f"POST https://api.telegram.org/bot{TELEGRAM}/getMe failed")
    except ConnectionError:
        logger.exception("asking https://api.telegram.org/bot%s/getMe", TELEGRAM)

    event = recorder.lines[-1]
    assert event["body"] == "asking https://api.telegram.org/bot[redacted]/getMe"
    assert event["exception.message"] == "POST https://api.telegram.org/bot[redacted]/getMe failed"
    assert "[redacted]" in event["exception.stacktrace"]
    assert not any(TELEGRAM in str(value) for value in event.values())


@pytest.mark.parametrize(
    ("event", "report"),
    [("error", botdeck.error), ("telemetry.error", lambda exc: sdk.report_own_error("observer", exc))],
)
def test_an_exception_of_any_event_is_told_without_secrets(recorder: Recorder, event: str, report: Any) -> None:
    report(ValueError(f"bad token {DISCORD}"))

    assert recorder.lines[-1]["event"] == event
    assert recorder.lines[-1]["exception.message"] == "bad token [redacted]"


def test_an_exception_that_leaves_a_command_is_told_without_secrets(recorder: Recorder) -> None:
    with pytest.raises(ValueError, match="xoxb"), botdeck.command("login"):
        raise ValueError(SLACK)

    assert recorder.lines[-1]["exception.message"] == "[redacted]"


def test_an_exception_longer_than_what_is_kept_hides_a_secret_at_the_cut(recorder: Recorder) -> None:
    botdeck.error(ValueError("x" * 960 + " " + TELEGRAM))

    assert TELEGRAM[:20] not in recorder.lines[-1]["exception.message"]


def test_a_bot_at_the_end_of_its_stack_is_not_troubled(recorder: Recorder) -> None:
    def deeper() -> None:
        try:
            deeper()
        except RecursionError as exc:
            botdeck.error(exc)
            raise

    with pytest.raises(RecursionError):
        deeper()


def test_the_values_of_the_environment_are_not_read_for_each_record(monkeypatch: pytest.MonkeyPatch) -> None:
    redacted("x")
    known = redaction._known

    redacted("y")

    assert redaction._known is known
