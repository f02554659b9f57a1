"""Log records as `log` events, for bots whose output nobody captures.

Under the runner, what a bot logs to its output is captured already; add this handler only where it is not, or the deck
shows each line twice. Tokens and passwords are taken out, see `redaction.py`.
"""

from __future__ import annotations

import logging

from botdeck.sdk.client import current, is_reported, mark_reported, report_own_error
from botdeck.sdk.redaction import redacted

_SEVERITIES = (
    (logging.CRITICAL, 21),
    (logging.ERROR, 17),
    (logging.WARNING, 13),
    (logging.INFO, 9),
    (logging.DEBUG, 5),
)


class BotdeckHandler(logging.Handler):
    """`logging.getLogger().addHandler(botdeck.BotdeckHandler())`. Emits nothing when Botdeck is not configured."""

    def emit(self, record: logging.LogRecord) -> None:
        client = current()
        if client is None:
            return
        try:
            fields = _fields(record)
        except Exception as exc:  # a message whose arguments do not fit it
            report_own_error("BotdeckHandler", exc)
            return
        client.emit("log", fields)


def _fields(record: logging.LogRecord) -> dict[str, object]:
    fields: dict[str, object] = {
        "severity_number": next((number for level, number in _SEVERITIES if record.levelno >= level), 1),
        "severity_text": record.levelname,
        "logger": record.name,
        "body": redacted(record.getMessage()),
    }
    exc = record.exc_info[1] if record.exc_info else None
    if exc is None:
        return fields
    from botdeck.sdk.lines import exception_fields

    if is_reported(exc):
        fields["duplicate"] = True
    mark_reported(exc)
    return {**fields, **exception_fields(exc)}
