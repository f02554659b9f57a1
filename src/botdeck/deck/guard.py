"""The outermost layer, outside FastAPI: whoever is not let in costs nothing, for FastAPI reads a body before it asks
who sent it. In order: Host, base path, credential, Origin, size. It also puts the security headers on every answer."""

import ipaddress
import secrets
from dataclasses import dataclass
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import cookie_parser
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from botdeck.deck.auth import LONGEST, Sessions, session_key
from botdeck.deck.bot_tokens import BotTokens, TokenRevoked
from botdeck.deck.errors import answer_for, problem
from botdeck.deck.live_channel import PREFIX, LiveChannel
from botdeck.deck.permissions import PRINCIPAL, Principal
from botdeck.deck.runner_access import AccessEnded, RunnerAccess
from botdeck.deck.sockets import close_reason
from botdeck.errors import BotdeckError, DeckBusy
from botdeck.models import Operator, Role
from botdeck.settings import DeckSettings, Settings

LARGEST_BODY_BYTES = 1 << 20
RUNNER_LINK = "/api/runner/link"
INGEST = "/api/ingest"
CLI_USER_ID = "cli"
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_WILDCARDS = frozenset({"0.0.0.0", "::", ""})  # noqa: S104  (compared with, not bound)
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        "font-src 'self'; connect-src 'self'; manifest-src 'self'; worker-src 'self'; base-uri 'self'; "
        "form-action 'self'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionCookie:
    name: str
    path: str
    secure: bool
    max_age_s: int = int(LONGEST.total_seconds())


def session_cookie(settings: Settings) -> SessionCookie:
    secure = (settings.deck.public_url or "").startswith("https://")
    # Browsers take a __Host- cookie only with Secure and the path /. They do not tell ports apart, so that two decks on
    # one machine would sign each other's operators out if both had the same name.
    name = "__Host-botdeck" if secure and settings.deck.base_path == "/" else f"botdeck_session_{settings.deck.port}"
    return SessionCookie(name=name, path=settings.deck.base_path, secure=secure)


class Refused(Exception):
    """The guard's no: an HTTP status, or a close code for a browser's WebSocket, and a sentence."""

    def __init__(self, status: int, sentence: str, *, close: int = 4403, code: str | None = None) -> None:
        super().__init__(sentence)
        self.status = status
        self.close = close
        self.code = code


class Guard:
    """ASGI. `public` are the (method, path) of routes that nobody needs to sign in for, below the base path."""

    def __init__(
        self,
        *,
        settings: Settings,
        api: ASGIApp,
        live: LiveChannel,
        pages: ASGIApp,
        sessions: Sessions,
        runner_access: RunnerAccess,
        bot_tokens: BotTokens,
        public: frozenset[tuple[str, str]],
        cli_token: str,
        runner_token: str,
    ) -> None:
        self._settings = settings.deck
        self._cookie = session_cookie(settings)
        self._api = api
        self._live = live
        self._pages = pages
        self._sessions = sessions
        self._runner_access = runner_access
        self._bot_tokens = bot_tokens
        self._public = public
        self._cli_token = cli_token
        self._runner_token = runner_token
        self._root = settings.deck.base_path.rstrip("/")
        self._live_path = f"{self._root}{PREFIX}".encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._api(scope, receive, send)
            return
        try:
            app, receive = await self._let_in(scope, receive)
        except Refused as refused:
            await _refuse(refused, scope, receive, send)
            return
        except BotdeckError as error:
            await self._refuse_for(error, scope, receive, send)
            return
        if scope["type"] == "http":
            send = _with_headers(send, scope)
        await app(scope, receive, send)

    def refuse_early(self, request: bytes) -> bytes | None:
        """For the server, which asks before it parses a request: the whole answer when that would be for nothing."""
        return self._live.refuse_early(request, self._live_path)

    def say_goodbye(self) -> None:
        """The server is about to end."""
        self._live.say_goodbye()

    async def _let_in(self, scope: Scope, receive: Receive) -> tuple[ASGIApp, Receive]:
        headers = Headers(scope=scope)
        check_host(headers.get("host", ""), self._settings)
        path = self._below_base(scope)
        websocket = scope["type"] == "websocket"
        if not (websocket or path == "/health" or path.startswith(("/api/", "/ws/"))):
            return self._pages, receive
        live = websocket and path.startswith(PREFIX)
        if live:
            self._live.admit()
        method = "WS" if websocket else scope["method"]
        unsafe = websocket or method not in _SAFE
        if (method, path) in self._public:
            if unsafe and "origin" in headers:
                check_origin(headers, scope, self._settings)
            return self._api, await _capped(headers, receive)
        principal = await self._principal(path, headers)
        if unsafe and (principal.session is not None or "origin" in headers):
            check_origin(headers, scope, self._settings)
        scope[PRINCIPAL] = principal
        if live:
            return self._live, receive
        return self._api, receive if websocket else await _capped(headers, receive)

    async def _refuse_for(self, error: BotdeckError, scope: Scope, receive: Receive, send: Send) -> None:
        """The deck is too busy, or the credential could not be looked up."""
        if scope["type"] == "http":
            await answer_for(error)(scope, receive, _with_headers(send, scope))
        elif _is_program(scope):
            await answer_for(error)(scope, receive, send)
        elif isinstance(error, DeckBusy):
            await self._live.turn_away(error, scope, receive, send)
        else:
            await _close(1013, str(error), receive, send)

    def _below_base(self, scope: Scope) -> str:
        path: str = scope["path"]
        if not path.startswith(self._settings.base_path):
            raise Refused(404, f"Botdeck is at {self._settings.base_path}.", code="not_found")
        # Starlette takes this off the path itself.
        scope["root_path"] = self._root
        return path[len(self._root) :]

    async def _principal(self, path: str, headers: Headers) -> Principal:
        """Raises Refused when nothing valid was shown. A bearer token is looked at alone, cookies are not then."""
        authorization = headers.get("authorization")
        if authorization is not None:
            scheme, _, token = authorization.partition(" ")
            if scheme.lower() == "bearer" and path == RUNNER_LINK:
                return await self._runner(token.strip())
            if scheme.lower() == "bearer" and path == INGEST:
                return await self._bot(token.strip())
            return self._bearer(scheme, token.strip(), headers)
        if path == RUNNER_LINK:
            raise Refused(401, "A runner shows a token: its own, or the runner-token of this deck.", close=4401)
        if path == INGEST:
            raise Refused(401, "A bot shows its token: Authorization: Bearer TOKEN. `botdeck token NAME` makes one.")
        cookie = cookie_parser(headers.get("cookie", "")).get(self._cookie.name)
        key = session_key(cookie) if cookie else None
        operator = await self._sessions.operator_of(key) if key else None
        if operator is None:
            sentence = "The session is over. Sign in again." if cookie else "Nobody is signed in."
            raise Refused(401, sentence, close=4401)
        return Principal(operator=operator, record_name=operator.name, session=key)

    async def _runner(self, token: str) -> Principal:
        if secrets.compare_digest(token.encode(), self._runner_token.encode()):
            return Principal(operator=None, record_name="runner")
        try:
            name = await self._runner_access.runner_of(token)
        except AccessEnded as error:
            raise Refused(403, str(error)) from None
        if name is None:
            raise Refused(401, "That is neither this deck's runner-token nor that of a runner that joined.", close=4401)
        return Principal(operator=None, record_name=f"runner {name}", runner=name)

    async def _bot(self, token: str) -> Principal:
        try:
            name = await self._bot_tokens.bot_of(token)
        except TokenRevoked as error:
            raise Refused(403, str(error), code="token_revoked") from None
        if name is None:
            raise Refused(401, "This deck made no such token for a bot. `botdeck token NAME` on its host makes one.")
        return Principal(operator=None, record_name=f"bot {name}", bot=name)

    def _bearer(self, scheme: str, token: str, headers: Headers) -> Principal:
        if scheme.lower() == "bearer" and secrets.compare_digest(token.encode(), self._cli_token.encode()):
            name = headers.get("x-botdeck-user", "")[:64]
            record_name = f"cli:{name}" if name.isprintable() and name else "cli"
            operator = Operator(user_id=CLI_USER_ID, name=CLI_USER_ID, role=Role.ADMIN)
            return Principal(operator=operator, record_name=record_name)
        raise Refused(401, "That token is not valid here.", close=4401)


def check_host(host: str, settings: DeckSettings) -> None:
    """Only names that are known to be ours: a page of another site that pointed its own name at this machine (DNS
    rebinding) is turned away. Raises Refused."""
    name = _host_name(host)
    known = {*_LOOPBACK, settings.host.lower()}
    if settings.public_url:
        known.add((urlsplit(settings.public_url).hostname or "").lower())
    if name in known:
        return
    # Rebinding needs a name, so any literal address will do where every address is listened on.
    if settings.host in _WILDCARDS and _is_address(name):
        return
    raise Refused(
        421, f"This deck does not know itself as {name!r}. Set public_url under [deck] to reach it by that name."
    )


def check_origin(headers: Headers, scope: Scope, settings: DeckSettings) -> None:
    """The request was made by our own page, not by one of another site with our cookie. Raises Refused."""
    origin = headers.get("origin")
    if origin is None:
        if headers.get("sec-fetch-site") == "same-origin":
            return
        raise Refused(403, "A request that changes something needs an Origin header when it comes with a cookie.")
    scheme = {"ws": "http", "wss": "https"}.get(scope["scheme"], scope["scheme"])
    if origin.lower() in {f"{scheme}://{headers.get('host', '')}".lower(), _origin_of(settings.public_url)}:
        return
    raise Refused(403, f"This request came from a page of {origin}, which is not this deck.")


def _origin_of(url: str | None) -> str:
    parts = urlsplit(url or "")
    return f"{parts.scheme}://{parts.netloc}".lower()


def _host_name(host: str) -> str:
    """The Host header without its port."""
    if host.startswith("["):
        return host[1:].partition("]")[0].lower()
    return host.partition(":")[0].lower().rstrip(".")


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


async def _capped(headers: Headers, receive: Receive) -> Receive:
    """The body up to LARGEST_BODY_BYTES. Raises Refused when that is clear from the first piece on; later pieces end
    the request."""
    length = headers.get("content-length", "0")
    if not length.isdigit() or int(length) > LARGEST_BODY_BYTES:
        raise Refused(413, f"A request has at most {LARGEST_BODY_BYTES} bytes.")
    if "transfer-encoding" not in headers:
        return receive  # the server holds the sender to its Content-Length
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return _replay(message, receive)
        body += message.get("body", b"")
        if len(body) > LARGEST_BODY_BYTES:
            raise Refused(413, f"A request has at most {LARGEST_BODY_BYTES} bytes.")
        if not message.get("more_body", False):
            return _replay({"type": "http.request", "body": bytes(body), "more_body": False}, receive)


def _replay(first: Message, receive: Receive) -> Receive:
    waiting = [first]

    async def replay() -> Message:
        return waiting.pop() if waiting else await receive()

    return replay


def _with_headers(send: Send, scope: Scope) -> Send:
    private = "/api/" in scope["path"] or scope["path"].endswith("/health")

    async def with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in _HEADERS.items():
                headers.setdefault(name, value)
            if private:
                headers["Cache-Control"] = "no-store"
        await send(message)

    return with_headers


async def _refuse(refused: Refused, scope: Scope, receive: Receive, send: Send) -> None:
    headers = {"WWW-Authenticate": "Bearer"} if refused.status == 401 else None
    answer = problem(refused.status, str(refused), refused.code, headers)
    if scope["type"] == "http":
        await answer(scope, receive, _with_headers(send, scope))
    elif _is_program(scope):
        # A program reads the answer to its handshake ...
        await answer(scope, receive, send)
    else:
        # ... a page only learns the code with which an accepted connection is closed.
        await _close(refused.close, str(refused), receive, send)


def _is_program(scope: Scope) -> bool:
    return b"authorization" in dict(scope["headers"])


async def _close(code: int, reason: str, receive: Receive, send: Send) -> None:
    await receive()
    await send({"type": "websocket.accept"})
    await send({"type": "websocket.close", "code": code, "reason": close_reason(reason)})
