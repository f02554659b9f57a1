"""The OpenAPI document and the declared permissions."""

import json
import subprocess
import sys
from typing import Any

import pytest
from fastapi import FastAPI
from pydantic import TypeAdapter

from botdeck.deck.main import create_api
from botdeck.deck.messages import ServerMessage
from botdeck.deck.permissions import Permission, check_all_declared, declared_routes, public_routes, requires
from botdeck.deck.schema import openapi_document
from botdeck.deck.topics import POLICIES


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return openapi_document(create_api())


def test_the_document_holds_the_messages_of_the_live_channel(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    kinds = [reference["$ref"].rsplit("/", 1)[1] for reference in schemas["ServerMessage"]["anyOf"]]

    assert len(kinds) == len(TypeAdapter[Any](ServerMessage).json_schema()["anyOf"])
    updates = {kind for kind in kinds if "seq" in schemas[kind]["properties"]}
    assert {schemas[kind]["properties"]["type"]["const"] for kind in updates} == set(POLICIES)
    assert {schemas[kind]["properties"]["type"]["const"] for kind in set(kinds) - updates} == {
        "snapshot",
        "resumed",
        "gap",
        "heartbeat",
        "goaway",
    }
    assert all({"type", "timestamp", "data", "epoch"} <= set(schemas[kind]["required"]) for kind in kinds)
    assert all({"topic", "seq"} <= set(schemas[kind]["required"]) for kind in updates)
    assert schemas["ClientMessage"]["properties"]["type"]["const"] == "subscribe"


def test_every_reference_in_the_document_leads_somewhere(document: dict[str, Any]) -> None:
    text = json.dumps(document)
    names = {part.split('"')[0] for part in text.split("#/components/schemas/")[1:]}

    assert names <= set(document["components"]["schemas"])


def test_every_route_has_a_tag_a_summary_and_documented_problems(document: dict[str, Any]) -> None:
    for path, operations in document["paths"].items():
        for operation in operations.values():
            assert operation["tags"], path
            assert operation["summary"], path
            for status, answer in operation["responses"].items():
                if status >= "400":
                    schema = answer["content"]["application/json"]["schema"]
                    assert schema == {"$ref": "#/components/schemas/Problem"}, path
    fields = document["components"]["schemas"]["DashboardStats"]["properties"]
    assert fields["messages_today"]["description"].startswith("Messages received from people")


def test_the_program_prints_the_document(document: dict[str, Any]) -> None:
    printed = subprocess.run([sys.executable, "-m", "botdeck.deck", "--openapi"], capture_output=True, check=True)

    assert json.loads(printed.stdout) == document
    assert printed.stderr == b""


def test_every_route_declares_its_permission_and_five_are_public() -> None:
    api = create_api()

    routes = list(declared_routes(api))

    assert len(routes) == 30
    assert None not in {permission for _, _, permission in routes}
    assert public_routes(api) == {
        ("GET", "/health"),
        ("GET", "/api/setup"),
        ("POST", "/api/setup"),
        ("POST", "/api/auth/login"),
        ("POST", "/api/runner/join"),
    }


def test_an_app_with_an_undeclared_route_is_refused() -> None:
    api = FastAPI(openapi_url=None)

    @api.get("/fine")
    @requires(Permission.READ)
    async def fine() -> None: ...

    @api.websocket("/forgotten")
    async def forgotten() -> None: ...

    with pytest.raises(RuntimeError, match=r"declare no permission \(@requires\): WS /forgotten\."):
        check_all_declared(api)
