"""First-run setup, sign-in, sign-out."""

import unicodedata
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter
from pydantic import AfterValidator
from starlette.requests import Request
from starlette.responses import Response

from botdeck.deck.context import ClientAddress, CurrentDeck, CurrentOperator, CurrentPrincipal, Deck
from botdeck.deck.errors import documented
from botdeck.deck.guard import session_cookie
from botdeck.deck.passwords import check_password
from botdeck.deck.permissions import Permission, requires
from botdeck.errors import SetupRefused, SignInFailed
from botdeck.models import Operator

router = APIRouter(prefix="/api", tags=["auth"])
_LONGEST_NAME = 64


def _check_name(name: str) -> str:
    name = name.strip()
    if not name or len(name) > _LONGEST_NAME:
        raise ValueError(f"A name has 1 to {_LONGEST_NAME} characters")
    if any(unicodedata.category(character)[0] == "C" for character in name) or ":" in name:
        raise ValueError("A name has no colon and no control characters")
    return name


def _check_length(name: str) -> str:
    # Names of failed attempts are kept for a while, and anybody may make these.
    if len(name) > _LONGEST_NAME:
        raise ValueError(f"A name has at most {_LONGEST_NAME} characters")
    return name


Name = Annotated[str, AfterValidator(_check_name)]
GivenName = Annotated[str, AfterValidator(_check_length)]
NewPassword = Annotated[str, AfterValidator(check_password)]


@dataclass(frozen=True, slots=True, kw_only=True)
class SetupState:
    needed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SetupForm:
    code: str
    name: Name
    password: NewPassword


@dataclass(frozen=True, slots=True, kw_only=True)
class SignInForm:
    name: GivenName
    password: str


@router.get("/setup", summary="Is setup needed?", responses=documented(503))
@requires(Permission.PUBLIC)
async def setup_state(deck: CurrentDeck) -> SetupState:
    """True until the first administrator exists."""
    return SetupState(needed=await deck.accounts.setup_needed())


@router.post("/setup", summary="Make the first administrator", responses=documented(400, 403, 429, 503))
@requires(Permission.PUBLIC)
async def setup(
    form: SetupForm, request: Request, response: Response, deck: CurrentDeck, address: ClientAddress
) -> Operator:
    """Works once, with the code that the deck printed when it started, and signs the new administrator in."""
    try:
        operator = await deck.accounts.setup(form.code, form.name, form.password, address=address)
    except SetupRefused as refused:
        await deck.audit.record("setup refused", form.name, address=address, reason=str(refused))
        raise
    await deck.audit.record("setup", operator.name, address=address)
    await _sign_in(operator, deck, request, response)
    return operator


@router.post("/auth/login", summary="Sign in", responses=documented(400, 401, 429, 503))
@requires(Permission.PUBLIC)
async def login(
    form: SignInForm, request: Request, response: Response, deck: CurrentDeck, address: ClientAddress
) -> Operator:
    """Sets the session cookie. After three failures in a row from one address, the same name has to wait: 1 s, 2 s, 4 s
    and so on. Nobody else does."""
    try:
        operator = await deck.accounts.sign_in(form.name, form.password, address=address)
    except SignInFailed:
        await deck.audit.record("sign-in failed", form.name, address=address)
        raise
    await deck.audit.record("sign-in", operator.name, address=address)
    await _sign_in(operator, deck, request, response)
    return operator


@router.post("/auth/logout", status_code=204, summary="Sign out", responses=documented(401, 403))
@requires(Permission.READ)
async def logout(principal: CurrentPrincipal, response: Response, request: Request, deck: CurrentDeck) -> None:
    """Ends the session, closes its live connections, and takes the cookie away."""
    if principal.session is None:
        return
    await deck.sessions.end(principal.session)
    deck.hub.end_session(principal.session, "You signed out.")
    await deck.audit.record("sign-out", principal.record_name)
    cookie = session_cookie(deck.settings)
    response.delete_cookie(cookie.name, path=cookie.path, secure=cookie.secure, httponly=True, samesite="lax")


@router.get("/auth/me", summary="Who is signed in?", responses=documented(401))
@requires(Permission.READ)
async def me(operator: CurrentOperator) -> Operator:
    return operator


async def _sign_in(operator: Operator, deck: Deck, request: Request, response: Response) -> None:
    token = await deck.sessions.begin(operator)
    cookie = session_cookie(deck.settings)
    response.set_cookie(
        cookie.name,
        token,
        max_age=cookie.max_age_s,
        path=cookie.path,
        secure=cookie.secure,
        httponly=True,
        samesite="lax",
    )
