"""Operators: first-run setup, sign-in, and sessions that the server keeps."""

import asyncio
import contextlib
import hashlib
import secrets
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from botdeck.deck.clock import Clock
from botdeck.deck.passwords import Passwords
from botdeck.deck.secret_files import SetupCode
from botdeck.deck.tries import Tries
from botdeck.errors import SetupRefused, SignInFailed, StorageConflict, StorageError
from botdeck.models import Operator, Role
from botdeck.protocol.codec import parse_time, rfc3339
from botdeck.storage.port import Document, Storage

OPERATORS = "operator"
SESSIONS = "session"
FIRST_ADMIN = "1"
"""Setup inserts the operator of this id, so that of many at the same time exactly one succeeds, in any storage."""
IDLE = timedelta(hours=12)
LONGEST = timedelta(days=14)
NOTE_USE_AFTER = timedelta(minutes=10)
"""A use is stored when the stored one is older: each costs the database a page, and the limit is 12 hours."""
_SETUP_OVER = "Setup is over: there is an administrator already. Sign in instead."


class Accounts:
    """Operators as documents: {name, role, password}."""

    def __init__(self, storage: Storage, clock: Clock, setup_code: SetupCode) -> None:
        self._storage = storage
        self._clock = clock
        self._code = setup_code
        self._passwords = Passwords()
        self._tries = Tries()
        self._set_up = False

    async def setup_needed(self) -> bool:
        # Once there is an operator there always is one.
        self._set_up = self._set_up or bool(await self._storage.documents(OPERATORS))
        return not self._set_up

    async def setup(self, code: str, name: str, password: str, *, address: str) -> Operator:
        """The first admin. Raises SetupRefused when the code is wrong or there is an operator already."""
        if not await self.setup_needed():
            raise SetupRefused(_SETUP_OVER)
        key = (address, "the setup code")
        self._tries.begin(key, self._clock.seconds())
        if not self._code.fits(code):
            raise SetupRefused(
                "That is not the setup code. The deck prints it where it was started; it is also in the file "
                "setup-code of its data directory."
            )
        self._tries.succeeded(key)
        try:
            operator = await self.add_operator(name, password, Role.ADMIN, user_id=FIRST_ADMIN)
        except StorageConflict:
            raise SetupRefused(_SETUP_OVER) from None
        self._set_up = True
        self._code.withdraw()
        return operator

    async def add_operator(self, name: str, password: str, role: Role, *, user_id: str | None = None) -> Operator:
        """Raises StorageConflict when the id is taken."""
        user_id = user_id or secrets.token_hex(8)
        hashed = await self._passwords.hash(password)
        body = {"name": name, "role": role.value, "password": hashed}
        await self._storage.put_document(OPERATORS, Document(id=user_id, body=body))
        return Operator(user_id=user_id, name=name, role=role)

    async def sign_in(self, name: str, password: str, *, address: str) -> Operator:
        """Raises SignInFailed, or TooManyTries before the password is looked at."""
        key = (address, name.casefold())
        self._tries.begin(key, self._clock.seconds())
        document = await self._find(name)
        hashed = document.body["password"] if document else None
        if not await self._passwords.fits(password, hashed) or document is None:
            raise SignInFailed("Name or password is wrong.")
        self._tries.succeeded(key)
        if self._passwords.outdated(document.body["password"]):
            await self._rehash(document, password)
        return _operator(document)

    async def operator(self, user_id: str) -> Operator | None:
        document = await self._storage.document(OPERATORS, user_id)
        return _operator(document) if document else None

    async def _find(self, name: str) -> Document | None:
        wanted = name.casefold()
        return next((d for d in await self._storage.documents(OPERATORS) if d.body["name"].casefold() == wanted), None)

    async def _rehash(self, document: Document, password: str) -> None:
        body = {**document.body, "password": await self._passwords.hash(password)}
        # Somebody else changing it at the same moment is as good.
        with contextlib.suppress(StorageConflict):
            await self._storage.put_document(OPERATORS, Document(id=document.id, body=body, version=document.version))


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One sign-in of an operator with one browser, as it is stored."""

    key: str
    user_id: str
    began_at: datetime
    used_at: datetime
    version: int

    def is_over(self, now: datetime) -> bool:
        return now - self.used_at > IDLE or now - self.began_at > LONGEST

    def wants_note(self, now: datetime) -> bool:
        return now - self.used_at > NOTE_USE_AFTER


class Sessions:
    """A session is a random token in a cookie; only its SHA-256 is kept: {operator, began_at, used_at}."""

    def __init__(self, storage: Storage, clock: Clock, accounts: Accounts) -> None:
        self._storage = storage
        self._clock = clock
        self._accounts = accounts
        self._sweeping = asyncio.Lock()

    async def begin(self, operator: Operator) -> str:
        """A new token. Old sessions that are over are swept out on the way."""
        await self._sweep()
        token = secrets.token_urlsafe(32)
        now = self._clock.now()
        session = Session(key=session_key(token), user_id=operator.user_id, began_at=now, used_at=now, version=0)
        await self._storage.put_document(SESSIONS, _session_document(session))
        return token

    async def session(self, key: str) -> Session | None:
        """It may be over."""
        document = await self._storage.document(SESSIONS, key)
        return _session(document) if document else None

    async def operator_of(self, key: str) -> Operator | None:
        """Who holds the session of this key; None when it is over. Asking is using."""
        session = await self.session(key)
        now = self._clock.now()
        if session is None or session.is_over(now):
            return None
        operator = await self._accounts.operator(session.user_id)
        if operator and session.wants_note(now):
            await self.note_use(session)
        return operator

    async def note_use(self, session: Session) -> Session:
        """The session as used now, also when that could not be stored: two tabs at once, or a full disk, must not sign
        anybody out."""
        used = replace(session, used_at=self._clock.now())
        try:
            stored = await self._storage.put_document(SESSIONS, _session_document(used))
        except StorageError:
            return used
        return replace(used, version=stored.version)

    async def end(self, key: str) -> None:
        await self._storage.delete_document(SESSIONS, key)

    async def _sweep(self) -> None:
        if self._sweeping.locked():
            return
        async with self._sweeping:
            now = self._clock.now()
            for document in await self._storage.documents(SESSIONS):
                if _session(document).is_over(now):
                    await self._storage.delete_document(SESSIONS, document.id)


def session_key(token: str) -> str:
    # A plain hash will do: the token has 256 random bits.
    return hashlib.sha256(token.encode()).hexdigest()


def _session(document: Document) -> Session:
    body = document.body
    return Session(
        key=document.id,
        user_id=body["operator"],
        began_at=parse_time(body["began_at"]),
        used_at=parse_time(body["used_at"]),
        version=document.version,
    )


def _session_document(session: Session) -> Document:
    body = {
        "operator": session.user_id,
        "began_at": rfc3339(session.began_at),
        "used_at": rfc3339(session.used_at),
    }
    return Document(id=session.key, body=body, version=session.version)


def _operator(document: Document) -> Operator:
    return Operator(user_id=document.id, name=document.body["name"], role=Role(document.body["role"]))
