import pytest

from botdeck.storage.log_levels import Level, level_of, level_of_severity


@pytest.mark.parametrize(
    ("line", "level"),
    [
        ("WARNING:root:careful", "warning"),
        ("2026-11-22 12:00:00,123 - bot.core - ERROR - it broke", "error"),
        ("[2026-11-22 12:00:00] [INFO    ] discord.client: logging in using static token", "info"),
        ("2026-11-22 12:00:00 INFO     discord.client logging in", "info"),
        ("\x1b[30;1m2026-11-22 12:00:00\x1b[0m \x1b[34;1mINFO    \x1b[0m \x1b[35mdiscord\x1b[0m ready", "info"),
        ("\x1b[31mERROR\x1b[0m red", "error"),
        ("12:00:00 [error] nginx said so", "error"),
        ("(warn) old", "warning"),
        ("level=warn msg=disk", "warning"),
        ('time="2026" level="fatal" msg=x', "critical"),
        ('{"level":"debug","msg":"x"}', "debug"),
        ('{"level":30,"time":1,"msg":"x"}', "info"),
        ('{"level":60,"msg":"x"}', "critical"),
        ('{"severity": "ERROR"}', "error"),
        ("<3>kernel trouble", "error"),
        ("<6>fine", "info"),
        ("E1122 14:01:02.000001 1 main.go:1] glog", "error"),
        ("error: no such command", "error"),
        ("warn: deprecated", "warning"),
        ("error[E0308]: mismatched types", "error"),
        ("Traceback (most recent call last):", "error"),
        ("ValueError: invalid literal", "error"),
        ("discord.errors.LoginFailure: Improper token has been passed.", None),
        ("asyncio.exceptions.CancelledError", "error"),
        ("java.lang.NullPointerException: x", "error"),
        ("TypeError [ERR_X]: bad", "error"),
        ("Uncaught exception", "error"),
        ("npm ERR! code 1", "error"),
        ("panic: runtime error", "critical"),
        ("CRITICAL everything", "critical"),
        ("[INFO] ERROR pages are on", "info"),
        ("   DEBUG indented", "debug"),
        ("no errors found", None),
        ("an error occurred", None),
        ("information about warnings", None),
        ("ERRORS=0", None),
        ("DEBUG=1 is set", None),
        ("Errorless: fine", None),
        ("hello", None),
        ("", None),
        ("x" * 300 + " ERROR far away", None),
    ],
)
def test_a_level_is_recognised_where_a_line_shows_one(line: str, level: Level | None) -> None:
    assert level_of(line) == level


@pytest.mark.parametrize(
    ("number", "text", "level"),
    [
        (1, "", "debug"),
        (5, "", "debug"),
        (9, "", "info"),
        (13, "", "warning"),
        (17, "ERROR", "error"),
        (24, "", "critical"),
        (0, "Warning", "warning"),
        (25, None, None),
        (None, "WARN", "warning"),
        (None, "loud", None),
        (True, "info", "info"),
        (None, 7, None),
    ],
)
def test_a_severity_is_a_level(number: object, text: object, level: Level | None) -> None:
    assert level_of_severity(number, text) == level
