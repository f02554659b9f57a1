"""The OpenAPI document, with the messages of the live channel in it, so that one generator types both.

`python -m botdeck.deck --openapi` prints it for the front end.
"""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import TypeAdapter

from botdeck import __version__
from botdeck.deck.messages import ClientMessage, Resume, ServerMessage

_DESCRIPTION = """\
The deck's interface for pages and programs. Sign in (cookie) or show the token that the deck left for its own host
(`Authorization: Bearer ...`). Every answer other than a success is a `Problem`. Live updates come over the WebSocket
`/ws/{user_id}`: its messages are `ServerMessage` and `ClientMessage` here."""
_REF = "#/components/schemas/{model}"
_TAGS = [
    {"name": "health", "description": "Whether the deck can do its work."},
    {"name": "auth", "description": "First-run setup, sign-in, sign-out."},
    {"name": "dashboard", "description": "The figures."},
    {"name": "bots", "description": "Bots by name."},
    {"name": "runners", "description": "The hosts that keep bots, and how another one joins."},
    {"name": "bots elsewhere", "description": "Bots that no runner keeps: what they report, and with which token."},
    {
        "name": "default bot",
        "description": "The same for the default bot: `default_bot` of `[deck]`, or else the first.",
    },
]


def openapi_document(app: FastAPI) -> dict[str, Any]:
    document = get_openapi(
        title="Botdeck",
        version=__version__,
        description=_DESCRIPTION,
        routes=app.routes,
        tags=_TAGS,
    )
    schemas = document["components"]["schemas"]
    _add(schemas, "ServerMessage", TypeAdapter[Any](ServerMessage).json_schema(mode="serialization", ref_template=_REF))
    _add(schemas, "ClientMessage", TypeAdapter[Any](ClientMessage).json_schema(mode="validation", ref_template=_REF))
    _add(schemas, "Resume", TypeAdapter(Resume).json_schema(mode="validation", ref_template=_REF))
    _drop_default_validation_answers(document)
    return document


def _add(schemas: dict[str, Any], name: str, schema: dict[str, Any]) -> None:
    for definition, its_schema in schema.pop("$defs", {}).items():
        schemas.setdefault(definition, its_schema)
    schemas[name] = schema


def _drop_default_validation_answers(document: dict[str, Any]) -> None:
    """FastAPI documents 422 for every route; ours answers 400 with a Problem."""
    for operations in document["paths"].values():
        for operation in operations.values():
            operation["responses"].pop("422", None)
    for name in ("HTTPValidationError", "ValidationError"):
        document["components"]["schemas"].pop(name, None)
