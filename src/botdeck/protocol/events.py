"""Events a bot appends to the file named by BOTDECK_EVENTS: schema v1, one JSON object a line. docs/sdk.md lists them.

Every line has `v`, `event`, `time`, `run` and (from our SDK) `seq`; the rest is flat. Unknown keys are kept, an unknown
`v` is refused, and a line is at most 64 KiB.
"""

import json
from typing import Any

from botdeck.errors import ProtocolError
from botdeck.models import Event
from botdeck.protocol.codec import parse_time

SCHEMA_VERSION = 1
MAX_LINE_BYTES = 1 << 16

# The events that the deck or the runner treat in a way of their own; any other name is stored as it is.
BOT_STARTED = "bot.started"
MESSAGE_RECEIVED = "message.received"
MESSAGE_SENT = "message.sent"
COMMAND_STARTED = "command.started"
COMMAND_FINISHED = "command.finished"
HEARTBEAT = "heartbeat"
"""For the runner. Two million of them come in a week from 50 bots, so the deck keeps none."""
GATEWAY_READY = "gateway.ready"
GATEWAY_DISCONNECT = "gateway.disconnect"
LOG = "log"
TELEMETRY_DAMAGED = "telemetry.damaged"
"""Written by the deck in place of a line that cannot be parsed; `line` holds its beginning."""


def parse_event(line: bytes) -> Event:
    """Raises ProtocolError when the line is not an event of this schema."""
    if len(line) > MAX_LINE_BYTES:
        raise ProtocolError(f"An event line is at most {MAX_LINE_BYTES} bytes; this one has {len(line)}.")
    try:
        # Never as bytes: json would take encoded halves of characters for characters, which no database does.
        value = json.loads(line.decode("utf-8", "replace"))
        if not isinstance(value, dict):
            raise ProtocolError("An event line should be a JSON object.")
        if b"\\u" in line:
            value = whole(value)
        version, event, run, seq = value.pop("v"), value.pop("event"), value.pop("run"), value.pop("seq", None)
        time = parse_time(value.pop("time"))
    except KeyError as missing:
        raise ProtocolError(f"An event line lacks {missing}.") from None
    except (ValueError, TypeError, OverflowError, RecursionError) as error:
        raise ProtocolError(f"An event line cannot be read: {error}.") from None
    if version != SCHEMA_VERSION or isinstance(version, bool):
        raise ProtocolError(f"Event schema {version!r} is not known; this Botdeck reads version {SCHEMA_VERSION}.")
    if not isinstance(event, str) or not isinstance(run, str) or not isinstance(seq, int | None):
        raise ProtocolError("In an event line, event and run should be strings and seq a whole number.")
    if seq is not None and seq.bit_length() > 63:
        raise ProtocolError("In an event line, seq should fit into 64 bits.")
    return Event(event=event, time=time, run=run, seq=seq, fields=value)


def whole(value: Any) -> Any:
    """The same with U+FFFD for halves of characters: JSON's escapes can say them, UTF-8 (and so a database) cannot."""
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, dict):
        return {whole(key): whole(item) for key, item in value.items()}
    if isinstance(value, list):
        return [whole(item) for item in value]
    return value
