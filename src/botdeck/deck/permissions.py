"""Who may do what. Every route declares one permission; the app refuses to start with a route that declares none."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from fastapi import FastAPI, HTTPException
from fastapi.routing import iter_route_contexts
from starlette.requests import HTTPConnection

from botdeck.models import Operator, Role

F = TypeVar("F", bound=Callable[..., object])

PRINCIPAL = "botdeck.principal"
"""Where the guard leaves the Principal in the ASGI scope."""
_DECLARED = "__botdeck_permission__"
_RANK = {Role.VIEWER: 0, Role.OPERATOR: 1, Role.ADMIN: 2}


class Permission(StrEnum):
    PUBLIC = "public"
    """Nobody needs to be signed in."""
    READ = "read"
    CONTROL = "control"
    """Start, stop, restart and kill bots."""
    ADMINISTER = "administer"
    RUNNER = "runner"
    """Runners only; no operator has it."""
    INGEST = "ingest"
    """Bots that run elsewhere, each for itself; no operator and no runner has it."""


LIVE_CHANNEL = Permission.READ
"""What `/ws/{user_id}` needs; it is beside FastAPI and asks by itself."""
_LEAST_ROLE = {
    Permission.READ: Role.VIEWER,
    Permission.CONTROL: Role.OPERATOR,
    Permission.ADMINISTER: Role.ADMIN,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """Who asks, once the guard has checked the credential."""

    operator: Operator | None
    """None for a runner and for a bot."""
    record_name: str
    """For the audit and for orders, such as `ann` or `cli:root`."""
    runner: str | None = None
    """What a runner that joined is called; None for the deck's own, which names itself."""
    bot: str | None = None
    """Which bot it is that runs elsewhere and reports by HTTP."""
    session: str | None = None
    """Key of the browser's session; None when a token was shown."""


def requires(permission: Permission) -> Callable[[F], F]:
    """Declare what a route needs. Goes under the route's own decorator."""

    def declare(endpoint: F) -> F:
        setattr(endpoint, _DECLARED, permission)
        return endpoint

    return declare


def allows(principal: Principal | None, permission: Permission) -> bool:
    if permission is Permission.PUBLIC:
        return True
    if principal is None:
        return False
    if permission is Permission.INGEST:
        return principal.bot is not None
    if permission is Permission.RUNNER:
        return principal.operator is None and principal.bot is None
    return principal.operator is not None and _RANK[principal.operator.role] >= _RANK[_LEAST_ROLE[permission]]


def enforce(connection: HTTPConnection) -> None:
    """Dependency of the whole app. A route without a declared permission is refused to everyone."""
    permission = getattr(connection.scope.get("endpoint"), _DECLARED, None)
    principal: Principal | None = connection.scope.get(PRINCIPAL)
    if permission is not None and allows(principal, permission):
        return
    operator = principal.operator if principal else None
    if operator and permission in _LEAST_ROLE:
        raise HTTPException(403, f"{operator.name} is {operator.role}; this needs the role {_LEAST_ROLE[permission]}.")
    raise HTTPException(403, "This is not open to the credential that was shown.")


def declared_routes(app: FastAPI) -> Iterator[tuple[str, str, Permission | None]]:
    """(method, path, permission) of every route; the method of a WebSocket is `WS`."""
    yield "WS", "/ws/{user_id}", LIVE_CHANNEL
    # app.routes does not list the routes of included routers; this does.
    for context in iter_route_contexts(app.routes):
        route = context.original_route
        permission = getattr(getattr(route, "endpoint", None), _DECLARED, None)
        for method in sorted(context.methods or {"WS"}):
            yield method, context.path or "", permission


def check_all_declared(app: FastAPI) -> None:
    """Raises RuntimeError naming the routes that declare no permission."""
    undeclared = [f"{method} {path}" for method, path, permission in declared_routes(app) if permission is None]
    if undeclared:
        raise RuntimeError(f"These routes declare no permission (@requires): {', '.join(undeclared)}.")


def public_routes(app: FastAPI) -> frozenset[tuple[str, str]]:
    return frozenset((method, path) for method, path, permission in declared_routes(app) if permission == "public")
